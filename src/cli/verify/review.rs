//! Judging an AdmissionReview again: the webhook's own decision, in another
//! place and at the same time.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::images::described;
use super::judge::{Circumstances, Review};
use crate::admission::{Caller, Coverage, Gate, Grounds, PolicyState, Request};
use crate::cli::{Stop, files};
use crate::source::Source;
use crate::verdict::Verdict;
use crate::verdict::report::{ImageReport, Place};
use crate::verifier::{Runtime, Verifier};

/// An AdmissionReview with what it does not say itself: the context of the
/// namespace, and when it was decided.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecordedReview<'a> {
    api_version: String,
    kind: String,
    /// The AdmissionReview.
    #[serde(borrow)]
    review: &'a RawValue,
    #[serde(default)]
    subject: RecordedSubject,
    /// The time of the decision, RFC 3339.
    at: Timestamp,
}

/// What was known about the namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecordedSubject {
    /// The channels of the namespace.
    channels: Option<Vec<Arc<str>>>,
    /// The labels of the namespace. Kept for policies that will select by
    /// them; none can yet.
    #[serde(default, rename = "namespaceLabels")]
    _namespace_labels: Option<std::collections::BTreeMap<String, String>>,
}

/// Only what tells the two forms apart.
#[derive(Debug, Deserialize)]
struct Header {
    kind: Option<String>,
}

/// Reads a bare or recorded review from `path`; `-` is standard input.
///
/// `channels` and `namespace` are what the user says. They may add to what the
/// review says, not contradict it.
pub(super) fn read(
    path: &Path,
    namespace: Option<&str>,
    channels: Option<Vec<Arc<str>>>,
    now: Timestamp,
) -> Result<Review, Stop> {
    let (name, text) = if path == Path::new("-") {
        ("standard input".to_owned(), files::standard_input()?)
    } else {
        (path.display().to_string(), files::text(path)?)
    };
    let unreadable = || format!("{name} is no AdmissionReview in JSON");
    let header: Header = serde_json::from_str(&text).with_context(unreadable)?;
    let mut review = if header.kind.as_deref() == Some("RecordedReview") {
        let recorded: RecordedReview<'_> =
            serde_json::from_str(&text).with_context(|| format!("{name} is no RecordedReview"))?;
        if recorded.api_version != "floe.dev/v1" || recorded.kind != "RecordedReview" {
            return Err(anyhow::anyhow!("{name} is no RecordedReview of floe.dev/v1").into());
        }
        Review {
            bytes: recorded.review.get().as_bytes().to_vec(),
            channels: recorded.subject.channels,
            at: recorded.at,
        }
    } else {
        Review {
            bytes: text.into_bytes(),
            channels: None,
            at: now,
        }
    };
    match (&review.channels, channels) {
        (Some(own), Some(said)) if *own != said => {
            return Err(Stop::usage(
                "--channel says something else than the recorded review; remove it",
            ));
        }
        (None, said @ Some(_)) => review.channels = said,
        _ => {}
    }
    let request = Request::read(&review.bytes).with_context(unreadable)?;
    if let (Some(said), Some(own)) = (namespace, request.namespace())
        && said != own
    {
        return Err(Stop::usage(format!(
            "the review is for namespace {own:?}, and --namespace says {said:?}; remove it"
        )));
    }
    Ok(review)
}

/// Decides `review` as the webhook does. No image and no refusal means that
/// there was nothing to judge.
pub(super) async fn replay<S: Source, R: Runtime>(
    verifier: Verifier<S, R>,
    review: &Review,
    circumstances: Circumstances,
) -> Result<Vec<ImageReport>, Stop> {
    let channels = review.channels.clone();
    let gate = Gate::new(
        verifier,
        Coverage::builtin(),
        Box::new(move |_| channels.clone()),
    );
    gate.set_policies(PolicyState::Ready(Arc::new(circumstances.policies)));
    let reviewed = gate
        .review(
            &review.bytes,
            circumstances.at,
            circumstances.deadline,
            Caller::Unauthenticated,
        )
        .await
        .context("the review cannot be answered")?;
    let request = reviewed.request.as_ref();
    let namespace = request.and_then(Request::namespace);
    let object =
        request.map(|request| described(&request.kind.kind, namespace, request.name.as_deref()));
    if let Grounds::Refused(finding) = &reviewed.grounds {
        let place = Place {
            file: None,
            object,
            field: "request".to_owned(),
            name: None,
        };
        let verdict = Verdict::refused(None, finding.clone());
        return Ok(vec![ImageReport::new("", namespace, vec![place], &verdict)]);
    }
    Ok(reviewed
        .grounds
        .images()
        .map(|image| {
            let places = image
                .uses()
                .map(|entry| Place {
                    file: None,
                    object: object.clone(),
                    field: entry.path.entry().to_string(),
                    name: entry.name.as_deref().map(str::to_owned),
                })
                .collect();
            ImageReport::new(image.written(), namespace, places, image.verdict())
        })
        .collect())
}
