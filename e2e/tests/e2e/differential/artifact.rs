//! What is generated: every form of signature with every kind of key, log and
//! timestamp, whole and with every defect that it can have.

use std::fmt;

use super::{
    authority::KeyKind,
    sigstore::{Defect, Log, Stamp},
};

/// How the signature is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A bundle that is attached to an image.
    Bundle,
    /// Under the tag of an image, as cosign 2 does.
    Tag,
    /// A bundle beside a file.
    Blob,
}

/// One signature to be made and judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Artifact {
    pub(super) form: Form,
    /// Signed with a certificate for a moment, or with a key that is known.
    pub(super) keyless: bool,
    pub(super) key: KeyKind,
    pub(super) log: Log,
    pub(super) stamp: Stamp,
    pub(super) defect: Option<Defect>,
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signer = if self.keyless {
            "certificate"
        } else {
            "known key"
        };
        write!(
            f,
            "{:?}, {signer} {:?}, log {:?}, stamp {:?}, defect {:?}",
            self.form, self.key, self.log, self.stamp, self.defect
        )
    }
}

const FORMS: [Form; 3] = [Form::Bundle, Form::Tag, Form::Blob];
const LOGS: [Log; 4] = [Log::V1, Log::V2, Log::V2Ecdsa, Log::None];
const STAMPS: [Stamp; 3] = [Stamp::Embedded, Stamp::None, Stamp::Bare];

/// Everything that is generated in a long run, in an order in which neighbours
/// differ little.
pub(super) fn all() -> Vec<Artifact> {
    let mut all = Vec::new();
    let mut rotation = 0;
    for form in FORMS {
        for keyless in [true, false] {
            for log in LOGS {
                for stamp in STAMPS {
                    let whole = |key| Artifact {
                        form,
                        keyless,
                        key,
                        log,
                        stamp,
                        defect: None,
                    };
                    all.extend(KeyKind::ALL.map(whole).iter().filter(|it| it.can_be()));
                    // Each defect meets each kind of key in turn.
                    rotation += 1;
                    for (number, defect) in Defect::ALL.iter().enumerate() {
                        let key = KeyKind::ALL[(number + rotation) % KeyKind::ALL.len()];
                        let broken = Artifact {
                            defect: Some(*defect),
                            ..whole(key)
                        };
                        if broken.can_be() {
                            all.push(broken);
                        }
                    }
                }
            }
        }
    }
    all
}

/// The fixed hundred: the same ones in each run, far apart from each other, so
/// that everything that can be chosen is among them.
pub(super) fn hundred() -> Vec<Artifact> {
    let all = all();
    // A prime that does not divide the number of all.
    let stride = 617;
    assert!(!all.len().is_multiple_of(stride));
    (0..100).map(|n| all[n * stride % all.len()]).collect()
}

impl Artifact {
    /// Whether somebody could have made it.
    fn can_be(&self) -> bool {
        let second = matches!(self.log, Log::V2 | Log::V2Ecdsa);
        if self.form == Form::Tag && second {
            // There is no place for an inclusion proof.
            return false;
        }
        let hashed = second || self.form != Form::Bundle;
        if self.key == KeyKind::Ed25519 && self.log != Log::None && hashed {
            // What keeps a digest takes no signature over the message itself.
            return false;
        }
        self.has_place()
    }

    /// Whether the defect has a place in this artifact.
    fn has_place(&self) -> bool {
        let Some(defect) = self.defect else {
            return true;
        };
        let place = match part(defect) {
            Part::Certificate => self.keyless,
            Part::Chain => self.keyless && self.form != Form::Tag,
            Part::Signature => true,
            Part::Statement => self.form == Form::Bundle,
            Part::Subject => self.form != Form::Blob,
            Part::Entry => self.log != Log::None,
            Part::Promise => self.log == Log::V1,
            Part::Proof => self.log != Log::None && self.form != Form::Tag,
            Part::Stamp => self.stamp != Stamp::None,
            Part::Lifetime => self.keyless && self.log == Log::V1,
            Part::StampLifetime => self.keyless && self.stamp != Stamp::None,
            Part::Nowhere => false,
        };
        place && defect.concerns(self.log)
    }

    /// The same without a defect.
    pub(super) fn whole(&self) -> Self {
        Self {
            defect: None,
            ..*self
        }
    }

    /// Whether the strict reading accepts it, when everything is required that
    /// it was made with: known by how it was made.
    pub(super) fn is_good(&self) -> bool {
        let timed = match self.defect {
            Some(Defect::NoPromise) => self.stamp != Stamp::None,
            _ => self.log == Log::V1 || self.stamp != Stamp::None,
        };
        let harmless = match self.defect {
            None => true,
            // Both logs are known.
            Some(Defect::TwoScts) => true,
            // An inclusion proof proves an entry; only its time is lost.
            Some(Defect::NoPromise) => self.form != Form::Tag,
            Some(_) => false,
        };
        harmless && (timed || !self.keyless)
    }
}

/// What a defect is about.
enum Part {
    /// The certificate and its timestamps.
    Certificate,
    /// The certificates beside it in a bundle.
    Chain,
    /// The signature itself.
    Signature,
    /// An envelope or the statement in it.
    Statement,
    /// What a signature of an image names.
    Subject,
    /// An entry in any log.
    Entry,
    /// What only Rekor v1 signs.
    Promise,
    /// What a bundle has of a log besides.
    Proof,
    /// The timestamp.
    Stamp,
    /// A time of a log beside a certificate's.
    Lifetime,
    /// A timestamp beside a certificate's.
    StampLifetime,
    /// Not written in any of the forms.
    Nowhere,
}

fn part(defect: Defect) -> Part {
    match defect {
        Defect::NoPurpose
        | Defect::OtherPurpose
        | Defect::NoSct
        | Defect::TwoScts
        | Defect::SctOfUnknownLog
        | Defect::SctOfAnotherIssuer
        | Defect::SctForged
        | Defect::SctBeforeLog
        | Defect::LeafIsCa
        | Defect::UnknownCriticalExtension
        | Defect::NoName
        | Defect::TwoNames
        | Defect::NameWithNul
        | Defect::NameInCapitals
        | Defect::IssuerWithSlash
        | Defect::TwoIssuers
        | Defect::CertificateOfStranger
        | Defect::CertificateExpired
        | Defect::CertificateTooYoung => Part::Certificate,
        Defect::ChainInV03 => Part::Chain,
        // PEM is where two can be.
        Defect::TwoCertificates => Part::Nowhere,
        Defect::SignatureOfAnotherKey | Defect::SignatureForged => Part::Signature,
        Defect::NoSubject
        | Defect::TwoSignatures
        | Defect::NoSignature
        | Defect::OtherPayloadType => Part::Statement,
        Defect::OtherSubject => Part::Subject,
        Defect::EntryOfAnother | Defect::BodyForged | Defect::LogIdOfAnotherLog => Part::Entry,
        Defect::NoPromise
        | Defect::PromiseForged
        | Defect::PromiseOfStranger
        | Defect::IntegratedInFuture
        | Defect::IntegratedTimeForged => Part::Promise,
        Defect::NoProof
        | Defect::PathForged
        | Defect::ProofOfAnotherSize
        | Defect::CheckpointOfAnotherLog
        | Defect::CheckpointForged
        | Defect::CheckpointUnsigned
        | Defect::NoCheckpoint
        | Defect::TwoEntries => Part::Proof,
        Defect::IntegratedTooLate => Part::Lifetime,
        Defect::StampOfAnother
        | Defect::StampOfStranger
        | Defect::StampForged
        | Defect::StampSignedTwice => Part::Stamp,
        Defect::StampTooLate => Part::StampLifetime,
    }
}

#[test]
fn there_are_more_than_a_thousand_artifacts_and_the_hundred_have_some_of_each_kind() {
    assert!(all().len() >= 1000, "{}", all().len());
    let hundred = hundred();
    for form in FORMS {
        for good in [true, false] {
            let some = hundred
                .iter()
                .filter(|artifact| artifact.form == form && artifact.is_good() == good)
                .count();
            assert!(some >= 2, "{form:?}, good {good}: {some}");
        }
    }
    for log in LOGS {
        assert!(hundred.iter().any(|artifact| artifact.log == log));
    }
    for key in KeyKind::ALL {
        assert!(hundred.iter().any(|artifact| artifact.key == key));
    }
}
