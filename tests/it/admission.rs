//! Reviews through the gate, without a server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use floe::admission::{Caller, Coverage, PolicyState, ReviewError};
use floe::policy::PolicySet;
use floe::verdict::{Code, Finding};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::gate::{TestGate, gate, gate_with};
use crate::support::reviews::{pod, review, spec, with};

fn synced() -> Arc<TestGate> {
    let gate = gate();
    gate.set_policies(PolicyState::Ready(Arc::new(PolicySet::default())));
    gate
}

async fn answer(gate: &TestGate, review: &Value) -> Value {
    let bytes = serde_json::to_vec(review).unwrap();
    let at: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let reviewed = gate
        .review(&bytes, at, deadline, Caller::Unauthenticated)
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.response).unwrap();
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
    assert_eq!(
        answer["response"]["auditAnnotations"]["caller"],
        "unauthenticated"
    );
    answer["response"].clone()
}

fn message(response: &Value) -> &str {
    assert_eq!(response["allowed"], false);
    assert_eq!(response["auditAnnotations"]["decision"], "deny");
    assert_eq!(response["status"]["code"], 403);
    assert_eq!(response["status"]["reason"], "Forbidden");
    response["status"]["message"].as_str().unwrap()
}

fn assert_allowed(response: &Value, reason: &str) {
    assert_eq!(response["allowed"], true, "{response}");
    assert_eq!(response["auditAnnotations"]["decision"], "allow");
    assert_eq!(response["auditAnnotations"]["reason"], reason);
    assert_eq!(response.get("status"), None);
}

fn assert_denied(response: &Value, code: &str) {
    assert!(message(response).contains(code), "{response}");
    assert_eq!(response["auditAnnotations"]["codes"], code);
}

#[tokio::test]
async fn until_policies_are_there_everything_with_an_image_is_denied() {
    let gate = gate();
    let create = review("", "Pod", "CREATE", &pod(&spec("X")));
    assert_denied(&answer(&gate, &create).await, "not-synced");
    let missing = Finding::violation(Code::PoliciesMissing, "the folder is empty");
    gate.set_policies(PolicyState::Refused(missing));
    assert_denied(&answer(&gate, &create).await, "policies-missing");
    // What runs must be deletable all the same.
    let delete = review("", "Pod", "DELETE", &pod(&spec("X")));
    assert_allowed(&answer(&gate, &delete).await, "no-images");
}

#[tokio::test]
async fn every_image_of_every_kind_with_a_pod_is_refused_at_once_with_its_path() {
    let gate = synced();
    let template = json!({"spec": spec("X")});
    let workload = json!({"spec": {"replicas": 1, "template": template}});
    for (group, kind, prefix, object) in [
        ("", "Pod", "spec", pod(&spec("X"))),
        (
            "",
            "PodTemplate",
            "template.spec",
            json!({"template": template}),
        ),
        (
            "",
            "ReplicationController",
            "spec.template.spec",
            workload.clone(),
        ),
        ("apps", "Deployment", "spec.template.spec", workload.clone()),
        (
            "apps",
            "StatefulSet",
            "spec.template.spec",
            workload.clone(),
        ),
        ("apps", "DaemonSet", "spec.template.spec", workload.clone()),
        ("apps", "ReplicaSet", "spec.template.spec", workload.clone()),
        ("batch", "Job", "spec.template.spec", workload.clone()),
        (
            "batch",
            "CronJob",
            "spec.jobTemplate.spec.template.spec",
            json!({"spec": {"jobTemplate": workload}}),
        ),
    ] {
        let response = answer(&gate, &review(group, kind, "CREATE", &object)).await;
        let message = message(&response);
        for line in [
            format!("{prefix}.initContainers[0] \"init\": X INIT is refused\n"),
            format!("{prefix}.containers[0] \"web\": X WEB is refused\n"),
            format!("{prefix}.containers[1] \"log\": X LOG is refused\n"),
            format!("{prefix}.ephemeralContainers[0] \"debug\": X DEBUG is refused\n"),
            format!("{prefix}.volumes[1] \"model\": X MODEL is refused\n"),
        ] {
            assert!(message.contains(&line), "{kind}: {line}\n{message}");
        }
        assert_eq!(message.matches("reference-invalid").count(), 5);
        assert_eq!(response["auditAnnotations"]["codes"], "reference-invalid");
    }
}

#[tokio::test]
async fn one_reference_in_several_places_is_one_block() {
    let object = pod(&json!({"containers": [
        {"name": "a", "image": "Bad"}, {"name": "b", "image": "Bad"}, {"name": "c"},
    ]}));
    let response = answer(&synced(), &review("", "Pod", "CREATE", &object)).await;
    let message = message(&response);
    assert!(
        message.starts_with("spec.containers[0] \"a\", spec.containers[1] \"b\": Bad is refused\n"),
        "{message}"
    );
    assert!(
        message.contains("spec.containers[2] \"c\": (no image) is refused\n"),
        "{message}"
    );
    assert_eq!(message.matches("reference-invalid").count(), 2);
}

#[tokio::test]
async fn what_carries_no_image_is_allowed_by_resource() {
    let gate = synced();
    let update = review("", "Pod", "UPDATE", &pod(&spec("X")));
    let bad = with(update, "/request/oldObject", Value::Null);
    for subresource in ["scale", "status"] {
        let review = with(bad.clone(), "/request/subResource", json!(subresource));
        assert_allowed(&answer(&gate, &review).await, "no-images");
    }
    for (group, kind, operation) in [
        ("", "Pod", "DELETE"),
        ("", "PodExecOptions", "CONNECT"),
        ("", "ConfigMap", "CREATE"),
        ("policy", "Eviction", "CREATE"),
        ("", "Binding", "CREATE"),
    ] {
        let review = review(group, kind, operation, &pod(&spec("X")));
        assert_allowed(&answer(&gate, &review).await, "no-images");
    }
}

#[tokio::test]
async fn a_kind_that_nobody_described_is_refused_and_a_configured_one_is_read() {
    let object = json!({"spec": {"image": "Bad Image"}});
    let create = review("floe.dev", "DataProduct", "CREATE", &object);
    assert_denied(&answer(&synced(), &create).await, "kind-not-covered");

    let paths = ["spec.image".to_owned()];
    let coverage = Coverage::with_kinds([("floe.dev", "DataProduct", &paths[..])]).unwrap();
    let gate = gate_with(coverage);
    gate.set_policies(PolicyState::Ready(Arc::new(PolicySet::default())));
    let response = answer(&gate, &create).await;
    assert!(message(&response).starts_with("spec.image: Bad Image is refused"));
}

#[tokio::test]
async fn an_update_passes_only_if_nothing_in_it_is_new() {
    let gate = synced();
    let update = review("", "Pod", "UPDATE", &pod(&spec("X")));
    assert_allowed(&answer(&gate, &update).await, "nothing-new");
    // The same with everything else changed.
    let mut changed = update.clone();
    changed["request"]["object"]["metadata"]["finalizers"] = json!([]);
    changed["request"]["object"]["metadata"]["labels"] = json!({"a": "b"});
    changed["request"]["object"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .reverse();
    assert_allowed(&answer(&gate, &changed).await, "nothing-new");

    for (pointer, value, place) in [
        (
            "/request/object/spec/containers/0/image",
            json!("X NEW"),
            "spec.containers[0]",
        ),
        (
            "/request/object/spec/initContainers/0/image",
            json!("X NEW"),
            "spec.initContainers[0]",
        ),
        (
            "/request/object/spec/volumes/1/image/reference",
            json!("X NEW"),
            "spec.volumes[1]",
        ),
        (
            "/request/object/spec/containers/0/name",
            json!("new"),
            "spec.containers[0]",
        ),
        (
            "/request/object/spec/ephemeralContainers/0/name",
            json!("new"),
            "spec.ephemeralContainers[0]",
        ),
        // Known elsewhere in the object, but not in this role.
        (
            "/request/object/spec/initContainers/0/image",
            json!("X WEB"),
            "spec.initContainers[0]",
        ),
    ] {
        let response = answer(&gate, &with(update.clone(), pointer, value)).await;
        let message = message(&response);
        assert!(
            message.starts_with(&format!("{place} \"")),
            "{pointer}: {message}"
        );
        assert_eq!(message.matches(" is refused").count(), 1, "{message}");
    }
    // Against an old object that is missing or cannot be read, all are new.
    for old in [
        Value::Null,
        json!({}),
        json!({"spec": {"containers": 5}}),
        json!([]),
    ] {
        let response = answer(&gate, &with(update.clone(), "/request/oldObject", old)).await;
        assert_eq!(message(&response).matches(" is refused").count(), 5);
    }
}

#[tokio::test]
async fn an_image_change_beside_finalizers_replicas_or_deletion_is_judged() {
    let gate = synced();
    let object = json!({
        "metadata": {"finalizers": ["a.test/b"]},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "image": "Old"}]}}},
    });
    let update = review("apps", "Deployment", "UPDATE", &object);
    assert_allowed(&answer(&gate, &update).await, "nothing-new");
    for (pointer, value) in [
        ("/request/object/metadata/finalizers", json!([])),
        ("/request/object/spec/replicas", json!(0)),
        (
            "/request/object/metadata/deletionTimestamp",
            json!("2026-01-05T10:00:00Z"),
        ),
    ] {
        let alone = with(update.clone(), pointer, value);
        assert_allowed(&answer(&gate, &alone).await, "nothing-new");
        let image = "/request/object/spec/template/spec/containers/0/image";
        let both = with(alone, image, json!("New"));
        assert_denied(&answer(&gate, &both).await, "reference-invalid");
    }
}

#[tokio::test]
async fn an_ephemeral_container_is_judged_through_its_subresource() {
    let gate = synced();
    let update = review("", "Pod", "UPDATE", &pod(&spec("X")));
    let update = with(update, "/request/subResource", json!("ephemeralcontainers"));
    let update = with(
        update,
        "/request/oldObject/spec/ephemeralContainers",
        Value::Null,
    );
    let response = answer(&gate, &update).await;
    let message = message(&response);
    assert!(
        message.starts_with("spec.ephemeralContainers[0] \"debug\": X DEBUG"),
        "{message}"
    );
    assert_eq!(message.matches(" is refused").count(), 1);
}

#[tokio::test]
async fn what_the_object_says_about_its_kind_is_not_believed() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "spec": spec("X")});
    let response = answer(&synced(), &review("", "Pod", "CREATE", &object)).await;
    assert_eq!(message(&response).matches(" is refused").count(), 5);
}

#[tokio::test]
async fn an_object_or_review_that_cannot_be_read_is_a_denial_with_its_uid() {
    let gate = synced();
    let create = review("", "Pod", "CREATE", &pod(&spec("X")));
    for (pointer, value) in [
        ("/request/object", Value::Null),
        ("/request/object", json!("Pod")),
        ("/request/object/spec/containers", json!({"name": "a"})),
        ("/request/object/spec/containers/0/image", json!(["a"])),
        ("/request/operation", json!("PATCH")),
        ("/request/kind", json!("Pod")),
        ("/request/dryRun", json!("no")),
    ] {
        let response = answer(&gate, &with(create.clone(), pointer, value)).await;
        assert_denied(&response, "review-malformed");
    }
}

#[tokio::test]
async fn a_review_that_nobody_could_be_answered_about_is_an_error() {
    let gate = synced();
    let create = review("", "Pod", "CREATE", &pod(&spec("X")));
    let read = |review: Value| {
        let gate = Arc::clone(&gate);
        async move {
            let bytes = serde_json::to_vec(&review).unwrap();
            gate.review(
                &bytes,
                Timestamp::UNIX_EPOCH,
                Instant::now(),
                Caller::Authenticated,
            )
            .await
            .map(|reviewed| reviewed.uid.into_owned())
        }
    };
    let other = with(
        create.clone(),
        "/apiVersion",
        json!("admission.k8s.io/v1beta1"),
    );
    assert!(matches!(
        read(other).await,
        Err(ReviewError::Protocol { .. })
    ));
    let nobody = with(create, "/request/uid", Value::Null);
    assert!(matches!(
        read(nobody).await,
        Err(ReviewError::Unanswerable { .. })
    ));
}

#[tokio::test]
async fn a_panic_is_a_denial_of_this_review_only() {
    let gate = synced();
    let create = review("", "Pod", "CREATE", &pod(&spec("X")));
    let bad = with(create.clone(), "/request/namespace", json!("panic"));
    assert_denied(&answer(&gate, &bad).await, "internal-error");
    assert_denied(&answer(&gate, &create).await, "reference-invalid");
}

#[tokio::test]
async fn a_dry_run_is_decided_like_any_other() {
    let create = review("", "Pod", "CREATE", &pod(&spec("X")));
    let gate = synced();
    let real = answer(&gate, &create).await;
    let dry = answer(&gate, &with(create, "/request/dryRun", json!(true))).await;
    assert_eq!(real, dry);
}

#[tokio::test]
async fn a_message_is_bounded_and_says_how_much_it_left_out() {
    let containers: Vec<_> = (0..512)
        .map(|n| json!({"name": format!("c{n}"), "image": format!("Bad {n}\nspec.containers[0]: is fine {}", "x".repeat(2000))}))
        .collect();
    let object = pod(&json!({"containers": containers}));
    let response = answer(&synced(), &review("", "Pod", "CREATE", &object)).await;
    let message = message(&response);
    assert!(message.len() < 8 * 1024, "{}", message.len());
    let shown = message.matches("reference-invalid").count();
    assert!(
        message.ends_with(&format!(
            "{} more images are refused; floe verify -f MANIFEST --policy FILE shows all",
            512 - shown
        )),
        "{message}"
    );
    // A reference cannot write lines of its own.
    assert!(
        !message.contains("\nspec.containers[0]: is fine"),
        "{message}"
    );
}

#[tokio::test]
async fn more_images_than_are_looked_at_are_refused_together() {
    let containers: Vec<_> = (0..513)
        .map(|n| json!({"name": format!("c{n}"), "image": "a"}))
        .collect();
    let object = pod(&json!({"containers": containers}));
    let response = answer(&synced(), &review("", "Pod", "CREATE", &object)).await;
    assert_denied(&response, "too-many-images");
}

#[tokio::test]
async fn a_review_that_is_cut_off_anywhere_is_never_allowed() {
    let gate = synced();
    // Whole, this one is allowed.
    let whole = serde_json::to_vec(&review("", "Pod", "DELETE", &pod(&spec("X")))).unwrap();
    for end in 0..whole.len() {
        let deadline = Instant::now() + Duration::from_secs(5);
        let reviewed = gate
            .review(
                &whole[..end],
                Timestamp::UNIX_EPOCH,
                deadline,
                Caller::Authenticated,
            )
            .await;
        assert!(
            !reviewed.is_ok_and(|reviewed| reviewed.grounds.allows()),
            "{end}"
        );
    }
}

#[tokio::test]
async fn nothing_that_a_user_can_write_exempts_an_image() {
    let gate = synced();
    let create = review("", "Pod", "CREATE", &pod(&spec("X")));
    let owner = json!([{
        "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": true,
    }]);
    let mirror = json!({"kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file"});
    for (pointer, value) in [
        ("/request/userInfo/username", json!("system:node:n")),
        ("/request/userInfo/groups", json!(["system:masters"])),
        ("/request/object/metadata/annotations", mirror),
        (
            "/request/object/metadata/annotations",
            json!({"floe.dev/verified": "true", "floe.dev/skip": "true"}),
        ),
        (
            "/request/object/metadata/labels",
            json!({"floe.dev/channel": "dev", "floe.dev/skip": "true"}),
        ),
        ("/request/object/metadata/ownerReferences", owner),
        ("/request/object/metadata/namespace", json!("kube-system")),
        (
            "/request/object/metadata/deletionTimestamp",
            json!("2026-01-05T10:00:00Z"),
        ),
        ("/request/namespace", json!("kube-system")),
        ("/request/options", json!({"dryRun": ["All"]})),
    ] {
        let asked = with(create.clone(), pointer, value);
        assert_denied(&answer(&gate, &asked).await, "reference-invalid");
    }
}
