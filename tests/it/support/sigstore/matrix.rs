//! Every combination of form, key, log, timestamp and defect that makes sense,
//! in a fixed order, so that the same thousand artifacts are judged everywhere.

use super::authority::{Image, KeyKind};
use super::{Defect, EntryKind, Layout, Log, Signing, Sigstore, Stamp, Version};

/// One combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) layout: Layout,
    pub(crate) key: KeyKind,
    pub(crate) log: Log,
    /// Where a log has several kinds of entry for this content.
    pub(crate) entry: EntryKind,
    pub(crate) stamp: Stamp,
    pub(crate) defect: Option<Defect>,
}

impl Case {
    /// Combinations without a defect, for images.
    pub(crate) fn sound() -> Vec<Self> {
        Self::sound_in(&[
            Layout::Bundle(Version::V03),
            Layout::Sig,
            Layout::Att,
            Layout::Bundle(Version::V02),
            Layout::Bundle(Version::V01),
        ])
    }

    /// Combinations without a defect in these layouts.
    pub(crate) fn sound_in(layouts: &[Layout]) -> Vec<Self> {
        let mut all = Vec::new();
        for layout in layouts.iter().copied() {
            for key in KeyKind::ALL {
                for log in [Log::V1, Log::V2, Log::V2Ecdsa] {
                    for stamp in [Stamp::None, Stamp::Embedded, Stamp::Bare] {
                        for entry in entries(layout, log) {
                            let case = Self {
                                layout,
                                key,
                                log,
                                entry: *entry,
                                stamp,
                                defect: None,
                            };
                            if case.exists() {
                                all.push(case);
                            }
                        }
                    }
                }
            }
        }
        all
    }

    /// Each of the sound combinations, and after it each defect that it can
    /// have.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::sound().into_iter().flat_map(|sound| {
            let broken = Defect::ALL.iter().map(move |defect| Self {
                defect: Some(*defect),
                ..sound
            });
            std::iter::once(sound).chain(broken.filter(|case| case.is_broken()))
        })
    }

    /// About `count` of [`Self::all`], evenly spread, sound ones as well.
    pub(crate) fn some(count: usize) -> Vec<Self> {
        let all: Vec<_> = Self::all().collect();
        // A step that shares no factor with the length meets everything in the
        // end, and neighbours of a form never in a row.
        let step = (all.len() / count).max(1) | 1;
        all.into_iter().step_by(step).collect()
    }

    /// Begins the signature.
    pub(crate) fn signing<'a>(&self, sigstore: &'a Sigstore, image: &Image) -> Signing<'a> {
        let signing = match self.layout {
            Layout::Message(_) => sigstore.sign_blob(&blob(image)),
            _ => sigstore.sign(image),
        };
        let signing = signing
            .layout(self.layout)
            .key(self.key)
            .log(self.log)
            .entry(self.entry)
            .stamp(self.stamp);
        match self.defect {
            Some(defect) => signing.broken(defect),
            None => signing,
        }
    }

    /// Whether somebody could have made it: the second generation says no time,
    /// wants keys of P-256 in the entries that verifiers know, and is not found
    /// in the legacy layouts and in bundles of version 0.1.
    fn exists(&self) -> bool {
        let second = matches!(self.log, Log::V2 | Log::V2Ecdsa);
        let old = matches!(
            self.layout,
            Layout::Sig
                | Layout::Att
                | Layout::Bundle(Version::V01)
                | Layout::Message(Version::V01)
        );
        !second || (self.stamp != Stamp::None && !old && self.key == KeyKind::P256)
    }

    /// Whether the defect changes anything about this combination.
    fn is_broken(&self) -> bool {
        let Some(defect) = self.defect else {
            return false;
        };
        let stamped = self.stamp != Stamp::None;
        let envelope = self.layout != Layout::Sig;
        let legacy = matches!(self.layout, Layout::Sig | Layout::Att);
        let applies = match defect {
            Defect::StampOfAnother
            | Defect::StampOfStranger
            | Defect::StampForged
            | Defect::StampSignedTwice
            | Defect::StampTooLate => stamped,
            // Both are sound where something else does the same.
            Defect::NoPromise => legacy || self.layout == Layout::Bundle(Version::V01),
            Defect::NoProof => !legacy && self.layout != Layout::Bundle(Version::V01),
            Defect::NoCheckpoint
            | Defect::PathForged
            | Defect::ProofOfAnotherSize
            | Defect::CheckpointOfAnotherLog
            | Defect::CheckpointForged
            | Defect::CheckpointUnsigned
            | Defect::TwoEntries => !legacy,
            Defect::NoSubject
            | Defect::TwoSignatures
            | Defect::NoSignature
            | Defect::OtherPayloadType => envelope,
            Defect::ChainInV03 => self.layout == Layout::Bundle(Version::V03),
            Defect::TwoCertificates => legacy,
            // What nobody refuses, or only for another reason.
            Defect::TwoScts | Defect::TwoNames => false,
            _ => true,
        };
        applies && defect.concerns(self.log)
    }
}

/// The file that is signed in place of an image where a form is for files.
pub(crate) fn blob(image: &Image) -> Vec<u8> {
    format!("a file beside {}\n", image.digest).into_bytes()
}

/// The kinds of entry that are made of a content.
fn entries(layout: Layout, log: Log) -> &'static [EntryKind] {
    match (log, layout) {
        (Log::V2 | Log::V2Ecdsa, _) => &[EntryKind::HashedRekord002],
        (_, Layout::Sig | Layout::Message(_)) => &[EntryKind::HashedRekord],
        (_, Layout::Att) => &[EntryKind::Dsse, EntryKind::InToto],
        (_, Layout::Bundle(_)) => &[EntryKind::Dsse, EntryKind::InToto002],
    }
}
