//! Policies, the YAML reader and settings: a slip of the pen may refuse more,
//! and admits more only where the text says so in so many words.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use floe::config::{ConfigError, NoMatchSetting, Settings};
use floe::oci::Reference;
use floe::policy::{PolicyDocument, compile, yaml};
use floe::source::layout::Layout;
use floe::trust::Materials;
use floe::verdict::{Decision, Subject};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::holds;
use crate::support::authority::{Key, KeyKind, RepositoryContents};

struct World {
    verifier: Verifier<Layout, Blocking>,
    /// An image that nobody signed, and one that a stranger did.
    strange: [Reference; 2],
    signed: Reference,
    seeds: Vec<Vec<u8>>,
    _folder: tempfile::TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let keys = [KeyKind::P256, KeyKind::Ed25519].map(Key::generate);
    let mut contents = RepositoryContents::new();
    let [unsigned, strange, signed] = ["unsigned", "strange", "signed"].map(|t| contents.image(t));
    contents.sign_bundle(&strange, &Key::generate(KeyKind::P256));
    for key in &keys {
        contents.sign_bundle(&signed, key);
    }
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let layout = Layout::open(folder.path()).expect("a layout");
    let reference = |image: &crate::support::authority::Image| {
        let text = format!("registry.example.com/app@{}", image.digest);
        text.parse::<Reference>().expect("a reference")
    };
    World {
        verifier: Verifier::new(layout, Blocking, Limits::default()),
        strange: [reference(&unsigned), reference(&strange)],
        signed: reference(&signed),
        seeds: seeds(&keys),
        _folder: folder,
    }
});

fn seeds(keys: &[Key; 2]) -> Vec<Vec<u8>> {
    let [one, two] = keys;
    let authorities = json!([
        {"name": "ci", "key": {"pem": one.pem()}},
        {"name": "release", "key": {"pem": two.pem()}},
    ]);
    let policy = |name: &str, spec: Value| {
        json!({"apiVersion": "floe.dev/v1", "kind": "TrustPolicy",
               "metadata": {"name": name}, "spec": spec})
    };
    let json = [
        policy("all", json!({"match": {}, "authorities": authorities})),
        policy(
            "both",
            json!({
                "match": {"images": ["registry.example.com/**"]},
                "authorities": authorities,
                "require": {"allOf": ["ci", {"anyOf": ["release", "ci"]}]},
                "tags": "deny", "enforcement": "enforce",
            }),
        ),
        policy(
            "two",
            json!({
                "match": {"namespaces": ["shop"]},
                "authorities": authorities,
                "require": {"threshold": 2, "of": ["ci", "release"]},
            }),
        ),
    ];
    let indented = |pem: String| pem.replace('\n', "\n        ");
    let yaml = format!(
        "# Everything needs a signature.\napiVersion: floe.dev/v1\nkind: TrustPolicy\n\
         metadata:\n  name: all\nspec:\n  match: {{}}\n  enforcement: enforce\n  authorities:\n\
         \x20 - name: ci\n    key:\n      pem: |\n        {}\n\
         \x20 - name: release\n    key:\n      pem: |\n        {}\n  require:\n    anyOf: [ci, release]\n",
        indented(one.pem()),
        indented(two.pem()),
    );
    let mut all: Vec<_> = json.iter().map(|p| p.to_string().into_bytes()).collect();
    all.push(yaml.clone().into_bytes());
    all.push(format!("{yaml}---\n{}\n", json[2]).into_bytes());
    all
}

/// Whether a text says anywhere that less is to be checked.
fn admits_to_weakness(text: &str) -> bool {
    let plain = |word: &str| text.to_lowercase().contains(word);
    plain("unverified") || plain("warn") || text.contains("\\u")
}

#[test]
fn a_changed_policy_admits_what_nobody_signed_only_if_it_says_so() {
    let subject = Subject {
        namespace: Some("shop".into()),
        channels: Some(Vec::new()),
    };
    holds(1_000, &WORLD.seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let document = PolicyDocument {
            origin: "policy.yaml".into(),
            text: text.to_owned(),
        };
        let compiled = match compile(&[document]) {
            Ok(compiled) => compiled,
            Err(problems) => {
                assert!(!problems.is_empty());
                return false;
            }
        };
        let policies = compiled.bind(&Materials::default());
        let decided = |reference: &Reference| {
            Blocking
                .run(WORLD.verifier.verify(Request {
                    reference,
                    subject: &subject,
                    policies: &policies,
                    at: Timestamp::UNIX_EPOCH,
                    deadline: Instant::now() + Duration::from_secs(60),
                }))
                .decision()
        };
        for image in &WORLD.strange {
            assert!(
                decided(image) == Decision::Deny || admits_to_weakness(text),
                "{image} is admitted"
            );
        }
        decided(&WORLD.signed) == Decision::Allow
    });
}

#[test]
fn what_the_yaml_reader_reads_is_read_again_from_what_it_means() {
    let mut seeds = WORLD.seeds.clone();
    for text in [
        "a: &x [1, 0x10, 017, 0o17, 1e3, .inf, ~, yes, 'yes', 2020-01-01]\nb: *x\n",
        "---\n- a: |\n    text\n  b: >-\n    folded\n    text\n- {c: d, \"e\": 'f'}\n...\n---\nz: !!str 1\n",
        "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n",
    ] {
        seeds.push(text.as_bytes().to_vec());
    }
    holds(1_500, &seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let Ok(found) = yaml::documents(text) else {
            return false;
        };
        for document in &found {
            assert!(document.line >= 1 && document.line as usize <= text.split('\n').count() + 1);
            let written = document.value.to_string();
            let again = yaml::documents(&written).expect("JSON is YAML");
            let values: Vec<_> = again.into_iter().map(|d| d.value).collect();
            // What is no object may be nothing, and an item of a list that was
            // expanded is expanded no further.
            if document.value.is_object() {
                assert_eq!(values.len(), 1, "{written}");
                assert_eq!(values[0], document.value, "{written}");
            }
        }
        !found.is_empty()
    });
}

const SETTINGS: [&str; 2] = [
    "apiVersion: floe.dev/v1\nkind: Settings\nlisten: 127.0.0.1:8443\nmetricsListen: '[::1]:9090'\n\
     policies: [policies, /abs/p.yaml]\nnoMatch: deny\ntls: {certFile: tls.crt, keyFile: tls.key}\n\
     channels:\n  order: [dev, prod]\n  default: prod\n  namespaces:\n  - names: [a-*]\n    channel: dev\n\
     registries:\n- host: registry.example.com:5000\n  insecureHTTP: false\n  realmHosts: [auth.example.com]\n\
     limits: {reviewTimeout: 9s, bodyBytes: 8388608, concurrentReviews: 10, waitingReviews: 10, connections: 9, drain: 2m}\n\
     kinds:\n- {group: example.com, kind: App, paths: ['spec.image']}\nlog: {format: json, file: floe.log}\n",
    r#"{"apiVersion":"floe.dev/v1","kind":"Settings","policies":["p"],"noMatch":"deny","registries":[{"host":"r.example","insecureHTTP":false}],"limits":{"reviewTimeout":"500ms","drain":"1h","bodyBytes":1}}"#,
];

#[test]
fn changed_settings_stay_within_bounds_and_never_open_the_gate_unsaid() {
    let seeds = SETTINGS.map(|text| text.as_bytes().to_vec());
    holds(1_500, &seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let settings = match Settings::parse(Path::new("/etc/floe/floe.yaml"), text) {
            Ok(settings) => settings,
            Err(error) => {
                assert!(error.to_string().contains("/etc/floe/floe.yaml"), "{error}");
                if let ConfigError::Invalid { problems, .. } = &error {
                    assert!(!problems.is_empty());
                }
                return false;
            }
        };
        let hour = Duration::from_secs(3_600);
        for time in [settings.review_timeout, settings.drain] {
            assert!(!time.is_zero() && time <= hour, "{time:?}");
        }
        assert!(
            (1..=1 << 30).contains(&settings.body_bytes),
            "{}",
            settings.body_bytes
        );
        for count in [
            settings.concurrent_reviews,
            settings.waiting_reviews,
            settings.connections,
        ] {
            assert!((1..=1 << 24).contains(&count), "{count}");
        }
        for path in &settings.policies {
            assert!(path.starts_with("/"), "{path:?}");
        }
        let said = |word: &str| text.contains(word) || text.contains("\\u") || text.contains("\\x");
        match settings.no_match {
            NoMatchSetting::Deny => {}
            NoMatchSetting::Warn => assert!(said("warn")),
            NoMatchSetting::Allow => assert!(said("allow")),
        }
        for registry in &settings.registries {
            assert!(!registry.insecure_http || said("true") || said("yes") || said("on"));
        }
        true
    });
}
