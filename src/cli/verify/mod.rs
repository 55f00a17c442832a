//! `floe verify`: the same answer as the webhook's, before anything is sent to
//! a cluster.

mod arguments;
mod blob;
mod images;
mod judge;
mod manifests;
mod review;

pub(super) use arguments::VerifyArguments;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use jiff::Timestamp;

use super::console::{self, Tone};
use super::{Exit, Stop, policies};
use crate::oci::Reference;
use crate::policy::PolicySet;
use crate::source::Source;
use crate::source::layout::Layout;
use crate::verdict::report::{Detail, ImageReport, Report, Uncovered, Wording};
use crate::verifier::{Blocking, Limits, Runtime, Verifier};
use arguments::Output;
use images::{Image, Images};
use judge::{Circumstances, Review, judge};

/// Verifies, prints the answer, and says how the process ends.
pub(super) fn run(arguments: &VerifyArguments) -> Result<Exit, Stop> {
    arguments.check()?;
    let now = Timestamp::now();
    let deadline = Instant::now() + arguments.timeout;
    let channels: Option<Vec<Arc<str>>> = (!arguments.channel.is_empty()).then(|| {
        arguments
            .channel
            .iter()
            .map(|name| Arc::from(name.as_str()))
            .collect()
    });
    if let Some(bundle) = &arguments.bundle {
        return self::bundle(arguments, bundle, now);
    }
    let namespace = arguments.namespace.as_deref();

    let mut uncovered = Vec::new();
    let work = match &arguments.review {
        Some(path) => Work::Review(review::read(path, namespace, channels.clone(), now)?),
        None => {
            let images = images(arguments, &mut uncovered)?;
            // Objects that were passed over on request are no image either: who
            // called this expects something to be verified.
            if images.is_empty() && uncovered.iter().all(|object| object.allowed) {
                return Err(Stop::usage(
                    "nothing to verify: the manifests name no image",
                ));
            }
            Work::Images(images)
        }
    };
    let judged_for = match &work {
        Work::Review(review) => review.channels.clone(),
        Work::Images(_) => channels.clone(),
    };
    let circumstances = Circumstances {
        policies: policies_of(arguments)?,
        channels,
        at: match &work {
            Work::Review(review) => review.at,
            Work::Images(_) => now,
        },
        deadline,
    };
    let at = circumstances.at;
    let images = judged(arguments, work, circumstances)?;
    let report = Report::new(at, images, uncovered);
    answer(
        arguments,
        judged_for.as_deref().unwrap_or_default(),
        &report,
    )?;
    Ok(exit(&report))
}

/// Verifies a file by the bundle that came with it.
fn bundle(arguments: &VerifyArguments, bundle: &Path, now: Timestamp) -> Result<Exit, Stop> {
    let text = arguments.references.first().map_or("", String::as_str);
    let named = blob::named(text)?;
    let policies = match (
        &arguments.certificate_identity,
        &arguments.certificate_oidc_issuer,
    ) {
        (Some(identity), Some(issuer)) => {
            policies::of_identity(identity, issuer, &arguments.roots)?
        }
        _ => policies::of_keys_for_files(&arguments.key, &arguments.roots)?,
    };
    let image = blob::judge(bundle, text, &named, &policies, now)?;
    let report = Report::new(now, vec![image], Vec::new());
    answer(arguments, &[], &report)?;
    Ok(exit(&report))
}

/// What there is to do.
enum Work {
    Images(Vec<Image>),
    Review(Review),
}

impl Work {
    async fn done<S: Source, R: Runtime>(
        self,
        verifier: Verifier<S, R>,
        circumstances: Circumstances,
    ) -> Result<Vec<ImageReport>, Stop> {
        match self {
            Self::Images(images) => Ok(judge(&verifier, images, &circumstances).await),
            Self::Review(review) => review::replay(verifier, &review, circumstances).await,
        }
    }
}

/// The images that the user names and those that manifests name.
fn images(arguments: &VerifyArguments, uncovered: &mut Vec<Uncovered>) -> Result<Vec<Image>, Stop> {
    let namespace = arguments.namespace.as_deref();
    let mut images = Images::default();
    for text in &arguments.references {
        if let Err(error) = text.parse::<Reference>() {
            return Err(Stop::usage(format!("{text:?}: {error}")));
        }
        images.add(Image::written(text, namespace), None);
    }
    let said = manifests::Said {
        namespace,
        allowed: &arguments.allow_uncovered,
    };
    uncovered.extend(manifests::read(&arguments.manifests, &said, &mut images)?);
    Ok(images.into_list())
}

/// The policies that the user names, or the one that a key or an identity
/// stands for.
fn policies_of(arguments: &VerifyArguments) -> Result<PolicySet, Stop> {
    match (
        &arguments.certificate_identity,
        &arguments.certificate_oidc_issuer,
    ) {
        (Some(identity), Some(issuer)) => policies::of_identity(identity, issuer, &arguments.roots),
        _ if arguments.key.is_empty() => {
            policies::load(&arguments.policy, &arguments.roots.configured()?)
        }
        _ => policies::of_keys(&arguments.key),
    }
}

fn judged(
    arguments: &VerifyArguments,
    work: Work,
    circumstances: Circumstances,
) -> Result<Vec<ImageReport>, Stop> {
    let whereabouts = arguments.whereabouts.whereabouts()?;
    let Some(folder) = &arguments.layout else {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the runtime cannot be started")?;
        return runtime.block_on(async {
            let verifier = arguments.registry.verifier(whereabouts)?;
            work.done(verifier, circumstances).await
        });
    };
    let layout =
        Layout::open(folder).with_context(|| format!("{} is no image layout", folder.display()))?;
    let verifier = Verifier::located(layout, Blocking, Limits::default(), whereabouts);
    // No executor, no threads, no socket.
    Blocking.run(work.done(verifier, circumstances))
}

fn answer(arguments: &VerifyArguments, channels: &[Arc<str>], report: &Report) -> Result<(), Stop> {
    let blocks = match arguments.output {
        Output::Json => {
            let text =
                serde_json::to_string_pretty(report).context("the report has no JSON form")?;
            vec![(Tone::Plain, text)]
        }
        Output::Text | Output::Sarif | Output::Junit => blocks(arguments, channels, report),
    };
    console::print(&blocks).context("the answer cannot be written")?;
    Ok(())
}

fn blocks(
    arguments: &VerifyArguments,
    channels: &[Arc<str>],
    report: &Report,
) -> Vec<(Tone, String)> {
    let wording = Wording {
        detail: if arguments.explain {
            Detail::Explain
        } else {
            Detail::Short
        },
        again: arguments.again(channels),
        by_keys: !arguments.key.is_empty(),
    };
    let mut blocks = Vec::new();
    if report.images.is_empty() && report.uncovered.is_empty() {
        let text = "allowed: the review brings no image that is to be judged".to_owned();
        blocks.push((Tone::Good, text));
    }
    if !arguments.key.is_empty() {
        let resolved = report.images.iter().filter_map(ImageReport::resolution);
        blocks.extend(resolved.map(|line| (Tone::Plain, line)));
    }
    for image in &report.images {
        let tone = match (image.is_denied(), image.has_warnings()) {
            (true, _) => Tone::Bad,
            (false, true) => Tone::Warning,
            (false, false) => Tone::Good,
        };
        blocks.push((tone, image.to_text(wording.clone())));
    }
    for object in &report.uncovered {
        let tone = if object.allowed {
            Tone::Warning
        } else {
            Tone::Bad
        };
        blocks.push((tone, object.to_text()));
    }
    blocks
}

/// 6 if anything bad was found under a policy that enforces, else 5 if anything
/// could not be looked at, else 0.
fn exit(report: &Report) -> Exit {
    let uncovered = report.uncovered.iter().any(|object| !object.allowed);
    let mut denied = report.images.iter().filter(|image| image.is_denied());
    if uncovered || denied.clone().any(|image| !image.inconclusive) {
        Exit::Denied
    } else if denied.next().is_some() {
        Exit::Inconclusive
    } else {
        Exit::Success
    }
}
