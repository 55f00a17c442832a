//! The whole pipeline over image layouts: real documents, real cryptography,
//! no network.

use std::time::{Duration, Instant};

use floe::oci::Reference;
use floe::policy::{PolicyDocument, PolicySet, compile};
use floe::source::layout::Layout;
use floe::trust::Materials;
use floe::verdict::{Decision, Status, Subject, Verdict};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::Timestamp;
use serde_json::json;

use crate::support::authority::{
    Image, Key, KeyKind, RepositoryContents, cosign_bundle, cosign_legacy, raw_bundle,
};

const REPOSITORY: &str = "registry.example.com/app";

/// A policy for everything, with one inline key an authority.
pub(crate) fn policies(keys: &[(&str, &Key)], require: serde_json::Value) -> PolicySet {
    let authorities: Vec<_> = keys
        .iter()
        .map(|(name, key)| json!({"name": name, "key": {"pem": key.pem()}}))
        .collect();
    let mut spec = json!({"match": {}, "authorities": authorities});
    if !require.is_null() {
        spec["require"] = require;
    }
    let document = json!({
        "apiVersion": "floe.dev/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": "prod"},
        "spec": spec,
    });
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: document.to_string(),
    };
    compile(&[document])
        .expect("a policy that compiles")
        .bind(&Materials::default())
}

fn one_key(key: &Key) -> PolicySet {
    policies(&[("ci", key)], serde_json::Value::Null)
}

fn verify(contents: &RepositoryContents, reference: &str, policies: &PolicySet) -> Verdict {
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let layout = Layout::open(folder.path()).expect("a layout");
    let verifier = Verifier::new(layout, Blocking, Limits::default());
    let reference: Reference = reference.parse().expect("a reference");
    let subject = Subject::default();
    Blocking.run(verifier.verify(Request {
        reference: &reference,
        subject: &subject,
        policies,
        at: Timestamp::UNIX_EPOCH,
        deadline: Instant::now() + Duration::from_secs(10),
    }))
}

fn pinned(image: &Image) -> String {
    format!("{REPOSITORY}@{}", image.digest)
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    let mut codes: Vec<_> = verdict.all_findings().map(|f| f.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn assert_refused(verdict: &Verdict, expected: &[&str]) {
    assert_eq!(verdict.decision(), Decision::Deny, "{verdict:?}");
    assert_eq!(codes(verdict), expected, "{verdict:?}");
}

#[test]
fn an_image_signed_in_either_layout_is_admitted_and_the_signer_is_named() {
    for kind in KeyKind::ALL {
        let key = Key::generate(kind);
        let mut contents = RepositoryContents::new();
        let bundle = contents.image("bundle");
        contents.sign_bundle(&bundle, &key);
        let legacy = contents.image("legacy");
        contents.sign_legacy(&legacy, &key);
        for image in [bundle, legacy] {
            let verdict = verify(&contents, &pinned(&image), &one_key(&key));
            assert_eq!(verdict.decision(), Decision::Allow, "{kind:?} {verdict:?}");
            let outcome = &verdict.outcomes()[0];
            assert_eq!(outcome.status, Some(Status::Satisfied));
            let fingerprint = floe::oci::Digest::sha256(key.spki());
            let signers: Vec<_> = outcome
                .signers
                .iter()
                .map(|by| (&*by.authority, by.signer.to_string()))
                .collect();
            assert_eq!(signers, [("ci", format!("key {fingerprint}"))]);
        }
    }
}

#[test]
fn an_image_without_a_signature_is_refused_as_unsigned() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_refused(&verdict, &["signature-missing"]);
    assert!(!verdict.is_inconclusive());
}

#[test]
fn a_signature_by_another_key_is_refused_and_named() {
    let (key, stranger) = (Key::generate(KeyKind::P256), Key::generate(KeyKind::P256));
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_bundle(&image, &stranger);
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_refused(
        &verdict,
        &["signature-missing", "signature-not-by-authority"],
    );
}

#[test]
fn a_signature_copied_from_another_image_is_refused() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let (image, other) = (contents.image("v1"), contents.image("v2"));
    contents.attach(&image, &cosign_bundle(&key, &other));
    contents.attach(&image, &cosign_legacy(&key, &other));
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_refused(&verdict, &["signature-missing", "subject-mismatch"]);
}

#[test]
fn an_sbom_is_not_a_signature() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.attest_sbom(&image, &key);
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_refused(
        &verdict,
        &["predicate-not-a-signature", "signature-missing"],
    );
    contents.sign_legacy(&image, &key);
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_eq!(
        verdict.decision(),
        Decision::Allow,
        "a bundle hides no .sig"
    );
}

#[test]
fn a_broken_signature_beside_a_good_one_blocks_nothing() {
    let key = Key::generate(KeyKind::P256);
    for broken in [
        raw_bundle("not json"),
        raw_bundle("{}"),
        cosign_bundle(
            &Key::generate(KeyKind::P256),
            &RepositoryContents::new().image("another"),
        ),
    ] {
        let mut contents = RepositoryContents::new();
        let image = contents.image("v1");
        contents.attach(&image, &broken);
        assert_eq!(
            verify(&contents, &pinned(&image), &one_key(&key)).decision(),
            Decision::Deny,
            "alone it proves nothing"
        );
        contents.sign_bundle(&image, &key);
        let verdict = verify(&contents, &pinned(&image), &one_key(&key));
        assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    }
}

#[test]
fn a_blob_that_is_missing_is_an_obstacle_and_not_an_absence() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let manifest = contents.sign_bundle(&image, &key);
    let text = String::from_utf8_lossy(&contents.manifests[&manifest].1).into_owned();
    let value: serde_json::Value = serde_json::from_str(&text).expect("json");
    let layer = value["layers"][0]["digest"].as_str().expect("a digest");
    contents.blobs.remove(&layer.parse().expect("a digest"));
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_eq!(verdict.decision(), Decision::Deny);
    assert!(verdict.is_inconclusive(), "{verdict:?}");
    assert!(
        codes(&verdict)
            .iter()
            .all(|code| ["content-missing", "layout-unreadable"].contains(code)),
        "{verdict:?}"
    );
    contents.sign_legacy(&image, &key);
    let verdict = verify(&contents, &pinned(&image), &one_key(&key));
    assert_eq!(
        verdict.decision(),
        Decision::Allow,
        "another location proves it"
    );
}

#[test]
fn an_image_that_is_not_there_is_not_unsigned_but_not_visible() {
    let key = Key::generate(KeyKind::P256);
    let mut elsewhere = RepositoryContents::new();
    let image = elsewhere.image("v1");
    let verdict = verify(&RepositoryContents::new(), &pinned(&image), &one_key(&key));
    assert_refused(&verdict, &["image-not-visible"]);
    assert!(verdict.is_inconclusive());
}

#[test]
fn a_tag_is_refused_with_the_pinned_form_even_where_the_image_is_signed() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_bundle(&image, &key);
    let verdict = verify(&contents, &format!("{REPOSITORY}:v1"), &one_key(&key));
    assert_refused(&verdict, &["tag-not-pinned"]);
    let message = &verdict.outcomes()[0].findings[0].message;
    assert!(message.contains(&pinned(&image)), "{message}");

    let verdict = verify(&contents, &format!("{REPOSITORY}:v2"), &one_key(&key));
    assert_refused(&verdict, &["tag-not-pinned"]);
}

#[test]
fn two_of_three_needs_two_different_signers() {
    let keys: Vec<_> = (0..3).map(|_| Key::generate(KeyKind::P256)).collect();
    let named = [("a", &keys[0]), ("b", &keys[1]), ("c", &keys[2])];
    let set = policies(&named, json!({"threshold": 2, "of": ["a", "b", "c"]}));
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_bundle(&image, &keys[0]);
    contents.sign_legacy(&image, &keys[0]);
    let verdict = verify(&contents, &pinned(&image), &set);
    assert_refused(&verdict, &["threshold-not-met"]);
    contents.sign_legacy(&image, &keys[2]);
    let verdict = verify(&contents, &pinned(&image), &set);
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[test]
fn nothing_is_admitted_where_no_policy_matches() {
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let none = compile(&[])
        .expect("no documents")
        .bind(&Materials::default());
    let verdict = verify(&contents, &pinned(&image), &none);
    assert_eq!(verdict.decision(), Decision::Deny, "{verdict:?}");
}

#[test]
fn every_entry_of_an_index_in_a_layout_is_looked_at() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let children = ["amd64", "arm64"].map(|name| contents.image(name));
    let entries: Vec<_> = children
        .iter()
        .map(|child| {
            json!({
                "mediaType": crate::support::authority::MANIFEST,
                "digest": child.digest.to_string(),
                "size": child.size,
            })
        })
        .collect();
    let media_type = crate::support::authority::INDEX;
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    let index = contents.manifest(media_type, index.to_string());
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: json!({
            "apiVersion": "floe.dev/v1",
            "kind": "TrustPolicy",
            "metadata": {"name": "prod"},
            "spec": {
                "match": {},
                "multiArch": "everyChild",
                "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
            },
        })
        .to_string(),
    };
    let policies = compile(&[document])
        .expect("a policy that compiles")
        .bind(&Materials::default());
    contents.sign_bundle(&children[0], &key);
    let verdict = verify(&contents, &pinned(&index), &policies);
    assert_refused(&verdict, &["child-not-signed"]);
    contents.sign_legacy(&children[1], &key);
    let verdict = verify(&contents, &pinned(&index), &policies);
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}
