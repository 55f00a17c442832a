//! `floe verify -f` finds the images that kubectl would send.

use std::{fs, path::Path, process::Stdio};

use floe_e2e::{cluster::Cluster, cosign::KeyPair, floe, gate, scratch::Scratch};
use serde_json::Value;

/// YAML that readers are known to read differently. No registry of these names
/// is ever asked: the policy matches none of them.
const DOCUMENTS: [(&str, &str); 5] = [
    (
        "anchors and aliases",
        "apiVersion: apps/v1
kind: Deployment
metadata: { name: merged }
spec:
  selector: { matchLabels: &labels { app: web } }
  template:
    metadata: { labels: *labels }
    spec:
      containers:
        - { name: one, image: &image registry.example.com/base:1, tty: yes }
        - { name: two, image: *image }
        - { name: three, image: registry.example.com/other:1 }
",
    ),
    (
        "booleans, numbers and octal in places of their own",
        "apiVersion: v1
kind: Pod
metadata: { name: scalars, annotations: { a: 'yes', b: \"1.10\" } }
spec:
  hostNetwork: off
  terminationGracePeriodSeconds: 0o17
  containers:
    - { name: web, image: registry.example.com/web:1.10, stdin: on }
",
    ),
    (
        "folded and quoted scalars",
        "apiVersion: v1
kind: Pod
metadata: { name: folded }
spec:
  containers:
    - name: web
      image: >-
        registry.example.com/folded:1
    - { name: side, image: \"registry.example.com/\\x71uoted:1\" }
",
    ),
    (
        "several documents, one of them empty",
        "---
apiVersion: v1
kind: Pod
metadata: { name: first }
spec: { containers: [{ name: web, image: registry.example.com/first:1 }] }
---
# nothing here
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: second }
spec:
  schedule: '* * * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          initContainers: [{ name: setup, image: registry.example.com/setup:1 }]
          containers: [{ name: web, image: registry.example.com/second:1 }]
...
",
    ),
    (
        "a list",
        "apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: { name: listed }
    spec: { containers: [{ name: web, image: registry.example.com/listed:1 }] }
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: no-image }
    data: { image: registry.example.com/not-an-image:1 }
",
    ),
];

#[test]
fn the_images_of_a_file_are_those_that_kubectl_would_send() {
    let scratch = Scratch::new();
    let policies = elsewhere(&scratch);
    for (what, yaml) in DOCUMENTS {
        let file = scratch.write("objects.yaml", yaml);
        let sent = kubectl_sends(&file).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut expected = images(&sent);
        assert!(!expected.is_empty(), "{what}");
        let verified = floe::verify(&policies, Some("default"), &["-f", file.to_str().unwrap()]);
        assert_eq!(verified.code, 6, "{what}: {}", verified.text);
        let mut found = verified.references();
        // The report has each reference once.
        for list in [&mut expected, &mut found] {
            list.sort();
            list.dedup();
        }
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_merge_key_that_kubectl_applies_is_refused_by_name_and_never_ignored() {
    let scratch = Scratch::new();
    let policies = elsewhere(&scratch);
    let file = scratch.write(
        "objects.yaml",
        "apiVersion: v1
kind: Pod
metadata: { name: merged }
spec:
  containers:
    - &base { name: one, image: registry.example.com/base:1 }
    - { <<: *base, name: two }
",
    );
    // Whoever ignored the key would see one image less than is sent.
    let sent = images(&kubectl_sends(&file).unwrap());
    assert_eq!(sent, ["registry.example.com/base:1"; 2]);
    let verified = floe::verify(&policies, Some("default"), &["-f", file.to_str().unwrap()]);
    assert_eq!(verified.code, 1, "{}", verified.text);
    assert!(verified.text.contains("merge keys"), "{}", verified.text);
}

#[test]
fn a_file_that_kubectl_refuses_is_refused() {
    let scratch = Scratch::new();
    let policies = elsewhere(&scratch);
    for (what, yaml) in [
        (
            "no kind",
            "apiVersion: v1\nmetadata: { name: x }\nspec: {}\n",
        ),
        ("not YAML", "apiVersion: v1\nkind: Pod\n  metadata: {\n"),
    ] {
        let file = scratch.write("objects.yaml", yaml);
        assert!(kubectl_sends(&file).is_err(), "{what}");
        let verified = floe::verify(&policies, Some("default"), &["-f", file.to_str().unwrap()]);
        assert_eq!(verified.code, 1, "{what}: {}", verified.text);
    }
}

/// A policy that matches no image here: each is reported, and none is asked for.
fn elsewhere(scratch: &Scratch) -> std::path::PathBuf {
    let policies = scratch.dir("policies");
    let policy = gate::policy("enforce", KeyPair::trusted()).replace(
        "match: {}",
        "match: { images: [\"elsewhere.example.com/**\"] }",
    );
    fs::write(policies.join("policy.yaml"), policy).unwrap();
    policies
}

/// The objects that kubectl reads from a file, as it would send them.
fn kubectl_sends(file: &Path) -> Result<Vec<Value>, String> {
    let output = Cluster::shared()
        .kubectl()
        .args([
            "create",
            "--dry-run=client",
            "--namespace",
            "default",
            "-o",
            "json",
            "-f",
        ])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // One JSON value after another.
    Ok(serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .map(Result::unwrap)
        .collect())
}

/// Every `image` of a container, wherever it is.
fn images(objects: &[Value]) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    match field {
                        Value::String(image) if key == "image" => found.push(image.clone()),
                        // The data of a ConfigMap is not an object with images.
                        _ if key == "data" => {}
                        _ => walk(field, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    objects.iter().for_each(|object| walk(object, &mut found));
    found
}
