use super::*;

const POD_SPEC: &str = r#"{"volumes":[{"name":"tmp","emptyDir":{}},{"name":"model","image":{"reference":"r.test/model@sha256:1","pullPolicy":"Always"}}],
  "initContainers":[{"name":"init","image":"r.test\/init"}],
  "containers":[{"name":"web","image":"r.test/web","env":[{"name":"image","value":"x"}]},{"name":"log","image":"r.test/log"}],
  "ephemeralContainers":[{"name":"debug","image":"r.test/debug","targetContainerName":"web"}],
  "imagePullSecrets":null,"nodeName":""}"#;

fn list(
    api_version: &str,
    kind: &str,
    object: &str,
) -> Result<Vec<(String, String, String)>, ReferencesError> {
    listed(&Coverage::builtin(), api_version, kind, None, object)
}

fn listed(
    coverage: &Coverage,
    api_version: &str,
    kind: &str,
    subresource: Option<&str>,
    object: &str,
) -> Result<Vec<(String, String, String)>, ReferencesError> {
    coverage
        .references(&Gvk::from_manifest(api_version, kind), subresource, object)
        .map(|uses| {
            uses.into_iter()
                .map(|u| {
                    (
                        u.path.to_string(),
                        u.name.unwrap_or_default().to_string(),
                        u.image.to_string(),
                    )
                })
                .collect()
        })
}

fn expected(prefix: &str) -> Vec<(String, String, String)> {
    [
        ("initContainers[0].image", "init", "r.test/init"),
        ("containers[0].image", "web", "r.test/web"),
        ("containers[1].image", "log", "r.test/log"),
        ("ephemeralContainers[0].image", "debug", "r.test/debug"),
        (
            "volumes[1].image.reference",
            "model",
            "r.test/model@sha256:1",
        ),
    ]
    .map(|(path, name, image)| (format!("{prefix}.{path}"), name.into(), image.into()))
    .into()
}

#[test]
fn every_kind_with_a_pod_in_it_names_all_its_images() {
    let metadata = r#""metadata":{"name":"a","managedFields":[{"f":{"spec":1}}]}"#;
    for (api_version, kind, prefix, object) in [
        ("v1", "Pod", "spec", format!(r#"{{{metadata},"spec":{POD_SPEC}}}"#)),
        ("v1", "PodTemplate", "template.spec", format!(r#"{{{metadata},"template":{{"spec":{POD_SPEC}}}}}"#)),
        ("batch/v1", "CronJob", "spec.jobTemplate.spec.template.spec",
            format!(r#"{{{metadata},"spec":{{"schedule":"","jobTemplate":{{"spec":{{"template":{{"spec":{POD_SPEC}}}}}}}}}}}"#)),
    ]
    .into_iter()
    .chain(
        [
            ("v1", "ReplicationController"),
            ("apps/v1", "Deployment"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("apps/v1", "ReplicaSet"),
            ("batch/v1", "Job"),
        ]
        .map(|(api_version, kind)| {
            (api_version, kind, "spec.template.spec",
                format!(r#"{{{metadata},"spec":{{"replicas":2,"template":{{"metadata":{{}},"spec":{POD_SPEC}}}}},"status":{{}}}}"#))
        }),
    ) {
        assert_eq!(list(api_version, kind, &object), Ok(expected(prefix)), "{kind}");
    }
}

#[test]
fn a_missing_or_null_image_is_an_empty_reference_and_not_skipped() {
    let object = r#"{"spec":{"containers":[{"name":"a"},{"name":"b","image":null},{"image":""}],"volumes":[{"name":"v","image":{}}]}}"#;
    let images: Vec<_> = list("v1", "Pod", object)
        .expect("readable")
        .into_iter()
        .map(|u| u.2)
        .collect();
    assert_eq!(images, ["", "", "", ""]);
}

#[test]
fn an_object_that_is_not_what_its_kind_says_is_malformed() {
    for (object, part) in [
        (r#"{}"#, "missing field `spec`"),
        (r#"{"spec":null}"#, "invalid type: null"),
        (r#"null"#, "invalid type: null"),
        (r#"{"spec":{"containers":{}}}"#, "expected a sequence"),
        (
            r#"{"spec":{"containers":[{"image":5}]}}"#,
            "expected a string",
        ),
        (r#"{"spec":{"containers":[null]}}"#, "invalid type: null"),
        (
            r#"{"spec":{"containers":[{"image":"a","image":"b"}]}}"#,
            "duplicate field `image`",
        ),
        (
            r#"{"spec":{"containers":[]},"spec":{}}"#,
            "duplicate field `spec`",
        ),
        (
            r#"{"spec":{"volumes":[{"image":"a"}]}}"#,
            "invalid type: string",
        ),
        (r#"{"spec":{}} {}"#, "trailing characters"),
        (r#"{"spec":"#, "EOF"),
    ] {
        let error = list("v1", "Pod", object).expect_err(object);
        assert_eq!(error.code(), Code::ReviewMalformed, "{object}");
        assert!(error.to_string().contains(part), "{object}: {error}");
    }
}

#[test]
fn a_deeply_nested_object_is_malformed_and_does_not_exhaust_the_stack() {
    let deep = format!(
        r#"{{"spec":{{"containers":{}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let error = list("v1", "Pod", &deep).expect_err("deep");
    assert_eq!(error.code(), Code::ReviewMalformed);
}

#[test]
fn kinds_without_images_and_subresources_without_images_name_none() {
    assert_eq!(list("v1", "ConfigMap", "{}"), Ok(vec![]));
    let pod = format!(r#"{{"spec":{POD_SPEC}}}"#);
    let builtin = Coverage::builtin();
    for (subresource, count) in [
        ("status", 0),
        ("scale", 0),
        ("ephemeralcontainers", 5),
        ("resize", 5),
        ("", 5),
    ] {
        assert_eq!(
            listed(&builtin, "v1", "Pod", Some(subresource), &pod).map(|uses| uses.len()),
            Ok(count),
            "{subresource}"
        );
    }
}

#[test]
fn a_kind_that_nobody_described_is_not_covered() {
    for (api_version, kind) in [
        ("serving.knative.dev/v1", "Service"),
        ("apps/v1beta2", "Deployment"),
        ("v1", "List"),
    ] {
        let error = list(api_version, kind, "{}").expect_err(kind);
        assert_eq!(error.code(), Code::KindNotCovered);
    }
}

#[test]
fn configured_field_paths_are_read_in_every_version_of_the_kind() {
    let paths = ["spec.image".to_owned(), "spec.jobs[*].image".to_owned()];
    let coverage = Coverage::with_kinds([("floe.dev", "DataProduct", &paths[..])]).expect("good");
    let object = r#"{"spec":{"image":"a","jobs":[{"image":"b"}]}}"#;
    assert_eq!(
        listed(&coverage, "floe.dev/v1alpha1", "DataProduct", None, object),
        Ok(vec![
            ("spec.image".into(), String::new(), "a".into()),
            ("spec.jobs[0].image".into(), String::new(), "b".into())
        ])
    );
    assert_eq!(
        listed(&coverage, "floe.dev/v1", "DataProduct", None, "{}"),
        Ok(vec![])
    );
    let error = listed(
        &coverage,
        "floe.dev/v1",
        "DataProduct",
        None,
        r#"{"spec":{"image":[]}}"#,
    );
    assert_eq!(error.expect_err("type").code(), Code::ReviewMalformed);
    let error = listed(&coverage, "other.dev/v1", "DataProduct", None, object);
    assert_eq!(error.expect_err("group").code(), Code::KindNotCovered);
}

#[test]
fn every_problem_of_configured_kinds_is_reported() {
    let (good, bad) = (["a".to_owned()], ["a[0]".to_owned(), String::new()]);
    let problems = Coverage::with_kinds([
        ("apps", "Deployment", &good[..]),
        ("", "Pod", &good[..]),
        ("x.dev", "A", &[][..]),
        ("x.dev", "B", &bad[..]),
        ("x.dev", "C", &good[..]),
        ("x.dev", "C", &good[..]),
    ])
    .expect_err("problems");
    let kind = |k: &str| k.to_owned();
    assert_eq!(
        problems,
        [
            CoverageProblem::BuiltIn {
                kind: kind("Deployment.apps")
            },
            CoverageProblem::BuiltIn { kind: kind("Pod") },
            CoverageProblem::NoPaths {
                kind: kind("A.x.dev")
            },
            CoverageProblem::Path {
                kind: kind("B.x.dev"),
                path: "a[0]".into(),
                source: PathError::Bracket
            },
            CoverageProblem::Path {
                kind: kind("B.x.dev"),
                path: String::new(),
                source: PathError::EmptyStep
            },
            CoverageProblem::Twice {
                kind: kind("C.x.dev")
            },
        ]
    );
}

#[test]
fn more_images_than_the_limit_are_refused_and_the_limit_itself_is_not() {
    let pod = |count: usize| {
        let containers = vec![r#"{"image":"a"}"#; count].join(",");
        format!(r#"{{"spec":{{"containers":[{containers}]}}}}"#)
    };
    assert_eq!(
        list("v1", "Pod", &pod(MAX_IMAGES)).map(|uses| uses.len()),
        Ok(MAX_IMAGES)
    );
    assert_eq!(
        list("v1", "Pod", &pod(MAX_IMAGES + 1)),
        Err(ReferencesError::TooMany {
            found: MAX_IMAGES + 1
        })
    );
}

#[test]
fn a_list_in_place_of_an_object_is_refused_and_not_read_as_its_fields() {
    for object in [
        r#"[{"containers":[{"image":"a"}]}]"#,
        r#"{"spec":[]}"#,
        r#"{"spec":[[{"image":"a"}]]}"#,
        r#"{"spec":{"containers":[["web","a"]]}}"#,
        r#"{"spec":{"volumes":[["v",null]]}}"#,
        r#"{"spec":{"volumes":[{"name":"v","image":["a"]}]}}"#,
    ] {
        let found = list("v1", "Pod", object);
        assert!(
            matches!(&found, Err(ReferencesError::Malformed { detail, .. }) if detail.contains("expected an object")),
            "{object}: {found:?}"
        );
    }
    for object in [r#"{"spec":[{"spec":{}}]}"#, r#"{"spec":{"template":[{}]}}"#] {
        let found = list("apps/v1", "Deployment", object);
        assert!(
            matches!(found, Err(ReferencesError::Malformed { .. })),
            "{object}: {found:?}"
        );
    }
}
