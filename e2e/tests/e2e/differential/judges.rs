//! Every judge gets the same question about an exhibit.

use floe_e2e::{
    cosign_opinion::{self, Target, Version},
    floe::{self, Demanded, Root},
    scratch::Scratch,
    second_opinion::{self, Demands, Signer},
};

use super::exhibit::{Exhibit, Subject};

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    Floe,
    Cosign2,
    Cosign3,
    SigstoreGo,
}

/// Accepted, or why not.
pub(super) type Judgement = Result<(), String>;

/// What floe says. A policy asks for all that the signature was made with; for
/// a file, the command line asks for a log entry if there is a certificate.
pub(super) fn floe(exhibit: &Exhibit) -> Judgement {
    let root = &exhibit.trusted.root;
    let verified = match &exhibit.subject {
        Subject::Blob(blob) => {
            let bundle = exhibit.bundle.as_deref().unwrap();
            floe::verify_blob(&exhibit.signer, root, bundle, blob)
        }
        Subject::Image(image) => {
            let scratch = Scratch::new();
            let demanded = Demanded {
                signer: &exhibit.signer,
                root: Root::File(root),
                log: exhibit.log,
                timestamp: exhibit.stamp,
            };
            let policy = scratch.write("policy.yaml", demanded.policy());
            floe::verify(&policy, None, &[&image.pinned()])
        }
    };
    match verified.code {
        0 => Ok(()),
        6 => Err(verified.codes().join(" ")),
        // Neither did it refuse: it could not look.
        other => panic!("floe ended with {other}: {}", verified.text),
    }
}

/// What one cosign says.
pub(super) fn cosign(version: Version, exhibit: &Exhibit) -> Judgement {
    let target = match &exhibit.subject {
        Subject::Image(image) if exhibit.tag => Target::Tag(image),
        Subject::Image(image) => Target::Bundle(image),
        Subject::Blob(blob) => Target::Blob {
            blob,
            bundle: exhibit.bundle.as_deref().unwrap(),
        },
    };
    let question = cosign_opinion::Question {
        target,
        signer: exhibit.signer.clone(),
        log: exhibit.log,
        timestamp: exhibit.stamp,
        trust: exhibit.trusted.for_cosign(),
    };
    cosign_opinion::ask(version, &question)
}

/// What sigstore-go says of those that it can read: it knows only bundles.
pub(super) fn sigstore_go(exhibits: &[Exhibit]) -> Vec<Option<Judgement>> {
    let questions: Vec<_> = exhibits.iter().filter_map(question).collect();
    let mut answers = second_opinion::ask(&questions).into_iter();
    exhibits
        .iter()
        .map(|exhibit| exhibit.bundle.as_ref().and_then(|_| answers.next()))
        .collect()
}

fn question(exhibit: &Exhibit) -> Option<second_opinion::Question> {
    let keyless = matches!(exhibit.signer, Signer::Identity { .. });
    Some(second_opinion::Question {
        bundle: exhibit.bundle.clone()?,
        trusted_root: exhibit.trusted.root.clone(),
        artifact: match &exhibit.subject {
            Subject::Image(image) => second_opinion::Artifact::Digest(image.digest.clone()),
            Subject::Blob(blob) => second_opinion::Artifact::File(blob.clone()),
        },
        signer: exhibit.signer.clone(),
        demands: Demands {
            log: exhibit.log.into(),
            sct: keyless.into(),
            timestamps: exhibit.stamp.into(),
            observed_times: keyless.into(),
        },
    })
}
