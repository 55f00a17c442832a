//! One `TrustPolicy` document, read field by field.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::authority::{self, Asked, AuthoritySpec, Written};
use super::fields::{Complaint, Object, Walk};
use super::pattern::{ImagePattern, NamePattern};
use super::require;
use super::select::{Matcher, Requirement};
use super::{AttestationRequirement, MultiArch, Tags, condition, duration};
use crate::trust::OldBundles;
use crate::verdict::{Enforcement, PolicyName};

/// The one version of the document.
pub(super) const API_VERSION: &str = "floe.dev/v1";
/// How long evidence is used in an outage unless the policy says otherwise.
const KNOWN_GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A document that was read without complaint.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: PolicyName,
    pub(super) matcher: Matcher,
    pub(super) enforcement: Enforcement,
    pub(super) tags: Tags,
    pub(super) authorities: Vec<AuthoritySpec>,
    pub(super) requirement: Option<Requirement>,
    pub(super) multi_arch: MultiArch,
    pub(super) signed_for_repository: bool,
    pub(super) old_bundles: OldBundles,
    pub(super) attestations: Vec<AttestationRequirement>,
    pub(super) known_good_for: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Unverified,
    Verified,
    Attested,
}

/// Reads a document. `file` turns the path of a file, as written, into the one
/// to open.
pub(super) fn read(value: &Value, file: &dyn Fn(&str) -> String) -> Result<Spec, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut walk = Walk {
        complaints: &mut complaints,
    };
    let spec = document(&mut walk, value, file);
    match spec {
        Some(spec) if complaints.is_empty() => Ok(spec),
        _ => Err(complaints),
    }
}

/// What a document that does not compile is about, if at least that can be
/// read.
pub(super) fn scope(value: &Value) -> Option<(PolicyName, Option<Matcher>)> {
    let name = value.pointer("/metadata/name")?.as_str()?;
    let mut complaints = Vec::new();
    let mut walk = Walk {
        complaints: &mut complaints,
    };
    let matcher = value
        .pointer("/spec/match")
        .filter(|value| !value.is_null())
        .and_then(|value| matcher(&mut walk, value));
    let matcher = matcher.filter(|_| complaints.is_empty());
    Some((
        PolicyName(name.chars().take(253).collect::<String>().into()),
        matcher,
    ))
}

fn document(walk: &mut Walk<'_>, value: &Value, file: &dyn Fn(&str) -> String) -> Option<Spec> {
    let root = walk.object("", value, &["apiVersion", "kind", "metadata", "spec"])?;
    match root.get("apiVersion").and_then(Value::as_str) {
        Some(API_VERSION) => {}
        _ => walk.complain("apiVersion", format!("must be {API_VERSION}")),
    }
    match root.get("kind").and_then(Value::as_str) {
        Some("TrustPolicy") => {}
        Some(kind @ ("PromotionPath" | "Exemption" | "Revocation")) => {
            walk.complain("kind", format!("{kind}: not supported yet; remove it"));
            return None;
        }
        _ => {
            walk.complain("kind", "must be TrustPolicy");
            return None;
        }
    }
    let name = name(walk, &root);
    let Some(spec) = root.get("spec") else {
        walk.complain("spec", "is missing");
        return None;
    };
    const KNOWN: &[&str] = &[
        "match",
        "enforcement",
        "level",
        "tags",
        "authorities",
        "require",
        "attestations",
        "transparencyLog",
        "timestamps",
        "certificateTransparency",
        "insecureOldBundles",
        "multiArch",
        "signedFor",
        "outage",
    ];
    let spec = walk.object("spec", spec, KNOWN)?;
    let matcher = match spec.get("match") {
        Some(value) => matcher(walk, value),
        None => {
            walk.complain(
                "spec.match",
                "is missing; write `match: {}` for a policy about everything",
            );
            None
        }
    };
    let enforcement = walk.choice(
        &spec,
        "enforcement",
        &[
            ("enforce", Enforcement::Enforce),
            ("warn", Enforcement::Warn),
            ("off", Enforcement::Off),
        ],
    );
    let levels = [
        ("unverified", Level::Unverified),
        ("verified", Level::Verified),
        ("attested", Level::Attested),
    ];
    let level = match spec.get("level") {
        None => Some(Level::Verified),
        Some(_) => walk.choice(&spec, "level", &levels),
    };
    walk.choice(&spec, "tags", &[("deny", ())]);
    let asked = authority::asked(walk, &spec);
    let multi_arch = [
        ("index", MultiArch::Index),
        ("everyChild", MultiArch::EveryChild),
        ("child", MultiArch::Child),
    ];
    let multi_arch = walk.choice(&spec, "multiArch", &multi_arch);
    let signed_for = walk.choice(&spec, "signedFor", &[("repository", ())]);
    let authorities = authority::read(walk, &spec, asked, file);
    let names: Vec<_> = authorities.iter().map(|(name, _)| &**name).collect();
    let attestations = attestations(walk, &spec, level, &names);
    let requirement = requirement(walk, &spec, level, asked, &names, &attestations);
    let known_good_for = outage(walk, &spec);
    Some(Spec {
        name: name?,
        matcher: matcher?,
        enforcement: enforcement.unwrap_or_default(),
        tags: Tags::Deny,
        authorities: authorities
            .into_iter()
            .map(|(_, authority)| authority)
            .collect::<Option<_>>()?,
        requirement,
        multi_arch: multi_arch.unwrap_or_default(),
        signed_for_repository: signed_for.is_some(),
        old_bundles: asked.old_bundles,
        attestations,
        known_good_for,
    })
}

fn name(walk: &mut Walk<'_>, root: &Object<'_>) -> Option<PolicyName> {
    let Some(metadata) = root.get("metadata") else {
        walk.complain("metadata.name", "is missing");
        return None;
    };
    let metadata = walk.object("metadata", metadata, &["name", "labels", "annotations"])?;
    for field in ["labels", "annotations"] {
        let Some(value) = metadata.get(field) else {
            continue;
        };
        let strings = value
            .as_object()
            .is_some_and(|map| map.values().all(Value::is_string));
        if !strings {
            walk.complain(metadata.path_of(field), "must be an object of strings");
        }
    }
    if metadata.get("name").is_none() {
        walk.complain("metadata.name", "is missing");
    }
    let name = walk.string(&metadata, "name")?;
    let legal = name.len() <= 253 && name.split('.').all(is_dns_label);
    if !legal {
        walk.complain(
            "metadata.name",
            "must be a DNS name: lower-case letters, digits, hyphens and dots, at most 253",
        );
        return None;
    }
    Some(PolicyName(name.into()))
}

/// Whether Kubernetes would take `text` as one label of a DNS name.
pub(super) fn is_dns_label(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| word(b) || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn matcher(walk: &mut Walk<'_>, value: &Value) -> Option<Matcher> {
    const NOTHING: &str = "an empty list matches nothing; remove it to match everything";
    let object = walk.object("spec.match", value, &["images", "channels", "namespaces"])?;
    let images = walk.strings(&object, "images", NOTHING, |text| {
        ImagePattern::parse(text).map_err(|error| error.to_string())
    });
    let channels = walk.strings(&object, "channels", NOTHING, |text| {
        if is_dns_label(text) {
            Ok(Arc::from(text))
        } else {
            Err("is not the name of a channel; use lower-case letters, digits, hyphens".to_owned())
        }
    });
    let mut namespaces = Vec::new();
    if let Some(value) = object.get("namespaces") {
        let path = object.path_of("namespaces");
        if let Some(object) = walk.object(&path, value, &["names"]) {
            if !object.has("names") && !object.has("selector") {
                walk.complain(
                    &path,
                    "names no namespace; write `names`, or remove it to match every namespace",
                );
            }
            namespaces = walk.strings(&object, "names", NOTHING, |text| {
                NamePattern::parse(text).map_err(|error| error.to_string())
            });
        }
    }
    for field in ["images", "channels", "namespaces"] {
        if object.has(field) && object.get(field).is_none() {
            walk.complain(
                object.path_of(field),
                "is null; remove it to match everything",
            );
        }
    }
    Some(Matcher {
        images,
        channels,
        namespaces,
    })
}

/// The attestations that level `attested` demands. Under a lower level they
/// would look like a demand and be none.
fn attestations(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    level: Option<Level>,
    names: &[&str],
) -> Vec<AttestationRequirement> {
    let read = condition::read(walk, spec, names);
    let path = spec.path_of("attestations");
    match level {
        Some(Level::Attested) if !spec.has("attestations") => walk.complain(
            path,
            "level `attested` needs attestations; name one, or write `level: verified`",
        ),
        Some(Level::Unverified | Level::Verified) if spec.has("attestations") => walk.complain(
            path,
            "only level `attested` looks at attestations; write that level, or remove this",
        ),
        _ => {}
    }
    read
}

fn requirement(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    level: Option<Level>,
    asked: Asked,
    names: &[&str],
    attestations: &[AttestationRequirement],
) -> Option<Requirement> {
    let listed = spec.get("authorities").is_some();
    match level? {
        Level::Unverified => {
            let fields = [
                ("authorities", spec.has("authorities")),
                ("require", spec.has("require")),
                ("multiArch", spec.has("multiArch")),
                ("signedFor", spec.has("signedFor")),
                ("insecureOldBundles", spec.has("insecureOldBundles")),
                ("transparencyLog", asked.log == Some(Written::Required)),
                ("timestamps", asked.timestamps == Some(Written::Required)),
                (
                    "certificateTransparency",
                    asked.sct == Some(Written::Required),
                ),
            ];
            for (field, _) in fields.into_iter().filter(|(_, written)| *written) {
                walk.complain(
                    spec.path_of(field),
                    "level `unverified` checks no signature; remove this or the level",
                );
            }
            None
        }
        Level::Verified | Level::Attested if !listed => {
            walk.complain(
                "spec.authorities",
                "levels `verified` and `attested` need authorities; name one, or write `level: unverified` \
                 to demand a digest only",
            );
            None
        }
        Level::Verified | Level::Attested => match spec.get("require") {
            Some(value) => {
                let attests = |at: usize| attestations.iter().any(|a| a.by.contains(&at));
                require::read(walk, value, names, &attests)
            }
            None if spec.has("require") => {
                walk.complain("spec.require", "is null; remove it to accept any authority");
                None
            }
            None => Some(require::any_of_all(names.len())),
        },
    }
}

fn outage(walk: &mut Walk<'_>, spec: &Object<'_>) -> Duration {
    let parse = |walk: &mut Walk<'_>| {
        let object = walk.object("spec.outage", spec.get("outage")?, &["knownGoodFor"])?;
        let text = walk.string(&object, "knownGoodFor")?;
        match duration::parse(text) {
            Ok(length) => Some(length),
            Err(message) => {
                walk.complain(object.path_of("knownGoodFor"), message);
                None
            }
        }
    };
    parse(walk).unwrap_or(KNOWN_GOOD_FOR)
}
