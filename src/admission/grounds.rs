//! What a review was decided on.

use super::references::ImageUse;
use crate::verdict::{Code, Decision, Finding, Verdict};

/// What an answer rests on.
#[derive(Debug)]
pub enum Grounds<'b> {
    /// There was nothing to judge.
    Nothing(Nothing),
    /// Every image was judged.
    Judged(Judged<'b>),
    /// The review itself is refused; no image was looked at.
    Refused(Finding),
}

/// Why there was nothing to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nothing {
    /// The operation, subresource or kind carries no image.
    NoImages,
    /// The update brings no image that was not there before.
    NothingNew,
}

impl Nothing {
    /// The word in metrics and audit annotations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoImages => "no-images",
            Self::NothingNew => "nothing-new",
        }
    }
}

/// Images with their verdicts. The same reference in several places has one
/// verdict.
#[derive(Debug)]
pub struct Judged<'b> {
    pub(super) uses: Vec<ImageUse<'b>>,
    /// For each of `uses`, the index of its verdict.
    pub(super) verdict_of: Vec<usize>,
    pub(super) verdicts: Vec<Verdict>,
}

/// One verdict, and the places that it is for.
#[derive(Debug, Clone, Copy)]
pub struct JudgedImage<'j, 'b> {
    judged: &'j Judged<'b>,
    index: usize,
}

impl<'b> Grounds<'b> {
    /// Whether the object may be admitted. The only place that says so:
    /// everything starts from a denial, and a list of verdicts that is empty is
    /// one.
    pub fn allows(&self) -> bool {
        match self {
            Self::Nothing(Nothing::NoImages | Nothing::NothingNew) => true,
            Self::Judged(judged) => {
                !judged.verdicts.is_empty()
                    && judged.verdicts.iter().all(|verdict| !is_denied(verdict))
            }
            Self::Refused(_) => false,
        }
    }

    /// Each verdict with its places; empty where no image was judged.
    pub fn images(&self) -> impl Iterator<Item = JudgedImage<'_, 'b>> {
        let judged = match self {
            Self::Judged(judged) => Some(judged),
            Self::Nothing(_) | Self::Refused(_) => None,
        };
        judged.into_iter().flat_map(|judged| {
            (0..judged.verdicts.len()).map(move |index| JudgedImage { judged, index })
        })
    }

    /// The codes of all findings, each once, in the order of their appearance.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = Vec::new();
        let mut add = |code: Code| {
            if !codes.contains(&code) {
                codes.push(code);
            }
        };
        if let Self::Refused(finding) = self {
            add(finding.code);
        }
        for image in self.images() {
            for finding in image.verdict().all_findings() {
                add(finding.code);
            }
        }
        codes
    }
}

fn is_denied(verdict: &Verdict) -> bool {
    match verdict.decision() {
        Decision::Deny => true,
        Decision::Allow => false,
    }
}

impl<'j, 'b> JudgedImage<'j, 'b> {
    /// Whether this image is refused.
    pub fn is_denied(&self) -> bool {
        is_denied(self.verdict())
    }

    /// What was decided.
    pub fn verdict(&self) -> &'j Verdict {
        &self.judged.verdicts[self.index]
    }

    /// Where the image stands, at least one place.
    pub fn uses(&self) -> impl Iterator<Item = &'j ImageUse<'b>> + use<'j, 'b> {
        let index = self.index;
        self.judged
            .uses
            .iter()
            .zip(&self.judged.verdict_of)
            .filter(move |(_, of)| **of == index)
            .map(|(entry, _)| entry)
    }

    /// The reference as written.
    pub fn written(&self) -> &'j str {
        self.uses().next().map_or("", |entry| entry.image.as_str())
    }
}
