//! Where another judge is known to differ from the strict reading, and why.
//!
//! A judge that differs elsewhere fails the test. So does one that agrees where
//! the table says that it does not: then the line can go.

use super::{
    artifact::{Artifact, Form},
    authority::KeyKind,
    judges::Judge,
    sigstore::{Defect, Log},
};

/// What is expected of a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Accepts,
    Refuses,
    /// It depends on bytes that are drawn anew in each run.
    Either,
}

/// A known difference.
struct Exception {
    judges: &'static [Judge],
    of: fn(&Artifact) -> bool,
    expected: Expected,
    /// Shown with the list of what was found.
    why: &'static str,
}

use Judge::{Cosign2, Cosign3, SigstoreGo};

const COSIGN: &[Judge] = &[Cosign2, Cosign3];
const EVERYBODY: &[Judge] = &[Cosign2, Cosign3, SigstoreGo];

/// What they cannot read. These come first: whoever refuses an artifact for
/// them does not see its defects.
const LIMITS: &[Exception] = &[
    Exception {
        judges: COSIGN,
        of: |it| !it.keyless && hashes_otherwise(it.key),
        expected: Expected::Refuses,
        why: "hashes with SHA-256 to verify with a key, although it signs with the hash of the curve",
    },
    Exception {
        judges: COSIGN,
        of: |it| it.keyless && it.form == Form::Tag && hashes_otherwise(it.key),
        expected: Expected::Refuses,
        why: "hashes with SHA-256 to verify what lies under a tag",
    },
    Exception {
        judges: EVERYBODY,
        of: |it| it.keyless && it.form == Form::Blob && it.key == KeyKind::Ed25519,
        expected: Expected::Refuses,
        why: "verifies a file by its digest, with which Ed25519 does not sign",
    },
    Exception {
        judges: &[Cosign2],
        of: |it| it.form == Form::Tag && it.defect == Some(Defect::TwoScts),
        expected: Expected::Refuses,
        why: "can be told of one certificate log for what lies under a tag",
    },
];

/// What floe is stricter about. They are expected to accept, but for what they
/// would refuse without the defect as well.
const LENIENCES: &[Exception] = &[
    Exception {
        judges: EVERYBODY,
        of: |it| it.defect == Some(Defect::NoPurpose),
        expected: Expected::Accepts,
        why: "Go takes a certificate without an extended key usage for one with all",
    },
    Exception {
        judges: EVERYBODY,
        of: |it| it.defect == Some(Defect::LeafIsCa),
        expected: Expected::Accepts,
        why: "a certificate that may issue others can sign as well",
    },
    Exception {
        judges: EVERYBODY,
        of: |it| it.defect == Some(Defect::TwoNames),
        expected: Expected::Accepts,
        why: "one of several names is enough",
    },
    Exception {
        judges: EVERYBODY,
        of: |it| it.defect == Some(Defect::TwoIssuers) && it.form != Form::Tag,
        expected: Expected::Accepts,
        why: "reads the newer extension and never the older one beside it",
    },
    Exception {
        judges: &[Cosign2],
        of: |it| it.defect == Some(Defect::StampSignedTwice),
        expected: Expected::Accepts,
        why: "one of several signers of a timestamp is enough",
    },
    Exception {
        judges: &[Cosign2],
        of: |it| it.defect == Some(Defect::SctBeforeLog) && it.form == Form::Tag,
        expected: Expected::Accepts,
        why: "is told of a certificate log without the time since when it is one",
    },
    Exception {
        judges: EVERYBODY,
        of: |it| it.defect == Some(Defect::IntegratedInFuture) && !it.keyless,
        expected: Expected::Accepts,
        why: "compares the time of a log with nothing but a certificate",
    },
    Exception {
        judges: &[Cosign3, SigstoreGo],
        of: |it| it.defect == Some(Defect::BodyForged) && it.log != Log::V1,
        expected: Expected::Either,
        why: "makes the entry of Rekor v2 anew, and only parses the one that is there",
    },
];

/// Keys with which cosign and others sign over another hash than SHA-256.
fn hashes_otherwise(key: KeyKind) -> bool {
    matches!(key, KeyKind::P384 | KeyKind::P521)
}

impl Exception {
    fn applies(&self, judge: Judge, artifact: &Artifact) -> bool {
        self.judges.contains(&judge) && (self.of)(artifact)
    }
}

/// What a judge is expected to say, and why, if that is not the strict reading.
pub(super) fn expected(judge: Judge, artifact: &Artifact) -> (Expected, &'static str) {
    if judge == Judge::Floe {
        return floe(artifact);
    }
    let applying = |table: &'static [Exception], artifact: &Artifact| {
        table
            .iter()
            .find(|exception| exception.applies(judge, artifact))
    };
    let limit = applying(LIMITS, artifact).or_else(|| applying(LIMITS, &artifact.whole()));
    if let Some(limit) = limit {
        return (limit.expected, limit.why);
    }
    match applying(LENIENCES, artifact) {
        Some(lenience) if artifact.whole().is_good() => (lenience.expected, lenience.why),
        _ if artifact.is_good() => (Expected::Accepts, ""),
        _ => (Expected::Refuses, ""),
    }
}

/// floe has no exceptions. Of a file with a certificate its command line asks
/// for a log entry, and there is no way to ask for less.
fn floe(artifact: &Artifact) -> (Expected, &'static str) {
    if artifact.form == Form::Blob && artifact.keyless && artifact.log == Log::None {
        (
            Expected::Refuses,
            "a file with a certificate must be in a log",
        )
    } else if artifact.is_good() {
        (Expected::Accepts, "")
    } else {
        (Expected::Refuses, "")
    }
}

/// The lines of the table that no artifact is an example of.
pub(super) fn without_example(artifacts: &[Artifact]) -> Vec<&'static str> {
    LIMITS
        .iter()
        .chain(LENIENCES)
        .filter(|exception| !artifacts.iter().any(|artifact| (exception.of)(artifact)))
        .map(|exception| exception.why)
        .collect()
}
