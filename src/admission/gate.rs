//! One review, from bytes to bytes.

use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::grounds::{Grounds, Judged, Nothing};
use super::in_force::InForce;
use super::object::Object;
use super::references::{Coverage, ImageUse};
use super::response::{self, Caller};
use super::review::{Operation, Request, ReviewError};
use super::update;
use super::wire::clip;
use crate::oci::Reference;
use crate::policy::PolicySet;
use crate::source::Source;
use crate::verdict::{Code, Finding, Subject, Verdict};
use crate::verifier::{self, Prepared, Runtime, Verifier};

/// The policies that a gate works with.
#[derive(Debug, Clone)]
pub enum PolicyState {
    /// Nothing was loaded yet: everything that carries an image is denied.
    NotSynced,
    /// There is nothing to judge by, for this reason: everything that carries
    /// an image is denied with it.
    Refused(Finding),
    /// These.
    Ready(Arc<PolicySet>),
}

/// Which channels a namespace has; `None` where that is not known.
pub type ChannelsOf = Box<dyn Fn(&str) -> Option<Vec<Arc<str>>> + Send + Sync>;

/// Decides AdmissionReviews.
pub struct Gate<S, R> {
    verifier: Verifier<S, R>,
    in_force: ArcSwap<InForce>,
    coverage: Coverage,
    channels: ChannelsOf,
}

impl<S, R> fmt::Debug for Gate<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// A review with its answer.
#[derive(Debug)]
pub struct Reviewed<'b> {
    /// The body to send.
    pub response: Vec<u8>,
    /// The request, unless it could not be read.
    pub request: Option<Request<'b>>,
    /// The uid that was echoed.
    pub uid: Cow<'b, str>,
    /// What the answer rests on.
    pub grounds: Grounds<'b>,
}

impl<S: Source, R: Runtime> Gate<S, R> {
    /// A gate that denies with `not-synced` until [`Gate::set_policies`].
    pub fn new(verifier: Verifier<S, R>, coverage: Coverage, channels: ChannelsOf) -> Self {
        Self {
            verifier,
            in_force: ArcSwap::from_pointee(InForce::new(PolicyState::NotSynced)),
            coverage,
            channels,
        }
    }

    /// Puts other policies in force, for reviews that begin after this.
    pub fn set_policies(&self, state: PolicyState) {
        self.in_force.store(Arc::new(InForce::new(state)));
    }

    /// Decides the review in `bytes` as of `at`. Complete before `deadline`, as
    /// far as the engine keeps it.
    ///
    /// A panic on the way is a denial of this review.
    ///
    /// # Errors
    ///
    /// Only where no answer can be addressed or understood:
    /// [`ReviewError::Protocol`] and [`ReviewError::Unanswerable`].
    pub async fn review<'b>(
        &self,
        bytes: &'b [u8],
        at: Timestamp,
        deadline: Instant,
        caller: Caller,
    ) -> Result<Reviewed<'b>, ReviewError> {
        let request = match Request::read(bytes) {
            Ok(request) => request,
            Err(ReviewError::Malformed { uid, detail }) => {
                let finding = Finding::violation(
                    Code::ReviewMalformed,
                    format!("the AdmissionReview cannot be read: {detail}"),
                );
                return Ok(Reviewed::new(
                    None,
                    Cow::Owned(uid),
                    Grounds::Refused(finding),
                    caller,
                ));
            }
            Err(error) => return Err(error),
        };
        // Nothing that the future touches is used after a panic but the request
        // and immutable snapshots.
        let grounds = AssertUnwindSafe(self.decide(&request, at, deadline))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                Grounds::Refused(Finding::violation(
                    Code::InternalError,
                    "the check itself failed; this is a defect of floe, and its log says more",
                ))
            });
        let uid = request.uid.0.clone();
        Ok(Reviewed::new(Some(request), uid, grounds, caller))
    }

    /// The denial of a review that was not decided, with the reason why not.
    ///
    /// # Errors
    ///
    /// As for [`Gate::review`].
    pub fn undecided<'b>(
        &self,
        bytes: &'b [u8],
        caller: Caller,
        why: Finding,
    ) -> Result<Reviewed<'b>, ReviewError> {
        let request = Request::read(bytes)?;
        let uid = request.uid.0.clone();
        Ok(Reviewed::new(
            Some(request),
            uid,
            Grounds::Refused(why),
            caller,
        ))
    }

    async fn decide<'b>(
        &self,
        request: &Request<'b>,
        at: Timestamp,
        deadline: Instant,
    ) -> Grounds<'b> {
        // These carry no image by their nature, so that no policy is needed for
        // them: what runs must be deletable while floe starts.
        if matches!(request.operation, Operation::Delete | Operation::Connect)
            || matches!(request.subresource(), Some("scale" | "status"))
        {
            return Grounds::Nothing(Nothing::NoImages);
        }
        let in_force = self.in_force.load_full();
        let policies = match &in_force.state {
            PolicyState::Ready(policies) => policies,
            PolicyState::Refused(finding) => return Grounds::Refused(finding.clone()),
            PolicyState::NotSynced => {
                return Grounds::Refused(Finding::blocked(
                    Code::NotSynced,
                    "floe has just started and has not loaded its policies yet",
                ));
            }
        };
        let uses = match self.plan(request) {
            Ok(Plan::Images(uses)) => uses,
            Ok(Plan::Nothing(why)) => return Grounds::Nothing(why),
            Err(finding) => return Grounds::Refused(finding),
        };
        let subject = Subject {
            namespace: request.namespace().map(Arc::from),
            channels: request.namespace().and_then(|name| (self.channels)(name)),
        };
        let judging = Judging {
            in_force: &in_force,
            policies,
            subject: &subject,
            at,
            deadline,
        };
        self.judge(uses, judging).await
    }

    /// Which images are to be judged.
    fn plan<'b>(&self, request: &Request<'b>) -> Result<Plan<'b>, Finding> {
        let list = |object: Option<&Object<'b>>| {
            self.coverage
                .references_in(request, object)
                .map_err(|error| Finding::violation(error.code(), error.to_string()))
        };
        let mut uses = list(request.object.as_ref())?;
        if uses.is_empty() {
            return Ok(Plan::Nothing(Nothing::NoImages));
        }
        // Everything is new against an old object that is missing – and against
        // one that cannot be read, which is a reason to look, not to refuse.
        if request.operation == Operation::Update
            && let Some(old) = &request.old_object
            && let Ok(old) = list(Some(old))
        {
            update::retain_new(&mut uses, &old);
            if uses.is_empty() {
                return Ok(Plan::Nothing(Nothing::NothingNew));
            }
        }
        Ok(Plan::Images(uses))
    }

    /// Judges each reference once: what is known at once, and the rest all at
    /// the same time.
    async fn judge<'b>(&self, uses: Vec<ImageUse<'b>>, judging: Judging<'_>) -> Grounds<'b> {
        let mut verdict_of = Vec::with_capacity(uses.len());
        let mut distinct: Vec<&str> = Vec::with_capacity(uses.len());
        for entry in &uses {
            let image = entry.image.as_str();
            let index = distinct.iter().position(|known| *known == image);
            verdict_of.push(index.unwrap_or(distinct.len()));
            if index.is_none() {
                distinct.push(image);
            }
        }
        let now = self.verifier.now();
        let mut verdicts = Vec::with_capacity(distinct.len());
        let mut open = Vec::new();
        for image in distinct {
            match self.recall(image, judging, now) {
                Ok(verdict) => verdicts.push(verdict),
                Err(reference) => {
                    open.push((verdicts.len(), reference));
                    verdicts.push(Verdict::refused(None, undecided()));
                }
            }
        }
        if !open.is_empty() {
            let looking = open.iter().map(|(_, prepared)| {
                let request = judging.request(prepared.reference());
                self.verifier.verify(request)
            });
            let found = join_all(looking).await;
            for ((index, _), verdict) in open.iter().zip(found) {
                verdicts[*index] = verdict;
            }
        }
        Grounds::Judged(Judged {
            uses,
            verdict_of,
            verdicts,
        })
    }

    /// The verdict as far as it needs nothing that is not in memory; else what
    /// is to be looked at.
    fn recall(
        &self,
        image: &str,
        judging: Judging<'_>,
        now: Instant,
    ) -> Result<Verdict, Arc<Prepared>> {
        let Judging {
            in_force,
            policies,
            subject,
            ..
        } = judging;
        let prepare = |reference| self.verifier.prepare(reference, subject, policies);
        let prepared = match in_force.prepared(image, subject, prepare) {
            Ok(prepared) => prepared,
            Err(error) => {
                let sentence = format!("not an image reference: {}", with_sources(&error));
                let finding = Finding::violation(Code::ReferenceInvalid, sentence);
                return Ok(Verdict::refused(None, finding));
            }
        };
        let request = judging.request(prepared.reference());
        match self.verifier.recall(&request, &prepared, now) {
            Some(verdict) => Ok(verdict),
            None => Err(prepared),
        }
    }
}

/// What the images of one review have in common.
#[derive(Clone, Copy)]
struct Judging<'r> {
    in_force: &'r InForce,
    policies: &'r PolicySet,
    subject: &'r Subject,
    at: Timestamp,
    deadline: Instant,
}

impl<'r> Judging<'r> {
    const fn request(self, reference: &'r Reference) -> verifier::Request<'r> {
        verifier::Request {
            reference,
            subject: self.subject,
            policies: self.policies,
            at: self.at,
            deadline: self.deadline,
        }
    }
}

/// Stands in for a verdict that is on its way: a denial, should it ever be seen.
fn undecided() -> Finding {
    Finding::blocked(Code::InternalError, "the image was not judged")
}

enum Plan<'b> {
    Images(Vec<ImageUse<'b>>),
    Nothing(Nothing),
}

impl<'b> Reviewed<'b> {
    fn new(
        request: Option<Request<'b>>,
        uid: Cow<'b, str>,
        grounds: Grounds<'b>,
        caller: Caller,
    ) -> Self {
        let namespace = request.as_ref().and_then(Request::namespace);
        let response = response::render(&uid, namespace, &grounds, caller);
        Self {
            response,
            request,
            uid,
            grounds,
        }
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    clip(&text, 300).into_owned()
}
