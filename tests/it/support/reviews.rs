//! AdmissionReviews in the shape that an API server sends.

use serde_json::{Value, json};

/// A Pod's `spec` whose images are at every place, each a text that no registry
/// is asked about because it is not a reference.
pub(crate) fn spec(image: &str) -> Value {
    json!({
        "initContainers": [{"name": "init", "image": format!("{image} INIT")}],
        "containers": [
            {"name": "web", "image": format!("{image} WEB"), "ports": [{"containerPort": 80}]},
            {"name": "log", "image": format!("{image} LOG")},
        ],
        "ephemeralContainers": [{"name": "debug", "image": format!("{image} DEBUG")}],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "model", "image": {"reference": format!("{image} MODEL")}},
        ],
    })
}

pub(crate) fn pod(spec: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "elsewhere", "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
        "spec": spec,
    })
}

/// A review of an object of `kind` in `group`.
pub(crate) fn review(group: &str, kind: &str, operation: &str, object: &Value) -> Value {
    let resource = format!("{}s", kind.to_lowercase());
    json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": resource},
            "requestKind": {"group": group, "version": "v1", "kind": kind},
            "requestResource": {"group": group, "version": "v1", "resource": resource},
            "name": "web-0", "namespace": "shop", "operation": operation,
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": if operation == "DELETE" { &Value::Null } else { object },
            "oldObject": if operation == "CREATE" { &Value::Null } else { object },
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

/// The same with one value replaced.
pub(crate) fn with(mut review: Value, pointer: &str, value: Value) -> Value {
    match review.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            review.pointer_mut(parent).unwrap()[key] = value;
        }
    }
    review
}

/// A Pod that is refused for each of its five images.
pub(crate) fn create() -> Value {
    review("", "Pod", "CREATE", &pod(&spec("X")))
}
