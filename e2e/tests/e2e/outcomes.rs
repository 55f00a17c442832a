//! How a decision reaches the user: warnings, obstacles, dry runs.

use floe_e2e::{
    cosign::{KeyPair, Layout},
    floe,
    gate::{self, Gate, WEBHOOK_TIMEOUT},
    object,
    registry::{Kind, Registry},
};

use crate::signed::signed_image;

#[test]
fn a_policy_that_warns_admits_with_a_warning() {
    let unsigned = Registry::shared(Kind::Ferro).push_fresh_image();
    let gate = Gate::with(&gate::policy("warn", KeyPair::trusted()), &[]);
    let pod = object::pod(&unsigned.pinned());
    let answer = gate.create(&pod, "");
    let warnings = answer.warnings.join("\n");
    assert!(warnings.contains("signature-missing"), "{warnings}");
    assert!(warnings.contains("e2e-warn"), "{warnings}");
    answer.admitted();
    assert!(gate.exists(&pod));

    let signed = signed_image(Kind::Ferro, Layout::Bundle);
    gate.admits(&object::pod(&signed.pinned()));
}

#[test]
fn an_image_that_no_policy_matches_is_refused() {
    let signed = signed_image(Kind::Ferro, Layout::Bundle);
    let elsewhere = gate::policy("enforce", KeyPair::trusted()).replace(
        "match: {}",
        "match: { images: [\"registry.example.com/**\"] }",
    );
    Gate::with(&elsewhere, &[]).refuses(&object::pod(&signed.pinned()), &["no-policy-matches"]);
}

#[test]
fn a_key_is_read_from_the_file_that_the_policy_names() {
    let signed = signed_image(Kind::Ferro, Layout::Bundle);
    let policy = format!(
        "apiVersion: floe.dev/v1
kind: TrustPolicy
metadata: {{ name: from-file }}
spec:
  match: {{}}
  authorities:
    - name: release-key
      key: {{ file: {} }}
",
        KeyPair::trusted().public_file().display()
    );
    let gate = Gate::with(&policy, &[]);
    gate.admits(&object::pod(&signed.pinned()));
    let unsigned = Registry::shared(Kind::Ferro).push_fresh_image();
    gate.refuses(&object::pod(&unsigned.pinned()), &["signature-missing"]);
}

#[test]
fn a_registry_that_is_down_is_an_obstacle_and_the_answer_comes_in_time() {
    let mut registry = Registry::start(Kind::Ferro);
    let image = registry.push_fresh_image();
    floe_e2e::cosign::sign(Layout::Bundle, KeyPair::trusted(), &image);
    registry.stop();
    let policy = gate::policy("enforce", KeyPair::trusted());
    let gate = Gate::with(&policy, &[&registry]);
    let pod = object::pod(&image.pinned());
    let answer = gate.create(&pod, "");
    assert!(answer.took < WEBHOOK_TIMEOUT, "{:?}", answer.took);
    let message = answer.refused(&["registry-unreachable"]);
    assert!(
        !message.contains("signature-missing"),
        "could not look is not nothing there: {message}"
    );
    assert!(!gate.exists(&pod));

    let reference = image.pinned();
    let verified = floe::verify(gate.policies(), Some(gate.namespace()), &[&reference]);
    assert_eq!(verified.code, 5, "{}", verified.text);
}

#[test]
fn a_dry_run_decides_fully_and_stores_nothing() {
    let signed = signed_image(Kind::Ferro, Layout::Bundle);
    let unsigned = Registry::shared(Kind::Ferro).push_fresh_image();
    let gate = Gate::enforcing();
    let good = object::pod(&signed.pinned());
    gate.create(&good, "?dryRun=All").admitted();
    assert!(!gate.exists(&good));
    let bad = object::pod(&unsigned.pinned());
    gate.create(&bad, "?dryRun=All")
        .refused(&["signature-missing"]);
    assert!(!gate.exists(&bad));
}

#[test]
fn verify_of_a_reference_says_what_the_gate_says() {
    let gate = Gate::enforcing();
    let signed = signed_image(Kind::Distribution, Layout::SignatureTag).pinned();
    let unsigned = Registry::shared(Kind::Distribution)
        .push_fresh_image()
        .pinned();
    let verify =
        |arguments: &[&str]| floe::verify(gate.policies(), Some(gate.namespace()), arguments);
    let verified = verify(&[&signed]);
    assert_eq!(verified.code, 0, "{}", verified.text);
    let verified = verify(&[&unsigned]);
    assert_eq!(verified.code, 6, "{}", verified.text);
    assert!(
        verified.codes().contains(&"signature-missing".to_owned()),
        "{}",
        verified.text
    );
    let verified = verify(&[&signed, &unsigned]);
    assert_eq!(verified.code, 6, "{}", verified.text);
}
