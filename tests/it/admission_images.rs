//! Reviews of objects whose images really are, or are not, signed: the gate
//! with the engine over an image layout.

use std::sync::Arc;
use std::time::{Duration, Instant};

use floe::admission::{Caller, Coverage, Gate, PolicyState};
use floe::policy::{PolicyDocument, PolicySet, compile};
use floe::source::layout::Layout;
use floe::trust::Materials;
use floe::verifier::{Limits, Verifier};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::authority::{Image, Key, KeyKind, RepositoryContents};
use crate::support::gate::Tokio;
use crate::support::reviews::{pod, review, with};
use crate::verifier::policies;

const REPOSITORY: &str = "registry.example.com/app";

struct Case {
    gate: Gate<Layout, Tokio>,
    key: Key,
    signed: String,
    unsigned: String,
    signed_image: Image,
    _folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let key = Key::generate(KeyKind::P256);
        let mut contents = RepositoryContents::new();
        let signed_image = contents.image("signed");
        let unsigned = contents.image("unsigned");
        contents.sign_bundle(&signed_image, &key);
        let folder = tempfile::tempdir().unwrap();
        contents.write_layout(folder.path());
        let layout = Layout::open(folder.path()).unwrap();
        let verifier = Verifier::new(layout, Tokio, Limits::default());
        let gate = Gate::new(verifier, Coverage::builtin(), Box::new(|_| None));
        gate.set_policies(ready(policies(&[("ci", &key)], Value::Null)));
        Self {
            gate,
            key,
            signed: format!("{REPOSITORY}@{}", signed_image.digest),
            unsigned: format!("{REPOSITORY}@{}", unsigned.digest),
            signed_image,
            _folder: folder,
        }
    }

    async fn answer(&self, review: &Value) -> Value {
        let bytes = serde_json::to_vec(review).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let at: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
        let reviewed = self
            .gate
            .review(&bytes, at, deadline, Caller::Authenticated)
            .await
            .unwrap();
        let answer: Value = serde_json::from_slice(&reviewed.response).unwrap();
        answer["response"].clone()
    }
}

fn ready(policies: PolicySet) -> PolicyState {
    PolicyState::Ready(Arc::new(policies))
}

fn containers(images: &[&str]) -> Value {
    let containers: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(n, image)| json!({"name": format!("c{n}"), "image": image}))
        .collect();
    pod(&json!({"containers": containers}))
}

fn create(images: &[&str]) -> Value {
    review("", "Pod", "CREATE", &containers(images))
}

fn message(response: &Value) -> &str {
    assert_eq!(response["allowed"], false, "{response}");
    response["status"]["message"].as_str().unwrap()
}

#[tokio::test]
async fn a_signed_image_is_admitted_and_its_signer_is_in_the_audit_log() {
    let case = Case::new();
    for _ in ["cold", "warm"] {
        let response = case.answer(&create(&[&case.signed, &case.signed])).await;
        assert_eq!(response["allowed"], true, "{response}");
        let audit = &response["auditAnnotations"];
        assert_eq!(audit["decision"], "allow");
        assert_eq!(audit["policies"], "prod=enforce");
        assert!(
            audit["signers"].as_str().unwrap().starts_with("ci=key "),
            "{audit}"
        );
        assert_eq!(audit.get("codes"), None);
    }
}

#[tokio::test]
async fn one_unsigned_image_among_signed_ones_refuses_the_pod_and_is_named() {
    let case = Case::new();
    let response = case.answer(&create(&[&case.signed, &case.unsigned])).await;
    let message = message(&response);
    let head = format!(
        "spec.containers[1] \"c1\": {} is refused by policy prod\n  signature-missing ",
        case.unsigned
    );
    assert!(message.starts_with(&head), "{message}");
    let next = format!(
        "next: floe verify {} --namespace shop --policy FILE --explain",
        case.unsigned
    );
    assert!(message.ends_with(&next), "{message}");
}

#[tokio::test]
async fn a_tag_is_refused_and_the_pinned_form_is_shown() {
    let case = Case::new();
    let response = case
        .answer(&create(&[&format!("{REPOSITORY}:signed")]))
        .await;
    let message = message(&response);
    assert!(message.contains("tag-not-pinned"), "{message}");
    let pinned = format!("{REPOSITORY}@{}", case.signed_image.digest);
    assert!(message.contains(&pinned), "{message}");
}

#[tokio::test]
async fn an_update_is_refused_for_what_it_brings_and_not_for_what_runs() {
    let case = Case::new();
    let running = containers(&[&case.unsigned, &case.signed]);
    let update = review("", "Pod", "UPDATE", &running);
    assert_eq!(case.answer(&update).await["allowed"], true);
    // Another signed image in place of the one that runs is judged and good.
    let image = "/request/object/spec/containers/0/image";
    let better = with(update.clone(), image, json!(case.signed));
    assert_eq!(case.answer(&better).await["allowed"], true);
    // The unsigned one in one more container is new, though its image is known.
    let added = with(
        update.clone(),
        "/request/object/spec/initContainers",
        json!([{"name": "c0", "image": case.unsigned}]),
    );
    let response = case.answer(&added).await;
    assert!(message(&response).starts_with("spec.initContainers[0]"));
    let renamed = with(
        update,
        "/request/object/spec/containers/0/name",
        json!("other"),
    );
    let response = case.answer(&renamed).await;
    assert!(message(&response).starts_with("spec.containers[0] \"other\""));
}

#[tokio::test]
async fn without_a_matching_policy_everything_is_refused() {
    let case = Case::new();
    case.gate.set_policies(ready(PolicySet::default()));
    let response = case.answer(&create(&[&case.signed])).await;
    assert!(message(&response).contains("no-policy-matches"));
    assert_eq!(response["auditAnnotations"]["codes"], "no-policy-matches");
}

#[tokio::test]
async fn what_was_admitted_before_is_judged_by_the_policies_and_the_place_of_now() {
    let case = Case::new();
    let review = create(&[&case.signed]);
    for _ in ["cold", "warm", "warm again"] {
        assert_eq!(case.answer(&review).await["allowed"], true);
    }
    // Another key is trusted now.
    let other = Key::generate(KeyKind::P256);
    case.gate
        .set_policies(ready(policies(&[("ci", &other)], Value::Null)));
    for _ in ["first", "second"] {
        let response = case.answer(&review).await;
        assert!(message(&response).contains("signature-missing"));
    }
    // The old policy again, in one namespace only.
    let document = json!({
        "apiVersion": "floe.dev/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": "shop"},
        "spec": {
            "match": {"namespaces": {"names": ["shop"]}},
            "authorities": [{"name": "ci", "key": {"pem": case.key.pem()}}],
        },
    });
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: document.to_string(),
    };
    let set = compile(&[document]).unwrap().bind(&Materials::default());
    case.gate.set_policies(ready(set));
    let elsewhere = with(review.clone(), "/request/namespace", json!("elsewhere"));
    for _ in ["first", "second"] {
        assert_eq!(case.answer(&review).await["allowed"], true);
        let response = case.answer(&elsewhere).await;
        assert!(message(&response).contains("no-policy-matches"));
    }
}
