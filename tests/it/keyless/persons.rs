//! One person is one signer, and leaving a time out gains nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use floe::oci::Reference;
use floe::policy::{PolicyDocument, PolicySet, compile};
use floe::source::layout::Layout as ImageLayout;
use floe::trust::{
    AuthorityMaterial, Demands, Material, MaterialRef, Materials, Signers, TrustRoot, establish,
};
use floe::verdict::{Decision, Subject, Verdict};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::document;
use crate::support::authority::{self, Image, Key, KeyKind, RepositoryContents};
use crate::support::sigstore::ca::{Ca, Leaf};
use crate::support::sigstore::certificate::{self, CODE_SIGNING, Signer};
use crate::support::sigstore::{
    Identity, Layout, Log, Rekor, San, Sigstore, Stamp, TrustedRoot, Version, Window,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn at() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn policies(spec: Value, root: Option<&TrustedRoot>) -> PolicySet {
    let document = json!({
        "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "p"}, "spec": spec,
    });
    let mut materials = Materials::default();
    if let Some(root) = root {
        let root = TrustRoot::from_json("test", &root.text()).unwrap();
        let reference = MaterialRef::Root("test".to_owned());
        materials.insert(reference, Ok(Material::Root(Arc::new(root))));
    }
    let document = PolicyDocument {
        origin: "p.yaml".into(),
        text: document.to_string(),
    };
    compile(&[document]).unwrap().bind(&materials)
}

fn verify(contents: &RepositoryContents, image: &Image, policies: &PolicySet) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    contents.write_layout(folder.path());
    let layout = ImageLayout::open(folder.path()).unwrap();
    let verifier = Verifier::new(layout, Blocking, Limits::default());
    let reference: Reference = format!("registry.example.com/app@{}", image.digest)
        .parse()
        .unwrap();
    Blocking.run(verifier.verify(Request {
        reference: &reference,
        subject: &Subject::default(),
        policies,
        at: at(),
        deadline: Instant::now() + Duration::from_secs(30),
    }))
}

fn refused(verdict: &Verdict, code: &str) {
    assert_eq!(verdict.decision(), Decision::Deny);
    let codes: Vec<_> = verdict.all_findings().map(|f| f.code.as_str()).collect();
    assert!(codes.contains(&code), "{codes:?}");
}

/// Two roots that have certified the same intermediate, and who holds a
/// certificate of it.
struct Crossed {
    roots: [String; 2],
    intermediates: [Vec<u8>; 2],
    leaf: Leaf,
}

impl Crossed {
    fn new(key: &Arc<Key>) -> Self {
        let (from, until) = (at() - DAY * 30, at() + DAY * 300);
        let root = |name| Signer::root(KeyKind::P256, certificate::name("acme", name), from, until);
        let (one, two) = (root("root one"), root("root two"));
        let name = certificate::name("acme", "issuing");
        let issuing = one.intermediate(KeyKind::P256, name, from, until, |_| ());
        let mut cross = two.request(issuing.key.spki(), issuing.name.clone(), from, until);
        cross
            .extensions
            .insert(0, certificate::certificate_signing());
        cross
            .extensions
            .insert(1, certificate::purposes(&[CODE_SIGNING]));
        cross.extensions.insert(2, certificate::authority(Some(0)));
        let intermediates = [issuing.certificate.clone(), cross.signed_by(&two.key)];
        let ca = Ca {
            signers: vec![issuing],
            valid: Window::from(from),
        };
        let alice = Identity::names(vec![San::Email("alice@dev.example".into())]);
        let tbs = ca.order(key, &alice, from, until);
        let pem = |der: &Vec<u8>| authority::pem("CERTIFICATE", der);
        Self {
            roots: [pem(&one.certificate), pem(&two.certificate)],
            intermediates,
            leaf: ca.issue(Arc::clone(key), tbs, &[]),
        }
    }

    /// The certificate with these of the intermediates.
    fn leaf(&self, intermediates: &[usize]) -> Arc<Leaf> {
        let chain = intermediates
            .iter()
            .map(|at| self.intermediates[*at].clone());
        Arc::new(Leaf {
            key: Arc::clone(&self.leaf.key),
            certificate: self.leaf.certificate.clone(),
            not_before: self.leaf.not_before,
            not_after: self.leaf.not_after,
            chain: chain.collect(),
        })
    }

    fn sign(&self, sigstore: &Sigstore, image: &Image, with: &[usize]) -> authority::Attachment {
        let signing = sigstore.sign(image).with_leaf(&self.leaf(with));
        let signing = signing.log(Log::None).stamp(Stamp::None);
        signing.layout(Layout::Sig).make().attachment()
    }
}

fn key() -> Arc<Key> {
    Arc::new(Key::generate(KeyKind::P256))
}

#[test]
fn a_holder_whom_two_roots_vouch_for_is_one_signer() {
    let sigstore = Sigstore::new(at());
    let crossed = Crossed::new(&key());
    let authority = |name: &str, roots: &str| {
        json!({"name": name, "certificate": {
            "roots": {"pem": roots}, "subjectPattern": "*@dev.example",
        }})
    };
    let spec = |require: Value| {
        json!({
            "match": {},
            "authorities": [authority("old", &crossed.roots[0]), authority("new", &crossed.roots[1])],
            "require": require,
        })
    };
    let mut contents = RepositoryContents::new();
    let image = contents.image("one");
    contents.attach(&image, &crossed.sign(&sigstore, &image, &[0, 1]));
    let any = policies(spec(json!({"anyOf": ["old", "new"]})), None);
    assert_eq!(verify(&contents, &image, &any).decision(), Decision::Allow);
    let two = policies(spec(json!({"threshold": 2, "of": ["old", "new"]})), None);
    refused(&verify(&contents, &image, &two), "threshold-not-met");
    // Nor do two signatures with one intermediate each make two.
    contents.attach(&image, &crossed.sign(&sigstore, &image, &[0]));
    contents.attach(&image, &crossed.sign(&sigstore, &image, &[1]));
    refused(&verify(&contents, &image, &two), "threshold-not-met");
}

#[test]
fn one_signature_by_a_key_and_by_its_certificate_is_one_signer() {
    let sigstore = Sigstore::new(at());
    let key = key();
    let crossed = Crossed::new(&key);
    let spec = |require: Value| {
        json!({
            "match": {},
            "authorities": [
                {"name": "release-key", "key": {"pem": key.pem()}},
                {"name": "pki", "certificate": {
                    "roots": {"pem": crossed.roots[0]}, "subject": "alice@dev.example",
                }},
            ],
            "require": require,
        })
    };
    let mut contents = RepositoryContents::new();
    let image = contents.image("one");
    contents.attach(&image, &crossed.sign(&sigstore, &image, &[0]));
    for name in ["release-key", "pki"] {
        let one = policies(
            spec(json!({"anyOf": [name, {"allOf": ["release-key", "pki"]}]})),
            None,
        );
        assert_eq!(verify(&contents, &image, &one).decision(), Decision::Allow);
    }
    let both = policies(spec(json!({"allOf": ["release-key", "pki"]})), None);
    refused(&verify(&contents, &image, &both), "threshold-not-met");
}

#[test]
fn an_entry_of_a_log_that_has_ended_does_not_count_without_its_time() {
    let mut sigstore = Sigstore::new(at());
    let over = Window::between(at() - DAY * 300, at() - DAY * 60);
    sigstore.rekor = Rekor::v1("rekor.example.test", over);
    sigstore.rekor_v2 = Rekor::v2("log2026-1.rekor.example.test", KeyKind::Ed25519, over);
    let root = TrustRoot::from_json("test", &sigstore.trusted_root().text()).unwrap();
    let material = AuthorityMaterial::new(Signers::Keyless, vec![Arc::new(root)], Demands::KEYLESS);
    let image = RepositoryContents::new().image("one");
    let judge = |bundle: &Value| {
        establish(
            &document(&authority::bundle(bundle)),
            &image.digest,
            &material,
        )
        .map(|_| ())
        .map_err(|rejection| rejection.kind.code())
    };
    let made = |log| {
        let signing = sigstore.sign(&image).log(log).stamp(Stamp::Embedded);
        signing.layout(Layout::Bundle(Version::V03)).make().bundle()
    };
    let mut whole = made(Log::V1);
    assert_eq!(judge(&whole), Err("log-unknown"));
    timeless(&mut whole);
    assert_eq!(judge(&whole), Err("log-unknown"));
    assert_eq!(judge(&made(Log::V2)), Err("log-unknown"));
}

#[test]
fn a_key_with_an_entry_of_a_log_that_has_ended_does_not_count_without_its_time() {
    let key = key();
    for (until, decision) in [(-60, Decision::Deny), (60, Decision::Allow)] {
        let mut sigstore = Sigstore::new(at());
        let window = Window::between(at() - DAY * 300, at() + DAY * until);
        sigstore.rekor = Rekor::v1("rekor.example.test", window);
        let root = sigstore.trusted_root();
        let policies = policies(
            json!({"match": {}, "transparencyLog": "required", "authorities": [
                {"name": "ci", "key": {"pem": key.pem()}, "trustRoots": ["test"]},
            ]}),
            Some(&root),
        );
        let mut contents = RepositoryContents::new();
        let image = contents.image("one");
        let signing = sigstore.sign(&image).with_key(&key);
        let signing = signing.log(Log::V1).stamp(Stamp::None);
        let mut bundle = signing.layout(Layout::Bundle(Version::V03)).make().bundle();
        timeless(&mut bundle);
        contents.attach(&image, &authority::bundle(&bundle));
        let verdict = verify(&contents, &image, &policies);
        assert_eq!(verdict.decision(), decision);
        if decision == Decision::Deny {
            refused(&verdict, "log-unknown");
        }
    }
}

fn timeless(bundle: &mut Value) {
    let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
    let entry = entry.as_object_mut().unwrap();
    entry.remove("inclusionPromise");
    entry.remove("integratedTime");
}

#[test]
fn a_member_of_a_root_in_another_spelling_is_refused_and_not_passed_over() {
    let over = json!({
        "start": (at() - DAY * 300).to_string(),
        "end": (at() - DAY * 60).to_string(),
    });
    let misspelt = json!({"start": over["start"], "End": over["end"]});
    for (key, value, read) in [
        ("validFor", &over, true),
        ("valid_for", &over, false),
        ("validFor", &misspelt, false),
    ] {
        let mut root = Sigstore::new(at()).trusted_root();
        let ca = root.certificate_authorities[0].as_object_mut().unwrap();
        ca.remove("validFor");
        ca.insert(key.to_owned(), value.clone());
        let found = TrustRoot::from_json("test", &root.text());
        assert_eq!(found.is_ok(), read, "{key} {value}");
        if let Err(error) = found {
            assert!(error.to_string().contains("is meant"), "{error}");
        }
    }
}
