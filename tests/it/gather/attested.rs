//! Where attestations are demanded, a newer one takes back what an older one
//! says, so that the whole picture decides.

use super::*;

/// Signed by this key, and with a bill of materials by it.
fn attested(key: &Key) -> PolicySet {
    let document = serde_json::json!({
        "apiVersion": "floe.dev/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": "prod"},
        "spec": {
            "match": {},
            "level": "attested",
            "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
            "attestations": [{"predicateType": "https://spdx.dev/Document", "by": ["ci"]}],
        },
    });
    floe::policy::compile(&[floe::policy::PolicyDocument {
        origin: "policy.yaml".into(),
        text: document.to_string(),
    }])
    .expect("a policy that compiles")
    .bind(&floe::trust::Materials::default())
}

#[tokio::test]
async fn nothing_is_concluded_about_attestations_while_a_location_is_out() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    contents.attest_sbom(&image, &key);
    let registry = serve(&contents).await;
    registry.behave(".att", Behaviour::Hang);
    // Who asks for signatures only has all that is needed.
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.within(&engine(), Duration::from_secs(8)).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
    let engine = engine();
    for _ in 0..2 {
        let verdict = asked.within(&engine, Duration::from_secs(1)).await;
        assert_inconclusive(&verdict, &["deadline-exceeded"]);
    }
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, attested(&key));
    let verdict = asked.verify(&super::engine()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}
