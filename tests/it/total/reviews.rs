//! AdmissionReviews: no change of a review makes the gate admit an image that is
//! not signed.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use floe::admission::{Caller, Coverage, Gate, PolicyState, Request};
use floe::policy::{PolicyDocument, compile};
use floe::source::layout::Layout;
use floe::trust::Materials;
use floe::verifier::{Blocking, Limits, Verifier};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::holds;
use super::tree::{Reading, Tree};
use crate::support::authority::{Key, KeyKind, RepositoryContents};
use crate::support::reviews::{pod, review};

struct World {
    gate: Gate<Layout, Blocking>,
    /// `@` and the digest of the one signed image.
    signed: String,
    seeds: Vec<Vec<u8>>,
    _folder: tempfile::TempDir,
}

/// One gate for all cases: what it remembers of one review must not help
/// another.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let signed = contents.image("signed");
    contents.sign_bundle(&signed, &key);
    let unsigned = contents.image("unsigned");
    let stranger = contents.image("stranger");
    contents.sign_legacy(&stranger, &Key::generate(KeyKind::P256));
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let verifier = Verifier::new(
        Layout::open(folder.path()).expect("a layout"),
        Blocking,
        Limits::default(),
    );
    let gate = Gate::new(verifier, Coverage::builtin(), Box::new(|_| None));
    let policy = json!({
        "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "all"},
        "spec": {"match": {}, "authorities": [{"name": "ci", "key": {"pem": key.pem()}}]},
    });
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: policy.to_string(),
    };
    let set = compile(&[document])
        .expect("a policy")
        .bind(&Materials::default());
    gate.set_policies(PolicyState::Ready(set.into()));

    let at = |image: &crate::support::authority::Image| {
        format!("registry.example.com/app@{}", image.digest)
    };
    let (signed, unsigned, stranger) = (at(&signed), at(&unsigned), at(&stranger));
    World {
        gate,
        seeds: seeds(&signed, &unsigned, &stranger),
        signed: signed[signed.find('@').expect("a digest")..].to_owned(),
        _folder: folder,
    }
});

fn seeds(signed: &str, unsigned: &str, stranger: &str) -> Vec<Vec<u8>> {
    let spec = |images: [&str; 4]| {
        json!({
            "initContainers": [{"name": "init", "image": images[0]}],
            "containers": [{"name": "web", "image": images[1], "env": [{"name": "image"}]}],
            "ephemeralContainers": [{"name": "debug", "image": images[2]}],
            "volumes": [{"name": "v", "image": {"reference": images[3]}}, {"name": "t"}],
        })
    };
    let tag = "registry.example.com/app:signed";
    let specs = [
        spec([signed; 4]),
        spec([signed, unsigned, signed, signed]),
        spec([signed, signed, stranger, tag]),
        json!({"containers": [{"name": "web", "image": unsigned}]}),
    ];
    let mut all = Vec::new();
    for spec in &specs {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": spec});
        let job = json!({"jobTemplate": {"spec": {"template": template}}});
        for (group, kind, object) in [
            ("", "Pod", pod(spec)),
            (
                "apps",
                "Deployment",
                json!({"spec": {"replicas": 1, "template": template}}),
            ),
            ("batch", "CronJob", json!({"spec": job})),
            ("", "PodTemplate", json!({"template": template})),
        ] {
            all.push(review(group, kind, "CREATE", &object));
        }
    }
    let mut update = review("", "Pod", "UPDATE", &pod(&specs[1]));
    update["request"]["oldObject"] = pod(&specs[0]);
    all.push(update);
    all.push(review(
        "",
        "ConfigMap",
        "CREATE",
        &json!({"data": {"image": unsigned}}),
    ));
    all.iter()
        .map(|review| review.to_string().into_bytes())
        .collect()
}

/// Whether the gate admits it.
fn admits(bytes: &[u8]) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    let reviewed = Blocking.run(WORLD.gate.review(
        bytes,
        Timestamp::UNIX_EPOCH,
        deadline,
        Caller::Unauthenticated,
    ));
    let Ok(reviewed) = reviewed else { return false };
    let answer: Value = serde_json::from_slice(&reviewed.response).expect("JSON");
    assert_eq!(answer["response"]["uid"], json!(reviewed.uid));
    assert!(!reviewed.uid.is_empty());
    answer["response"]["allowed"].as_bool().expect("an answer")
}

/// An entry that names an image: its list, its name, the image.
type Entry = (&'static str, Value, String);

/// What a Pod's `spec` names, or what is wrong with it.
fn entries(spec: &Value) -> Result<Vec<Entry>, String> {
    let spec = spec.as_object().ok_or("a spec that is no object")?;
    let mut all = Vec::new();
    for list in [
        "containers",
        "initContainers",
        "ephemeralContainers",
        "volumes",
    ] {
        let items = match spec.get(list) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(items)) => items,
            Some(other) => return Err(format!("{list} is {other}")),
        };
        for item in items {
            let item = item.as_object().ok_or("an entry that is no object")?;
            let image = match (list, item.get("image")) {
                ("volumes", None | Some(Value::Null)) => continue,
                ("volumes", Some(Value::Object(image))) => image.get("reference"),
                ("volumes", Some(other)) => return Err(format!("an image that is {other}")),
                (_, image) => image,
            };
            let image = image
                .and_then(Value::as_str)
                .ok_or("an entry without an image")?;
            let name = item.get("name").cloned().unwrap_or_default();
            all.push((list, name, image.to_owned()));
        }
    }
    Ok(all)
}

/// `spec` of the Pod in an object of this kind; `None` for a kind without.
fn spec_of<'v>(request: &Value, object: &'v Value) -> Option<Result<&'v Value, String>> {
    let word = |name: &str| request["kind"][name].as_str().unwrap_or_default();
    let path: &[&str] = match (word("group"), word("version"), word("kind")) {
        ("", "v1", "Pod") => &["spec"],
        ("", "v1", "PodTemplate") => &["template", "spec"],
        ("apps", "v1", "Deployment") => &["spec", "template", "spec"],
        ("batch", "v1", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        ("", _, "ConfigMap") => return None,
        other => return Some(Err(format!("nobody knows {other:?}"))),
    };
    let mut place = object;
    for name in path {
        let Some(next) = place.as_object().and_then(|object| object.get(*name)) else {
            return Some(Err(format!("no object with {name}")));
        };
        place = next;
    }
    Some(Ok(place))
}

/// Why this review must not be admitted, from nothing but its text.
fn objection(review: &Value, signed: &str) -> Result<(), String> {
    let request = review["request"].as_object().map(|_| &review["request"]);
    let request = request.ok_or("a request that is no object")?;
    let operation = request["operation"].as_str().ok_or("no operation")?;
    if matches!(operation, "DELETE" | "CONNECT")
        || matches!(request["subResource"].as_str(), Some("scale" | "status"))
    {
        return Ok(());
    }
    let images = match spec_of(request, &request["object"]) {
        None => return Ok(()),
        Some(spec) => entries(spec?)?,
    };
    let old = match (operation, spec_of(request, &request["oldObject"])) {
        ("UPDATE", Some(Ok(spec))) => entries(spec).unwrap_or_default(),
        _ => Vec::new(),
    };
    for (list, name, image) in images {
        let known = old.iter().any(|(l, _, i)| *l == list && *i == image)
            && (list == "volumes" || old.iter().any(|(l, n, _)| *l == list && *n == name));
        if !known && !image.ends_with(signed) {
            return Err(format!("{image} in {list} is not signed"));
        }
    }
    Ok(())
}

/// The gate admits nothing that any reader could take for an image that is not
/// signed.
fn target(bytes: &[u8]) -> bool {
    if !admits(bytes) {
        return false;
    }
    let Some(tree) = Tree::parse(bytes) else {
        // Nesting deeper than this reader goes, in a field that floe skips.
        return true;
    };
    for reading in [Reading::First, Reading::Last] {
        if let Err(why) = objection(&tree.read(reading), &WORLD.signed) {
            panic!("admitted, although {why}, reading {reading:?}");
        }
    }
    true
}

#[test]
fn no_change_of_a_review_makes_the_gate_admit_an_unsigned_image() {
    holds(1_500, &WORLD.seeds, target);
}

/// What was read stands in the review, where the API server wrote it.
fn read(bytes: &[u8]) -> bool {
    let Ok(request) = Request::read(bytes) else {
        return false;
    };
    let Some(tree) = Tree::parse(bytes) else {
        return true;
    };
    for reading in [Reading::First, Reading::Last] {
        let review = tree.read(reading);
        let written = &review["request"];
        assert_eq!(written["uid"], json!(request.uid.as_str()));
        assert_eq!(written["operation"], json!(request.operation.as_str()));
        assert_eq!(written["kind"]["kind"], json!(request.kind.kind.as_str()));
        assert_eq!(written["kind"]["group"], json!(request.kind.group.as_str()));
        assert_eq!(
            written["namespace"].as_str().unwrap_or_default(),
            request.namespace().unwrap_or_default()
        );
        assert_eq!(
            written["subResource"].as_str().unwrap_or_default(),
            request.subresource().unwrap_or_default()
        );
    }
    true
}

#[test]
fn what_is_read_of_a_review_is_what_every_reader_finds_there() {
    holds(2_000, &WORLD.seeds, read);
}
