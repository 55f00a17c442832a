//! Kubernetes objects with images in them, and where they live in the API.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// A Pod with one container called `web`.
pub fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": fresh_name("pod")},
        "spec": pod_spec(image),
    })
}

/// The kinds that keep a Pod template, and that a test may ask for.
pub const WORKLOADS: [&str; 8] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "PodTemplate",
];

/// A workload of one of [`WORKLOADS`] whose template has one container.
///
/// # Panics
///
/// The kind is not one of them.
pub fn workload(kind: &str, image: &str) -> Value {
    let labels = json!({"app": "web"});
    let mut spec = pod_spec(image);
    if matches!(kind, "Job" | "CronJob") {
        spec["restartPolicy"] = json!("Never");
    }
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    let selector = json!({"matchLabels": labels});
    let body = match kind {
        "Deployment" | "DaemonSet" | "ReplicaSet" => {
            json!({"spec": {"selector": selector, "template": template}})
        }
        "StatefulSet" => {
            json!({"spec": {"selector": selector, "serviceName": "web", "template": template}})
        }
        "ReplicationController" => json!({"spec": {"selector": labels, "template": template}}),
        "Job" => json!({"spec": {"template": template}}),
        "CronJob" => json!({"spec": {
            "schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}}),
        "PodTemplate" => json!({"template": template}),
        other => panic!("no workload is called {other}"),
    };
    let mut object = json!({
        "apiVersion": api_version(kind), "kind": kind,
        "metadata": {"name": fresh_name(&kind.to_lowercase())},
    });
    let fields = body
        .as_object()
        .expect("written above as an object")
        .clone();
    object
        .as_object_mut()
        .expect("written above as an object")
        .extend(fields);
    object
}

/// The path of an object's collection in a namespace.
///
/// # Panics
///
/// The kind is not one that this module makes.
pub fn collection(object: &Value, namespace: &str) -> String {
    let kind = object["kind"].as_str().expect("an object has a kind");
    let api = match api_version(kind) {
        "v1" => "/api/v1".to_owned(),
        group => format!("/apis/{group}"),
    };
    format!("{api}/namespaces/{namespace}/{}s", kind.to_lowercase())
}

/// The path of an object in a namespace.
///
/// # Panics
///
/// The object has no name, or the kind is not one that this module makes.
pub fn path(object: &Value, namespace: &str) -> String {
    let name = object["metadata"]["name"]
        .as_str()
        .expect("an object has a name");
    format!("{}/{name}", collection(object, namespace))
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Pod" | "ReplicationController" | "PodTemplate" => "v1",
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        other => panic!("no object is called {other}"),
    }
}

fn pod_spec(image: &str) -> Value {
    json!({"containers": [{"name": "web", "image": image}]})
}

/// A name that no other object of this process has.
pub fn fresh_name(stem: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
