//! The document: what is accepted, what is refused, and where.

use std::sync::Arc;
use std::time::Duration;

use rcgen::KeyPair;

use crate::policy::{Compiled, Policy, PolicyDocument, PolicySet, Problem, Requirement, Tags};
use crate::trust::{AuthorityMaterial, Material, MaterialRef, Materials, PublicKey};
use crate::verdict::{Code, Enforcement, Subject};

fn compile(text: &str) -> Result<Compiled, Vec<Problem>> {
    crate::policy::compile(&[PolicyDocument {
        origin: "dir/p.yaml".into(),
        text: text.to_owned(),
    }])
}

fn document(spec: &str) -> String {
    format!("{{apiVersion: floe.dev/v1, kind: TrustPolicy, metadata: {{name: p}}, spec: {spec}}}")
}

/// The problems as `path: message`.
fn problems(text: &str) -> Vec<String> {
    compile(text)
        .expect_err(text)
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

fn policy(set: &PolicySet) -> Arc<Policy> {
    Arc::clone(set.policies().next().expect("one policy"))
}

fn material(pair: &KeyPair) -> Arc<AuthorityMaterial> {
    let key = PublicKey::from_pem(&pair.public_key_pem()).expect("a key");
    Arc::new(AuthorityMaterial::key(key))
}

fn key(pair: &KeyPair) -> Material {
    Material::Key(PublicKey::from_pem(&pair.public_key_pem()).expect("a key"))
}

#[test]
fn defaults_are_the_strict_ones() {
    let text = document(
        "{match: {}, authorities: [{name: a, key: {file: a.pub}}, {name: b, key: {env: B}}]}",
    );
    let compiled = compile(&text).expect("good");
    assert_eq!(
        compiled.materials(),
        [
            MaterialRef::File("dir/a.pub".to_owned()),
            MaterialRef::Env("B".to_owned()),
        ]
    );
    let set = compiled.bind(&Materials::default());
    let policy = policy(&set);
    assert_eq!(policy.enforcement, Enforcement::Enforce);
    assert_eq!(policy.tags, Tags::Deny);
    assert_eq!(policy.known_good_for, Duration::from_secs(24 * 3600));
    assert_eq!(
        policy.requirement,
        Some(Requirement::AnyOf(vec![
            Requirement::Authority(0),
            Requirement::Authority(1)
        ]))
    );
    // What nobody read is unavailable, not absent.
    assert!(policy.authorities.iter().all(|a| a.material.is_err()));
}

#[test]
fn every_field_that_is_evaluated_is_read() {
    let text = "
apiVersion: floe.dev/v1
kind: TrustPolicy
metadata: { name: p.q, labels: { a: b }, annotations: { c: d } }
spec:
  match: { images: ['a.example/**'], channels: [prod], namespaces: { names: ['x-*'] } }
  enforcement: off
  level: verified
  tags: deny
  authorities:
    - { name: a, key: { file: /keys/a.pub } }
    - { name: b, key: { env: KEY_B } }
    - { name: c, key: { file: c.pub } }
  require: { anyOf: [a, { threshold: 1, of: [b, { allOf: [a, c] }] }] }
  transparencyLog: none
  timestamps: none
  outage: { knownGoodFor: 90m }
";
    let set = compile(text).expect("good").bind(&Materials::default());
    let policy = policy(&set);
    assert_eq!(&*policy.name.0, "p.q");
    assert_eq!(policy.enforcement, Enforcement::Off);
    assert_eq!(policy.known_good_for, Duration::from_secs(90 * 60));
    use Requirement::{AllOf, AnyOf, Authority, Threshold};
    let both = AllOf(vec![Authority(0), Authority(2)]);
    let one = Threshold {
        k: 1,
        of: vec![Authority(1), both],
    };
    assert_eq!(policy.requirement, Some(AnyOf(vec![Authority(0), one])));
    // JSON is read too.
    let value = &crate::policy::yaml::documents(text).expect("good")[0].value;
    let json = compile(&value.to_string()).expect("good");
    assert_eq!(json.bind(&Materials::default()).hash(), set.hash());
}

const AUTHORITY: &str = "authorities: [{name: a, key: {env: A}}]";

#[test]
fn what_is_not_evaluated_yet_is_refused_and_never_ignored() {
    for (extra, path, what) in [
        ("promotedTo: {}", "spec.promotedTo", ""),
        ("cel: x", "spec.cel", ""),
        ("tags: resolve", "spec.tags", "resolve: "),
    ] {
        let text = document(&format!("{{match: {{}}, {AUTHORITY}, {extra}}}"));
        assert_eq!(
            problems(&text),
            [format!("{path}: {what}not supported yet; remove it")]
        );
    }
    for (authority, path) in [
        ("key: {secretRef: {name: x}}", "key.secretRef"),
        ("key: {configMapRef: {}}", "key.configMapRef"),
        (
            "certificate: {roots: {secretRef: {}}, subject: s}",
            "certificate.roots.secretRef",
        ),
        (
            "certificate: {roots: {configMapRef: {}}, subject: s}",
            "certificate.roots.configMapRef",
        ),
    ] {
        let text = document(&format!(
            "{{match: {{}}, authorities: [{{name: a, {authority}}}]}}"
        ));
        assert_eq!(
            problems(&text),
            [format!(
                "spec.authorities[0].{path}: not supported yet; remove it"
            )]
        );
    }
    let text = document(&format!(
        "{{match: {{namespaces: {{selector: {{}}}}}}, {AUTHORITY}}}"
    ));
    assert_eq!(
        problems(&text),
        ["spec.match.namespaces.selector: not supported yet; remove it"]
    );
    let text = document("{}").replace("TrustPolicy", "Exemption");
    assert_eq!(
        problems(&text),
        ["kind: Exemption: not supported yet; remove it"]
    );
    let text = document(&format!("{{match: {{}}, {AUTHORITY}}}"))
        .replace("name: p", "name: p, namespace: n");
    assert_eq!(
        problems(&text),
        ["metadata.namespace: not supported yet; remove it"]
    );
}

#[test]
fn each_thing_that_is_wrong_is_named_at_its_path() {
    let three = "authorities: [{name: a, key: {env: A}}, {name: b, key: {env: B}}, {name: c, key: {env: C}}]";
    for (spec, path) in [
        (format!("{{{AUTHORITY}}}"), "spec.match"),
        (format!("{{match: , {AUTHORITY}}}"), "spec.match"),
        (format!("{{match: [], {AUTHORITY}}}"), "spec.match"),
        (
            format!("{{match: {{images: []}}, {AUTHORITY}}}"),
            "spec.match.images",
        ),
        (
            format!("{{match: {{images: }}, {AUTHORITY}}}"),
            "spec.match.images",
        ),
        (
            format!("{{match: {{images: x}}, {AUTHORITY}}}"),
            "spec.match.images",
        ),
        (
            format!("{{match: {{images: ['a:b']}}, {AUTHORITY}}}"),
            "spec.match.images[0]",
        ),
        (
            format!("{{match: {{channels: [A]}}, {AUTHORITY}}}"),
            "spec.match.channels[0]",
        ),
        (
            format!("{{match: {{channels: [1]}}, {AUTHORITY}}}"),
            "spec.match.channels[0]",
        ),
        (
            format!("{{match: {{namespaces: {{}}}}, {AUTHORITY}}}"),
            "spec.match.namespaces",
        ),
        (
            format!("{{match: {{namespaces: {{names: ['**']}}}}, {AUTHORITY}}}"),
            "spec.match.namespaces.names[0]",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, enforcement: on}}"),
            "spec.enforcement",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, enforcement: Warn}}"),
            "spec.enforcement",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, level: high}}"),
            "spec.level",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, level: unverified}}"),
            "spec.authorities",
        ),
        (
            "{match: {}, level: unverified, require: a}".to_owned(),
            "spec.require",
        ),
        ("{match: {}}".to_owned(), "spec.authorities"),
        (
            "{match: {}, authorities: [a]}".to_owned(),
            "spec.authorities[0]",
        ),
        (
            "{match: {}, authorities: [{key: {env: A}}]}".to_owned(),
            "spec.authorities[0].name",
        ),
        (
            "{match: {}, authorities: [{name: a}]}".to_owned(),
            "spec.authorities[0].key",
        ),
        (
            "{match: {}, authorities: [{name: a, key: {}}]}".to_owned(),
            "spec.authorities[0].key",
        ),
        (
            "{match: {}, authorities: [{name: a, key: {env: A, file: b}}]}".to_owned(),
            "spec.authorities[0].key",
        ),
        (
            "{match: {}, authorities: [{name: a, key: {env: A=B}}]}".to_owned(),
            "spec.authorities[0].key.env",
        ),
        (
            "{match: {}, authorities: [{name: a, key: {file: '-----BEGIN KEY-----'}}]}".to_owned(),
            "spec.authorities[0].key.file",
        ),
        (
            r#"{match: {}, authorities: [{name: a, key: {file: "a\nb"}}]}"#.to_owned(),
            "spec.authorities[0].key.file",
        ),
        (
            "{match: {}, authorities: [{name: a, key: {pem: x}}]}".to_owned(),
            "spec.authorities[0].key.pem",
        ),
        (
            "{match: {}, authorities: [{name: a, key: {env: A}}, {name: a, key: {env: B}}]}"
                .to_owned(),
            "spec.authorities[1].name",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: b}}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: }}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: [a]}}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: {{}}}}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: {{anyOf: []}}}}"),
            "spec.require.anyOf",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: {{allOf: []}}}}"),
            "spec.require.allOf",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: {{allOf: }}}}"),
            "spec.require.allOf",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: {{allOf: [a, a]}}}}"),
            "spec.require.allOf[1]",
        ),
        (
            format!("{{match: {{}}, {three}, require: {{threshold: 0, of: [a, b, c]}}}}"),
            "spec.require.threshold",
        ),
        (
            format!("{{match: {{}}, {three}, require: {{threshold: 4, of: [a, b, c]}}}}"),
            "spec.require.threshold",
        ),
        (
            format!("{{match: {{}}, {three}, require: {{threshold: 1.5, of: [a, b, c]}}}}"),
            "spec.require.threshold",
        ),
        (
            format!("{{match: {{}}, {three}, require: {{threshold: 2}}}}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {three}, require: {{anyOf: [a, b]}}}}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, require: {{anyOf: [a], allOf: [a]}}}}"),
            "spec.require",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, outage: {{knownGoodFor: 31d}}}}"),
            "spec.outage.knownGoodFor",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, outage: {{knownGoodFor: 24}}}}"),
            "spec.outage.knownGoodFor",
        ),
        (
            format!("{{match: {{}}, {AUTHORITY}, outage: {{knownGoodFor: 1h30m}}}}"),
            "spec.outage.knownGoodFor",
        ),
    ] {
        let found = compile(&document(&spec)).expect_err(&spec);
        let paths: Vec<_> = found.iter().map(|problem| &*problem.path).collect();
        assert_eq!(paths, [path], "{spec}");
    }
}

#[test]
fn unknown_fields_are_refused_and_another_case_is_pointed_out() {
    let text = document(&format!("{{match: {{Images: [x]}}, {AUTHORITY}, foo: 1}}"));
    assert_eq!(
        problems(&text),
        [
            "spec.foo: unknown field; known here: match, enforcement, level, tags, authorities, \
             require, attestations, transparencyLog, timestamps, certificateTransparency, insecureOldBundles, \
             multiArch, signedFor, outage",
            "spec.match.Images: unknown field; it is written `images`",
        ]
    );
}

#[test]
fn all_problems_of_all_documents_are_told_at_once_with_their_lines() {
    let text = "apiVersion: v2\nkind: TrustPolicy\nmetadata: {name: A_B}\nspec: {match: {}, level: unverified}\n\
                ---\napiVersion: floe.dev/v1\nkind: Nope\n---\nhello\n";
    let found: Vec<_> = compile(text)
        .expect_err("all bad")
        .into_iter()
        .map(|problem| format!("{} {}", problem.origin, problem.path))
        .collect();
    assert_eq!(
        found,
        [
            "dir/p.yaml:1 apiVersion",
            "dir/p.yaml:1 metadata.name",
            "dir/p.yaml:6 kind",
            "dir/p.yaml:9 ",
        ]
    );
}

#[test]
fn two_policies_of_one_name_are_refused_across_files_and_lists() {
    let one = document("{match: {}, level: unverified}");
    let list = format!("{{apiVersion: v1, kind: List, items: [{one}, {one}]}}");
    let problem = &compile(&list).expect_err("twice")[0];
    assert_eq!(problem.path, "metadata.name");
    let documents = ["a.yaml", "b.yaml"].map(|origin| PolicyDocument {
        origin: origin.into(),
        text: one.clone(),
    });
    let problems = crate::policy::compile(&documents).expect_err("twice");
    assert_eq!(
        problems[0].to_string(),
        "b.yaml:1: metadata.name: `p` is the name of another policy, in a.yaml:1"
    );
}

#[test]
fn one_key_under_two_names_is_refused_as_text_and_denies_as_files() {
    let pair = KeyPair::generate().expect("a key");
    let pem = serde_json::Value::from(pair.public_key_pem());
    let inline = document(&format!(
        "{{match: {{}}, authorities: [{{name: a, key: {{pem: {pem}}}}}, {{name: b, key: {{pem: {pem}}}}}]}}"
    ));
    assert_eq!(
        problems(&inline),
        ["spec.authorities[1].key: is the key of authority `a` too; name each key once"]
    );
    let files = document(
        "{match: {images: [a.example/x]}, authorities: [{name: a, key: {file: a}}, {name: b, key: {file: b}}]}",
    );
    let compiled = compile(&files).expect("not known yet");
    let mut materials = Materials::default();
    for reference in compiled.materials() {
        materials.insert(reference, Ok(key(&pair)));
    }
    let set = compiled.bind(&materials);
    let broken = policy(&set).broken.clone().expect("broken");
    assert_eq!(broken.code, Code::PolicyInvalid);
    // It denies in its scope, not elsewhere.
    let elsewhere = "a.example/y".parse().expect("legal");
    assert!(
        set.select(&elsewhere, &Subject::default())
            .policies
            .is_empty()
    );
}

#[test]
fn policies_with_one_key_share_its_material_and_the_hash_follows_keys() {
    let texts = ["p", "q"].map(|name| {
        document("{match: {}, authorities: [{name: a, key: {env: A}}]}")
            .replace("name: p", &format!("name: {name}"))
    });
    let compiled = compile(&texts.join("\n---\n")).expect("good");
    let bind = |pair: &KeyPair| {
        let mut materials = Materials::default();
        materials.insert(MaterialRef::Env("A".to_owned()), Ok(key(pair)));
        compiled.bind(&materials)
    };
    let (one, two) = (
        KeyPair::generate().expect("a key"),
        KeyPair::generate().expect("a key"),
    );
    let set = bind(&one);
    let repository = "a.example/x".parse().expect("legal");
    let ids = set.select(&repository, &Subject::default()).materials();
    assert_eq!(ids.len(), 1);
    assert_eq!(set.material(ids[0]), &material(&one));
    assert_eq!(bind(&one).hash(), set.hash());
    assert_ne!(bind(&two).hash(), set.hash());
}

#[test]
fn keys_without_a_policy_are_a_policy_about_everything() {
    let (one, two) = (
        KeyPair::generate().expect("a key"),
        KeyPair::generate().expect("a key"),
    );
    let set = PolicySet::for_keys(vec![
        ("one".into(), material(&one)),
        ("two".into(), material(&two)),
    ]);
    let policy = policy(&set);
    assert_eq!(policy.tags, Tags::Resolve);
    assert_eq!(
        policy.requirement,
        Some(Requirement::AnyOf(vec![
            Requirement::Authority(0),
            Requirement::Authority(1)
        ]))
    );
    let repository = "a.example/x".parse().expect("legal");
    assert!(
        set.select(&repository, &Subject::default())
            .needs_evidence()
    );
}

#[test]
fn a_requirement_with_too_many_ways_is_refused() {
    let names: Vec<_> = (0..24).map(|n| format!("a{n}")).collect();
    let authorities: Vec<_> = names
        .iter()
        .map(|name| format!("{{name: {name}, key: {{env: {name}}}}}"))
        .collect();
    let pairs: Vec<_> = names
        .chunks(2)
        .map(|pair| format!("{{allOf: [{}]}}", pair.join(", ")))
        .collect();
    let text = document(&format!(
        "{{match: {{}}, authorities: [{}], require: {{threshold: 6, of: [{}]}}}}",
        authorities.join(", "),
        pairs.join(", ")
    ));
    assert_eq!(
        problems(&text),
        ["spec.require: can be met in more than 256 ways; simplify it or split the policy"]
    );
}

#[test]
fn a_document_full_of_strange_keys_gets_a_hundred_short_complaints() {
    let long = "x".repeat(1 << 20);
    let keys: Vec<_> = (0..1000).map(|n| format!("\"k{n}\":1")).collect();
    let text = format!("{{\"{long}\":1,{}}}", keys.join(","));
    let problems = super::super::compile(&[super::super::PolicyDocument {
        origin: "policy.yaml".into(),
        text,
    }])
    .expect_err("refused");
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "more is wrong than is shown here");
    assert!(problems.iter().all(|p| p.path.chars().count() <= 1001));
}
