//! The second verifier is one: it accepts what cosign signed, by every demand
//! that fits, and refuses each twin.

use floe_e2e::{
    registry::{Image, Kind, Registry},
    scratch::Scratch,
    second_opinion::{self, Artifact, Demands, Question, Signer},
    sigstore::{Change, Flow, Identity, Service, Sigstore},
};

use crate::keyless::keyless_image;

/// What fits a bundle of this flow, when everything is required that it has.
pub(crate) fn demands(flow: Flow) -> Demands {
    Demands {
        log: u8::from(flow.log().is_some()),
        sct: 1,
        timestamps: u8::from(flow.has_timestamp()),
        observed_times: 1,
    }
}

fn question(scratch: &Scratch, flow: Flow, signer: &Identity, image: &Image) -> Question {
    let bundle = &Registry::shared(Kind::Ferro).bundles(image)[0];
    Question {
        bundle: scratch.write(&format!("{flow:?}.json"), bundle),
        trusted_root: Sigstore::shared().trusted_root().to_owned(),
        artifact: Artifact::Digest(image.digest.clone()),
        signer: Signer::Identity {
            subject: signer.subject.clone(),
            issuer: signer.issuer.clone(),
        },
        demands: demands(flow),
    }
}

/// The reason for a refusal with one word of this, by what was changed.
fn twins(good: &Question, flow: Flow) -> Vec<(Question, &'static str)> {
    let sigstore = Sigstore::shared();
    let with_root = |change| Question {
        trusted_root: sigstore.trusted_root_with(&[change]),
        ..good.clone()
    };
    let with_signer = |subject: &str, issuer: &str| Question {
        signer: Signer::Identity {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
        },
        ..good.clone()
    };
    let own = sigstore.issuer().url();
    let other_digest = format!("sha256:{}", "0".repeat(64));
    let mut twins = vec![
        (with_signer("eve@example.test", own), "CertificateIdentity"),
        (
            with_signer("dev@example.test", "https://gitlab.com"),
            "CertificateIdentity",
        ),
        (
            Question {
                artifact: Artifact::Digest(other_digest),
                ..good.clone()
            },
            "digest",
        ),
        (
            with_root(Change::Foreign(Service::CertificateAuthority)),
            "leaf certificate",
        ),
        (
            with_root(Change::Without(Service::CertificateLog)),
            "signed certificate timestamp",
        ),
        (
            with_root(Change::Foreign(Service::CertificateLog)),
            "signed certificate timestamp",
        ),
    ];
    if let Some(log) = flow.log() {
        twins.push((with_root(Change::Without(log)), "log"));
        twins.push((with_root(Change::Foreign(log)), "log"));
    }
    if flow.log() == Some(Service::RekorV1) {
        // An entry of Rekor v2 carries no time, and sigstore-go compares the
        // validity of a log with nothing else.
        twins.push((with_root(Change::Ended(Service::RekorV1)), "log"));
    }
    if flow.has_timestamp() {
        let service = Service::TimestampAuthority;
        twins.push((with_root(Change::Without(service)), "timestamp"));
        twins.push((with_root(Change::Foreign(service)), "timestamp"));
        twins.push((with_root(Change::Ended(service)), "timestamp"));
    }
    twins
}

#[test]
fn sigstore_go_accepts_every_bundle_and_refuses_its_twins() {
    let scratch = Scratch::new();
    let signer = Sigstore::shared().developer();
    let mut questions = Vec::new();
    let mut expected = Vec::new();
    for flow in Flow::ALL.into_iter().filter(|flow| flow.is_bundle()) {
        let image = keyless_image(Kind::Ferro, flow, &signer);
        let good = question(&scratch, flow, &signer, &image);
        for (twin, reason) in twins(&good, flow) {
            questions.push(twin);
            expected.push((flow, Some(reason)));
        }
        questions.push(good);
        expected.push((flow, None));
    }
    let opinions = second_opinion::ask(&questions);
    for ((opinion, (flow, reason)), question) in opinions.iter().zip(&expected).zip(&questions) {
        match (opinion, reason) {
            (Ok(()), None) => {}
            (Err(refusal), Some(reason)) if refusal.contains(reason) => {}
            _ => panic!("{flow:?}: expected {reason:?}, got {opinion:?}: {question:?}"),
        }
    }
}
