//! floe verifies what cosign signed without a key of its own, in every way that
//! cosign has, and refuses each twin for its own reason.

use floe_e2e::{
    floe::{self, Demanded, Root, Verified},
    gate::Gate,
    object,
    registry::{Image, Kind, Registry},
    scratch::Scratch,
    second_opinion::Signer,
    sigstore::{Change, Flow, GITHUB, Identity, Service, Sigstore},
};
use std::path::Path;

use crate::keyless::{keyless_image, signers};

fn signer(subject: &str, issuer: &str) -> Signer {
    Signer::Identity {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
    }
}

/// What `floe verify` says with a policy that asks for all that the flow gives.
fn verified(flow: Flow, signer: &Signer, root: &Path, image: &Image) -> Verified {
    let scratch = Scratch::new();
    let demanded = Demanded {
        signer,
        root: Root::File(root),
        log: flow.log().is_some(),
        timestamp: flow.has_timestamp(),
    };
    let policy = scratch.write("policy.yaml", demanded.policy());
    floe::verify(&policy, None, &[&image.pinned()])
}

#[test]
fn every_flow_by_every_issuer_is_verified_in_both_kinds_of_registry() {
    let root = Sigstore::shared().trusted_root();
    for (number, flow) in Flow::ALL.into_iter().enumerate() {
        for (other, identity) in signers().iter().enumerate() {
            let kind = [Kind::Ferro, Kind::Distribution][(number + other) % 2];
            let image = keyless_image(kind, flow, identity);
            let signer = signer(&identity.subject, &identity.issuer);
            let said = verified(flow, &signer, root, &image);
            assert_eq!(said.code, 0, "{flow:?} {kind:?} {signer:?}: {}", said.text);
        }
    }
}

#[test]
fn the_command_line_alone_verifies_what_is_in_a_log() {
    let sigstore = Sigstore::shared();
    let root = sigstore.trusted_root();
    let identity = sigstore.developer();
    for flow in Flow::ALL {
        let image = keyless_image(Kind::Ferro, flow, &identity);
        let good = signer(&identity.subject, &identity.issuer);
        let said = floe::verify_by(&good, root, &image.pinned());
        if flow.log().is_some() {
            assert_eq!(said.code, 0, "{flow:?}: {}", said.text);
        } else {
            refused(&said, "log-entry-missing");
        }
    }
}

#[track_caller]
fn refused(said: &Verified, code: &str) {
    assert_eq!(said.code, 6, "{}", said.text);
    let codes = said.codes();
    assert!(codes.iter().any(|found| found == code), "{code}: {codes:?}");
}

/// Each change of what is trusted, with the reason for which it refuses.
fn changes(flow: Flow) -> Vec<(Change, &'static str)> {
    let mut changes = vec![
        (
            Change::Without(Service::CertificateAuthority),
            "certificate-untrusted",
        ),
        (
            Change::Foreign(Service::CertificateAuthority),
            "certificate-untrusted",
        ),
        (
            Change::Ended(Service::CertificateAuthority),
            "certificate-untrusted",
        ),
        (Change::Without(Service::CertificateLog), "sct-invalid"),
        (Change::Foreign(Service::CertificateLog), "sct-invalid"),
        (Change::Ended(Service::CertificateLog), "sct-invalid"),
    ];
    if let Some(log) = flow.log() {
        changes.extend([
            (Change::Without(log), "log-unknown"),
            (Change::Foreign(log), "log-unknown"),
            (Change::Ended(log), "log-unknown"),
        ]);
    }
    if flow.has_timestamp() {
        let service = Service::TimestampAuthority;
        changes.extend([
            (Change::Without(service), "timestamp-invalid"),
            (Change::Foreign(service), "timestamp-invalid"),
            (Change::Ended(service), "timestamp-outside-validity"),
        ]);
    }
    changes
}

#[test]
fn every_flow_is_refused_where_the_root_lacks_or_replaces_or_ended_a_service() {
    let sigstore = Sigstore::shared();
    let identity = sigstore.developer();
    let signer = signer(&identity.subject, &identity.issuer);
    let mut wrong = Vec::new();
    for flow in Flow::ALL {
        let image = keyless_image(Kind::Ferro, flow, &identity);
        for (change, code) in changes(flow) {
            let root = sigstore.trusted_root_with(&[change]);
            let said = verified(flow, &signer, &root, &image);
            if said.code != 6 || !said.codes().iter().any(|found| found == code) {
                let codes = said.codes();
                wrong.push(format!("{flow:?} {change:?}: {} {codes:?}", said.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn another_identity_and_another_issuer_are_refused() {
    let sigstore = Sigstore::shared();
    let root = sigstore.trusted_root();
    let identity = sigstore.developer();
    for flow in Flow::ALL {
        let image = keyless_image(Kind::Ferro, flow, &identity);
        let with =
            |subject: &str, issuer: &str| verified(flow, &signer(subject, issuer), root, &image);
        let (subject, issuer) = (&identity.subject, &identity.issuer);
        refused(&with("eve@example.test", issuer), "identity-mismatch");
        refused(&with("DEV@example.test", issuer), "identity-mismatch");
        refused(&with(subject, GITHUB), "issuer-mismatch");
        refused(&with(subject, &format!("{issuer}/")), "issuer-mismatch");
    }
}

/// A policy by the claims of a workflow of GitHub, and one claim of it changed.
fn workflow_policy(field: &str, value: &str) -> String {
    let mut github = serde_json::json!({
        "repository": "octo/app", "workflow": ".github/workflows/release.yml",
        "ref": "refs/heads/main", "triggers": ["push"], "runner": "github-hosted",
        "repositoryId": 1001, "ownerId": 2002,
    });
    if field == "triggers" {
        github[field] = serde_json::json!([value]);
    } else if field.ends_with("Id") {
        github[field] = serde_json::json!(value.parse::<u64>().unwrap());
    } else if !field.is_empty() {
        github[field] = serde_json::json!(value);
    }
    serde_json::json!({
        "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "workflow"},
        "spec": {"match": {}, "authorities": [{
            "name": "ci", "keyless": {"github": github},
            "trustRoots": [{"file": Sigstore::shared().trusted_root()}],
        }]},
    })
    .to_string()
}

#[test]
fn the_claims_of_a_genuine_workflow_are_compared_one_by_one() {
    let identity = Identity::github("octo/app", "release.yml", "refs/heads/main");
    let scratch = Scratch::new();
    for flow in [Flow::Tag2, Flow::Rekor1, Flow::Rekor2] {
        let image = keyless_image(Kind::Ferro, flow, &identity);
        let verify = |field, value| {
            let policy = scratch.write("workflow.yaml", workflow_policy(field, value));
            floe::verify(&policy, None, &[&image.pinned()])
        };
        let said = verify("", "");
        assert_eq!(said.code, 0, "{flow:?}: {}", said.text);
        for (field, value) in [
            ("repository", "octo/other"),
            ("workflow", ".github/workflows/other.yml"),
            ("ref", "refs/tags/v1"),
            ("triggers", "workflow_dispatch"),
            ("runner", "self-hosted"),
            ("repositoryId", "1002"),
            ("ownerId", "2003"),
        ] {
            refused(&verify(field, value), "identity-mismatch");
        }
    }
}

#[test]
fn the_gate_admits_an_image_by_its_workflow_and_refuses_others() {
    let identity = Identity::github("octo/app", "release.yml", "refs/heads/main");
    let gate = Gate::with(&workflow_policy("", ""), &[]);
    for flow in [Flow::Tag2, Flow::Rekor2] {
        gate.admits(&object::pod(
            &keyless_image(Kind::Ferro, flow, &identity).pinned(),
        ));
    }
    let other = Identity::github("octo/other", "release.yml", "refs/heads/main");
    let image = keyless_image(Kind::Ferro, Flow::Rekor1, &other);
    gate.refuses(&object::pod(&image.pinned()), &["identity-mismatch"]);
    let unsigned = Registry::shared(Kind::Ferro).push_fresh_image();
    gate.refuses(&object::pod(&unsigned.pinned()), &["signature-missing"]);
}
