//! Files that others write: Docker's configuration and image layouts.

use std::fs;
use std::time::{Duration, Instant};

use floe::oci::Reference;
use floe::policy::PolicySet;
use floe::source::layout::Layout;
use floe::source::registry::{Keychain, KeychainError};
use floe::trust::{AuthorityMaterial, PublicKey};
use floe::verdict::{Decision, Subject};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::Timestamp;
use serde_json::Value;

use super::holds;
use super::tree::{Reading, Tree};
use crate::support::authority::{Key, KeyKind, RepositoryContents};

const SECRETS: [&str; 3] = ["canary-in-base64", "canary-in-clear", "canary-of-a-token"];

/// Whether a secret stands where names stand: what is a name may be shown.
fn is_named(value: &Value) -> bool {
    let has = |text: &str| text.contains("canary") || text.contains("Y2FuYXJ5");
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| {
            has(key)
                || is_named(value)
                || (matches!(key.as_str(), "username" | "credHelpers" | "credsStore")
                    && has(&value.to_string()))
        }),
        Value::Array(items) => items.iter().any(is_named),
        _ => false,
    }
}

#[test]
fn no_change_of_the_registry_credentials_shows_one_of_them() {
    // Base64 of `robot:canary-in-base64`.
    let auth = "cm9ib3Q6Y2FuYXJ5LWluLWJhc2U2NA==";
    let seeds = [
        format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}},"ghcr.io/acme":{{"username":"u","password":"canary-in-clear"}},"r.example:5000":{{"identitytoken":"canary-of-a-token"}}}},"credHelpers":{{"gcr.io":"gcloud"}},"credsStore":"desktop","HttpHeaders":{{"a":"b"}}}}"#),
        format!("{{\n  \"auths\": {{\n    \"r.example\": {{\n      \"auth\": \"{auth}\",\n      \"registrytoken\": null\n    }}\n  }}\n}}\n"),
    ]
    .map(String::into_bytes);
    holds(2_000, &seeds, |bytes| {
        let read = Keychain::from_docker_config(bytes);
        let shown = match &read {
            Ok(keychain) => format!("{keychain:?}"),
            Err(error) => format!("{error:?} {error}"),
        };
        // What the oracle cannot read, because it is not UTF-8 where nobody looks.
        let unknown = !matches!(read, Err(KeychainError::Syntax { .. }));
        let named = Tree::parse(bytes).map_or(unknown, |tree| {
            is_named(&tree.read(Reading::First)) || is_named(&tree.read(Reading::Last))
        });
        for secret in SECRETS.iter().chain([&auth]) {
            assert!(named || !shown.contains(secret), "{shown}");
        }
        read.is_ok()
    });
}

#[test]
fn no_change_of_the_index_of_a_layout_makes_an_image_signed() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let signed = contents.image("signed");
    contents.sign_bundle(&signed, &key);
    contents.sign_legacy(&signed, &key);
    let unsigned = contents.image("unsigned");
    contents.sign_bundle(&unsigned, &Key::generate(KeyKind::P256));
    contents.tag_referrers(&signed);
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let index = folder.path().join("index.json");
    let seeds = [fs::read(&index).expect("an index")];
    let material = AuthorityMaterial::key(PublicKey::from_pem(&key.pem()).expect("a key"));
    let policies = PolicySet::for_keys(vec![("ci".into(), material.into())]);
    let subject = Subject::default();
    let reference = |name: &str| -> Reference {
        format!("registry.example.com/app{name}")
            .parse()
            .expect("a reference")
    };
    let by_digest = reference(&format!("@{}", signed.digest));
    let others = [
        reference(&format!("@{}", unsigned.digest)),
        reference(&format!(":signed@{}", unsigned.digest)),
    ];
    let by_tag = reference(":signed");
    holds(400, &seeds, |bytes| {
        fs::write(&index, bytes).expect("written");
        let layout = match Layout::open(folder.path()) {
            Ok(layout) => layout,
            Err(error) => {
                assert!(error.to_string().len() < 2_000, "{error}");
                return false;
            }
        };
        let verifier = Verifier::new(layout, Blocking, Limits::default());
        let verdict = |reference: &Reference| {
            Blocking.run(verifier.verify(Request {
                reference,
                subject: &subject,
                policies: &policies,
                at: Timestamp::UNIX_EPOCH,
                deadline: Instant::now() + Duration::from_secs(60),
            }))
        };
        for other in &others {
            assert_eq!(verdict(other).decision(), Decision::Deny);
        }
        // A tag may name any image, and the verdict names which.
        let tagged = verdict(&by_tag);
        if tagged.decision() == Decision::Allow {
            assert_eq!(tagged.pinned().map(|p| p.digest()), Some(signed.digest));
        }
        verdict(&by_digest).decision() == Decision::Allow
    });
}
