//! Attestations: where they are looked for, when, and at what cost.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use floe::policy::{PolicyDocument, compile};
use floe::trust::Materials;
use serde_json::json;

use super::*;
use crate::support::authority::{Attachment, IN_TOTO, attestation, pae, statement};

const VULNERABILITIES: &str = "https://example.com/scan/v1";

/// Signed by `ci`, and attested by it.
fn attested(key: &Key) -> PolicySet {
    let document = json!({
        "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "prod"},
        "spec": {
            "match": {},
            "level": "attested",
            "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
            "attestations": [{"predicateType": VULNERABILITIES, "by": ["ci"]}],
        },
    });
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: document.to_string(),
    };
    let compiled = compile(&[document]).expect("a policy");
    compiled.bind(&Materials::default())
}

/// `cosign attest` of version 2: a layer of the `.att` manifest.
fn legacy_attestation(key: &Key, image: &Image, predicate_type: &str) -> Attachment {
    let subject = image.digest.to_string();
    let payload = statement(predicate_type, &[&subject], json!({"found": 0})).to_string();
    let signature = key.sign(&pae(IN_TOTO, payload.as_bytes()));
    let envelope = json!({
        "payloadType": IN_TOTO,
        "payload": STANDARD.encode(payload),
        "signatures": [{"keyid": "", "sig": STANDARD.encode(signature)}],
    });
    let empty = (
        "dev.cosignproject.cosign/signature".to_owned(),
        String::new(),
    );
    Attachment::Attestation {
        envelope: envelope.to_string().into_bytes(),
        media_type: "application/vnd.dsse.envelope.v1+json".into(),
        annotations: BTreeMap::from([empty]),
    }
}

#[tokio::test]
async fn an_attestation_counts_in_either_layout_and_only_for_whom_the_policy_names() {
    let (key, stranger) = (Key::generate(KeyKind::P256), Key::generate(KeyKind::P256));
    let bundle =
        |key: &Key, image: &Image| attestation(key, image, VULNERABILITIES, json!({"found": 0}));
    let legacy = |key: &Key, image: &Image| legacy_attestation(key, image, VULNERABILITIES);
    type Attest<'a> = &'a dyn Fn(&Key, &Image) -> Attachment;
    let layouts: [Attest<'_>; 2] = [&bundle, &legacy];
    for (number, attest) in layouts.into_iter().enumerate() {
        let (mut contents, image) = signed(&key);
        contents.attach(&image, &attest(&key, &image));
        let registry = serve(&contents).await;
        let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
        let verdict = asked.verify(&engine()).await;
        assert_eq!(verdict.decision(), Decision::Allow, "{number} {verdict:?}");

        let (mut contents, image) = signed(&key);
        contents.attach(&image, &attest(&stranger, &image));
        let registry = serve(&contents).await;
        let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
        let verdict = asked.verify(&engine()).await;
        let expected = ["attestation-missing", "signature-not-by-authority"];
        assert_eq!(codes(&verdict), expected, "{number} {verdict:?}");

        let (mut contents, image) = signed(&key);
        let other = contents.image("v2");
        contents.attach(&image, &attest(&key, &other));
        let registry = serve(&contents).await;
        let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
        let verdict = asked.verify(&engine()).await;
        let expected = ["attestation-missing", "subject-mismatch"];
        assert_eq!(codes(&verdict), expected, "{number} {verdict:?}");
    }
}

#[tokio::test]
async fn the_attestation_tag_is_looked_at_only_where_a_policy_asks_for_attestations() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    contents.sign_legacy(&image, &key);
    contents.attach(&image, &legacy_attestation(&key, &image, VULNERABILITIES));
    let registry = serve(&contents).await;
    let engine = engine();
    let signed_only = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    assert_eq!(
        signed_only.verify(&engine).await.decision(),
        Decision::Allow
    );
    settle(&engine, &signed_only).await;
    assert_eq!(registry.count(".att"), 0);
    registry.forget_requests();

    // What the two policies have in common is not asked again: one manifest and
    // one layer more.
    let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    assert_eq!(registry.requests().len(), 2, "{:?}", registry.requests());
    assert_eq!(registry.count(".att"), 1);
    settle(&engine, &asked).await;
    registry.forget_requests();
    registry.behave("/v2/", Behaviour::Hang);
    for _ in 0..100 {
        assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    }
    assert_eq!(registry.requests(), []);
    // And from memory alone, without a future.
    let prepared = engine.prepare(asked.reference.clone(), &asked.subject, &asked.policies);
    let request = Request {
        reference: &asked.reference,
        subject: &asked.subject,
        policies: &asked.policies,
        at: Timestamp::UNIX_EPOCH,
        deadline: Instant::now(),
    };
    let recalled = engine.recall(&request, &prepared, engine.now());
    assert_eq!(recalled.expect("known").decision(), Decision::Allow);
}

#[tokio::test]
async fn an_attestation_tag_that_cannot_be_looked_at_is_no_absence() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    contents.attach(&image, &legacy_attestation(&key, &image, VULNERABILITIES));
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
    for (status, code) in [(403, "registry-access-denied"), (500, "registry-error")] {
        registry.behave_well();
        registry.behave(".att", Behaviour::status(status));
        let verdict = asked.verify(&answers::asking_once()).await;
        assert_inconclusive(&verdict, &[code]);
    }
    registry.behave_well();
    registry.behave(".att", Behaviour::status(404));
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["attestation-missing"], "{verdict:?}");
    assert!(!verdict.is_inconclusive());
}

#[tokio::test]
async fn an_attestation_does_not_count_while_a_newer_one_may_be_where_nobody_looked() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    let predicate = json!({"found": 0});
    contents.attach(
        &image,
        &attestation(&key, &image, VULNERABILITIES, predicate),
    );
    let registry = serve(&contents).await;
    let within = |engine: Engine, patience| {
        let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
        async move { asked.within(&engine, patience).await }
    };
    registry.behave(".att", Behaviour::Hang);
    let verdict = within(engine(), Duration::from_millis(500)).await;
    assert_inconclusive(&verdict, &["deadline-exceeded"]);
    // Where no attestation can be, nobody has to look.
    registry.behave_well();
    registry.behave(".sig", Behaviour::Hang);
    let engine = engine();
    let verdict = within(engine.clone(), Duration::from_secs(8)).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert!(engine.flights_under_way() > 0, ".sig is still out");
}

#[tokio::test]
async fn an_empty_attestation_tag_stays_known_as_long_as_what_is_beside_it() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    let predicate = json!({"found": 0});
    contents.attach(
        &image,
        &attestation(&key, &image, VULNERABILITIES, predicate),
    );
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        // As a denial an absence is over at once; as "nothing newer" it is not.
        absence_lifetime: Duration::ZERO,
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    settle(&engine, &asked).await;
    registry.forget_requests();
    registry.behave("/v2/", Behaviour::Hang);
    for _ in 0..10 {
        assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    }
    assert_eq!(registry.requests(), []);
    let prepared = engine.prepare(asked.reference.clone(), &asked.subject, &asked.policies);
    let request = Request {
        reference: &asked.reference,
        subject: &asked.subject,
        policies: &asked.policies,
        at: Timestamp::UNIX_EPOCH,
        deadline: Instant::now(),
    };
    let recalled = engine.recall(&request, &prepared, engine.now());
    assert_eq!(recalled.expect("known").decision(), Decision::Allow);
    // Whoever is refused is told so only after another look.
    let stranger = Key::generate(KeyKind::P256);
    let other = Asked::new(&registry, REPOSITORY, &image, attested(&stranger));
    let verdict = other.within(&engine, Duration::from_millis(300)).await;
    assert!(verdict.is_inconclusive(), "{verdict:?}");
}

#[tokio::test]
async fn a_flood_of_attestations_leaves_the_signatures_their_own_budget() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_legacy(&image, &key);
    for number in 0..70 {
        let predicate_type = format!("{VULNERABILITIES}/{number}");
        contents.attach(&image, &legacy_attestation(&key, &image, &predicate_type));
    }
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
    let verdict = asked.verify(&engine()).await;
    assert_inconclusive(&verdict, &["too-many-documents"]);
    let signed_only = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = signed_only.verify(&engine()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[tokio::test]
async fn with_every_child_each_entry_is_attested_or_none_counts() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let images = ["amd64", "arm64"].map(|name| contents.image(name));
    let entries: Vec<_> = images
        .iter()
        .map(|image| families::entry(image, crate::support::authority::MANIFEST, "linux/x"))
        .collect();
    let index = families::index(&mut contents, &entries);
    for image in &images {
        contents.sign_bundle(image, &key);
    }
    contents.attach(
        &images[0],
        &legacy_attestation(&key, &images[0], VULNERABILITIES),
    );
    let policies = || {
        let document = json!({
            "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "prod"},
            "spec": {
                "match": {},
                "level": "attested",
                "multiArch": "everyChild",
                "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
                "attestations": [{"predicateType": VULNERABILITIES, "by": ["ci"]}],
            },
        });
        let document = PolicyDocument {
            origin: "policy.yaml".into(),
            text: document.to_string(),
        };
        compile(&[document])
            .expect("a policy")
            .bind(&Materials::default())
    };
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &index, policies());
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["child-not-signed"], "{verdict:?}");
    let message = &verdict.outcomes()[0].findings[0].message;
    assert!(message.contains(&images[1].digest.to_string()), "{message}");

    contents.attach(
        &images[1],
        &legacy_attestation(&key, &images[1], VULNERABILITIES),
    );
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &index, policies());
    let verdict = asked.verify(&engine()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}
