//! Has every image judged.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::images::{Image, Question};
use crate::cli::console;
use crate::policy::PolicySet;
use crate::source::Source;
use crate::verdict::report::ImageReport;
use crate::verdict::{Subject, Verdict};
use crate::verifier::{Request, Runtime, Verifier};

/// Images judged at the same time. Every one may cost a few requests to its
/// registry, and registries limit clients.
const AT_ONCE: usize = 32;

/// What all images of a run have in common.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// The policies in force.
    pub(super) policies: PolicySet,
    /// The channels that the user names.
    pub(super) channels: Option<Vec<Arc<str>>>,
    /// The time of the decision.
    pub(super) at: Timestamp,
    /// When the answer must be there.
    pub(super) deadline: Instant,
}

/// A review to be decided again.
#[derive(Debug)]
pub(super) struct Review {
    /// The AdmissionReview.
    pub(super) bytes: Vec<u8>,
    /// The channels of its namespace.
    pub(super) channels: Option<Vec<Arc<str>>>,
    /// The time of the decision.
    pub(super) at: Timestamp,
}

/// Judges `images`; the answers are in their order.
pub(super) async fn judge<S: Source, R: Runtime>(
    verifier: &Verifier<S, R>,
    images: Vec<Image>,
    circumstances: &Circumstances,
) -> Vec<ImageReport> {
    let progress = console::progress(images.len());
    let reports = stream::iter(images)
        .map(|image| async {
            let verdict = one(verifier, &image, circumstances).await;
            progress.inc(1);
            ImageReport::new(
                image.written,
                image.namespace.as_deref(),
                image.places,
                &verdict,
            )
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    progress.finish_and_clear();
    reports
}

async fn one<S: Source, R: Runtime>(
    verifier: &Verifier<S, R>,
    image: &Image,
    circumstances: &Circumstances,
) -> Verdict {
    match &image.question {
        Question::Refused(finding) => Verdict::refused(None, finding.clone()),
        Question::Judge(reference) => {
            let subject = Subject {
                namespace: image.namespace.clone(),
                channels: circumstances.channels.clone(),
            };
            verifier
                .verify(Request {
                    reference,
                    subject: &subject,
                    policies: &circumstances.policies,
                    at: circumstances.at,
                    deadline: circumstances.deadline,
                })
                .await
        }
    }
}
