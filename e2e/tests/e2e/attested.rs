//! What cosign attests without a key of its own is what a policy of level
//! `attested` asks for, and each twin is refused for its own reason.

use floe_e2e::{
    floe,
    registry::{Image, Kind, Registry},
    scratch::Scratch,
    sigstore::{Flow, Identity, Predicate, Sigstore},
};
use serde_json::{Value, json};

use crate::keyless::keyless_image;

/// One way under a tag, one bundle in each log.
const FLOWS: [Flow; 3] = [Flow::Tag2, Flow::Rekor1, Flow::Rekor2];
const REVIEW: &str = "https://example.test/review/v1";

fn workflow(repository: &str) -> Identity {
    Identity::github(repository, "release.yml", "refs/heads/main")
}

fn provenance(builder: &str) -> Predicate {
    Predicate {
        kind: "slsaprovenance1",
        text: json!({
            "buildDefinition": {
                "buildType": "https://example.test/build/v1", "externalParameters": {},
            },
            "runDetails": {"builder": {"id": builder}},
        })
        .to_string(),
    }
}

fn review(approvals: u8) -> Predicate {
    Predicate {
        kind: REVIEW,
        text: json!({"approvals": approvals}).to_string(),
    }
}

/// What is demanded of provenance, and what of a review.
fn demands() -> [Value; 2] {
    [
        json!({
            "predicateType": "https://slsa.dev/provenance/v1", "by": ["ci"],
            "builder": "https://example.test/builders/*",
        }),
        json!({
            "predicateType": REVIEW, "by": ["ci"], "cel": ["predicate.approvals >= 2"],
        }),
    ]
}

/// Judges an image under a policy that wants it signed and attested.
#[track_caller]
fn judged(what: &str, image: &Image, demand: &Value, codes: &[&str]) {
    let scratch = Scratch::new();
    let policy = json!({
        "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "attested"},
        "spec": {
            "match": {}, "level": "attested", "attestations": [demand],
            "authorities": [{
                "name": "ci",
                "keyless": {"github": {
                    "repository": "octo/app", "workflow": ".github/workflows/release.yml",
                    "ref": "refs/heads/main",
                }},
                "trustRoots": [{"file": Sigstore::shared().trusted_root()}],
            }],
        },
    });
    let policy = scratch.write("policy.yaml", policy.to_string());
    let said = floe::verify(&policy, None, &[&image.pinned()]);
    let code = if codes.is_empty() { 0 } else { 6 };
    assert_eq!(said.code, code, "{what}: {}", said.text);
    assert_eq!(said.distinct_codes(), codes, "{what}: {}", said.text);
}

/// A signed image with this attestation by this workflow.
fn attested(flow: Flow, repository: &str, predicate: &Predicate) -> Image {
    let image = keyless_image(Kind::Ferro, flow, &workflow("octo/app"));
    Sigstore::shared().attest(flow, &workflow(repository), &image, predicate);
    image
}

#[test]
fn what_cosign_attests_is_found_in_every_layout_and_its_conditions_are_judged() {
    let predicates = [provenance("https://example.test/builders/7"), review(2)];
    let bad = [provenance("https://example.test/other/7"), review(1)];
    for flow in FLOWS {
        for ((good, bad), demand) in predicates.iter().zip(&bad).zip(&demands()) {
            let what = format!("{flow:?} {}", good.kind);
            judged(&what, &attested(flow, "octo/app", good), demand, &[]);
            let image = attested(flow, "octo/app", bad);
            judged(&what, &image, demand, &["attestation-condition-failed"]);
        }
    }
}

#[test]
fn what_another_workflow_attests_is_missing() {
    let [demand, _] = demands();
    let good = provenance("https://example.test/builders/7");
    for flow in FLOWS {
        let image = attested(flow, "octo/other", &good);
        let codes = ["attestation-missing", "identity-mismatch"];
        judged(&format!("{flow:?}"), &image, &demand, &codes);
    }
}

#[test]
fn a_signature_is_no_attestation_and_an_attestation_no_signature() {
    let sigstore = Sigstore::shared();
    let signer = workflow("octo/app");
    let [demand, _] = demands();
    for flow in FLOWS {
        let what = format!("{flow:?}");
        let image = keyless_image(Kind::Ferro, flow, &signer);
        judged(&what, &image, &demand, &["attestation-missing"]);

        let image = Registry::shared(Kind::Ferro).push_fresh_image();
        let good = provenance("https://example.test/builders/7");
        sigstore.attest(flow, &signer, &image, &good);
        let codes = ["predicate-not-a-signature", "signature-missing"];
        judged(&what, &image, &demand, &codes);
    }
}
