//! Keyless and certificate authorities, the roots behind them, and what is
//! demanded beside a signature.

use std::sync::Arc;

use rcgen::KeyPair;

use crate::policy::{
    Authority, Compiled, MultiArch, Policy, PolicyDocument, PolicySet, Problem, Tags,
};
use crate::trust::{
    Demand, Demands, Material, MaterialError, MaterialRef, Materials, OldBundles, PublicKey,
    Signers, TrustRoot,
};
use crate::verdict::Code;

pub(super) fn compile(spec: &str) -> Result<Compiled, Vec<Problem>> {
    crate::policy::compile(&[PolicyDocument {
        origin: "dir/p.yaml".into(),
        text: format!(
            "{{apiVersion: floe.dev/v1, kind: TrustPolicy, metadata: {{name: p}}, spec: {spec}}}"
        ),
    }])
}

/// The problems as `path: message`.
pub(super) fn problems(spec: &str) -> Vec<String> {
    compile(spec)
        .expect_err(spec)
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

/// A policy about everything with these authorities, and more fields.
pub(super) fn spec(authorities: &str, more: &str) -> String {
    format!("{{match: {{}}, authorities: [{authorities}]{more}}}")
}

fn root(name: &str) -> Arc<TrustRoot> {
    let key = KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("a certificate").pem();
    Arc::new(TrustRoot::from_certificates(name, &pem).expect("a root"))
}

fn key() -> PublicKey {
    let pair = KeyPair::generate().expect("a key");
    PublicKey::from_pem(&pair.public_key_pem()).expect("a key")
}

/// Whatever is referred to, resolved.
fn materials(compiled: &Compiled) -> Materials {
    let mut materials = Materials::default();
    for reference in compiled.materials() {
        let material = match &reference {
            MaterialRef::File(_) | MaterialRef::Env(_) => Material::Key(key()),
            other => Material::Root(root(&other.to_string())),
        };
        materials.insert(reference, Ok(material));
    }
    materials
}

pub(super) fn bound(spec: &str) -> PolicySet {
    let compiled = compile(spec).unwrap_or_else(|problems| panic!("{spec}: {problems:#?}"));
    compiled.bind(&materials(&compiled))
}

pub(super) fn policy(set: &PolicySet) -> Arc<Policy> {
    Arc::clone(set.policies().next().expect("one policy"))
}

fn demands(spec: &str) -> Demands {
    let set = bound(spec);
    let authority: &Authority = &policy(&set).authorities[0];
    set.material(*authority.material.as_ref().expect("bound"))
        .demands()
}

const KEYLESS: &str = "{name: k, keyless: {issuer: 'https://i.example', subject: a@b.example}}";
const OWN: &str = "{name: c, certificate: {roots: {file: ca.pem}, subject: a@b.example}}";
pub(super) const KEY: &str = "{name: f, key: {file: a.pub}}";

fn with_roots(authority: &str) -> String {
    authority.replacen("{name", "{trustRoots: [corp], name", 1)
}

#[test]
fn keyless_authorities_ask_for_a_log_and_a_certificate_timestamp_of_the_public_root() {
    let text = spec(KEYLESS, "");
    let compiled = compile(&text).expect("good");
    assert_eq!(
        compiled.materials(),
        [MaterialRef::Root("public-good".to_owned())]
    );
    assert_eq!(demands(&text), Demands::KEYLESS);
    let set = bound(&text);
    let policy = policy(&set);
    assert!(policy.authorities[0].identity.is_some());
    assert_eq!(policy.multi_arch, MultiArch::Index);
    let material = set.material(*policy.authorities[0].material.as_ref().expect("bound"));
    assert_eq!(material.signers(), &Signers::Keyless);
    assert_eq!(material.roots().len(), 1);
}

#[test]
fn what_is_demanded_depends_on_the_signer_and_on_what_is_written() {
    use Demand::{Checked, Ignored, Required};
    let roots = with_roots;
    for (authority, more, log, timestamps, sct) in [
        (KEYLESS.to_owned(), "", Required, Checked, Required),
        (
            KEYLESS.to_owned(),
            ", transparencyLog: required",
            Required,
            Checked,
            Required,
        ),
        (
            KEYLESS.to_owned(),
            ", timestamps: required",
            Required,
            Required,
            Required,
        ),
        (
            KEYLESS.to_owned(),
            ", timestamps: none",
            Required,
            Ignored,
            Required,
        ),
        (
            KEYLESS.to_owned(),
            ", transparencyLog: none, timestamps: required",
            Ignored,
            Required,
            Required,
        ),
        (
            KEYLESS.to_owned(),
            ", certificateTransparency: none",
            Required,
            Checked,
            Ignored,
        ),
        (KEY.to_owned(), "", Ignored, Ignored, Ignored),
        (
            KEY.to_owned(),
            ", transparencyLog: none, timestamps: none",
            Ignored,
            Ignored,
            Ignored,
        ),
        (
            roots(KEY),
            ", transparencyLog: required",
            Required,
            Ignored,
            Ignored,
        ),
        (
            roots(KEY),
            ", timestamps: required",
            Ignored,
            Required,
            Ignored,
        ),
        (OWN.to_owned(), "", Ignored, Ignored, Ignored),
        (
            roots(OWN),
            ", certificateTransparency: required",
            Ignored,
            Ignored,
            Required,
        ),
        (
            roots(OWN),
            ", transparencyLog: required, timestamps: required",
            Required,
            Required,
            Ignored,
        ),
    ] {
        let expected = Demands {
            log,
            timestamps,
            sct,
            old_bundles: OldBundles::Refused,
        };
        assert_eq!(
            demands(&spec(&authority, more)),
            expected,
            "{authority}{more}"
        );
    }
    let old = demands(&spec(KEY, ", insecureOldBundles: true"));
    assert_eq!(old.old_bundles, OldBundles::Accepted);
    let new = demands(&spec(KEY, ", insecureOldBundles: false"));
    assert_eq!(new.old_bundles, OldBundles::Refused);
}

#[test]
fn a_keyless_authority_without_a_required_time_does_not_compile() {
    for more in [
        ", transparencyLog: none",
        ", transparencyLog: none, timestamps: none",
    ] {
        assert_eq!(
            problems(&spec(KEYLESS, more)),
            [
                "spec.transparencyLog: keyless certificates live for minutes, so that something \
                 trusted must say when they were used; write `timestamps: required` beside this, \
                 or remove it"
            ]
        );
    }
}

#[test]
fn roots_are_named_if_and_only_if_something_is_checked_with_them() {
    for (authority, more, what) in [
        (KEY, ", transparencyLog: required", "transparencyLog"),
        (KEY, ", timestamps: required", "timestamps"),
        (OWN, ", timestamps: required", "timestamps"),
        (
            OWN,
            ", certificateTransparency: required",
            "certificateTransparency",
        ),
    ] {
        let found = problems(&spec(authority, more));
        let expected = format!(
            "spec.authorities[0].trustRoots: is missing: `{what}: required` is checked with the \
             logs and timestamp authorities of a trust root; name one, such as [public-good]"
        );
        assert_eq!(found, [expected.as_str()]);
    }
    for authority in [KEY, OWN] {
        let found = problems(&spec(&with_roots(authority), ""));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("spec.authorities[0].trustRoots: is not used"),
            "{found:?}"
        );
    }
    assert_eq!(
        problems(&spec(
            &with_roots(KEY),
            ", certificateTransparency: required"
        ))
        .len(),
        2
    );
}

#[test]
fn roots_are_names_or_files_relative_to_the_document() {
    let text = spec(
        &KEYLESS.replacen("{name", "{trustRoots: [corp, {file: root.json}], name", 1),
        "",
    );
    assert_eq!(
        compile(&text).expect("good").materials(),
        [
            MaterialRef::Root("corp".to_owned()),
            MaterialRef::RootPath("dir/root.json".to_owned()),
        ]
    );
    for (roots, path) in [
        ("[]", "trustRoots"),
        ("", "trustRoots"),
        ("corp", "trustRoots"),
        ("[Corp]", "trustRoots[0]"),
        ("[root.json]", "trustRoots[0]"),
        ("[corp, corp]", "trustRoots[1]"),
        ("[1]", "trustRoots[0]"),
        ("[{file: ''}]", "trustRoots[0].file"),
        ("[{}]", "trustRoots[0].file"),
        ("[a, b, c, d, e, f, g, h, i]", "trustRoots"),
    ] {
        let authority = KEYLESS.replacen("{name", &format!("{{trustRoots: {roots}, name"), 1);
        let found = compile(&spec(&authority, "")).expect_err(roots);
        let paths: Vec<_> = found.iter().map(|problem| &*problem.path).collect();
        assert_eq!(paths, [format!("spec.authorities[0].{path}")], "{roots}");
    }
}

#[test]
fn what_could_not_be_had_is_said_with_its_own_reason() {
    let two = spec(
        &format!("{KEYLESS}, {OWN}, {KEY}"),
        ", require: {threshold: 1, of: [k, c, f]}",
    );
    let compiled = compile(&two).expect("good");
    let mut missing = Materials::default();
    let mut expired = Materials::default();
    for reference in compiled.materials() {
        let why = format!("{reference}: gone");
        missing.insert(reference.clone(), Err(MaterialError::unavailable(&why)));
        expired.insert(reference, Err(MaterialError::expired(why)));
    }
    let codes = |materials: &Materials| -> Vec<_> {
        let set = compiled.bind(materials);
        let policy = policy(&set);
        let unavailable = policy.authorities.iter().map(|a| a.material.clone());
        unavailable.map(|m| m.expect_err("none").code).collect()
    };
    use Code::{KeyUnavailable, TrustRootExpired, TrustRootUnavailable};
    let unavailable = [TrustRootUnavailable, TrustRootUnavailable, KeyUnavailable];
    assert_eq!(codes(&missing), unavailable);
    assert_eq!(codes(&Materials::default()), unavailable);
    assert_eq!(codes(&expired)[..2], [TrustRootExpired, TrustRootExpired]);
    // What is in force is another thing in each case.
    assert_ne!(
        compiled.bind(&missing).hash(),
        compiled.bind(&expired).hash()
    );
    // A key where a root is named, and the other way round.
    let mut crossed = Materials::default();
    for reference in compiled.materials() {
        let material = match &reference {
            MaterialRef::File(_) => Material::Root(root("x")),
            _ => Material::Key(key()),
        };
        crossed.insert(reference, Ok(material));
    }
    assert_eq!(codes(&crossed), unavailable);
}

#[test]
fn authorities_with_the_same_roots_share_their_material() {
    let other = KEYLESS.replace("name: k", "name: l").replace("a@b", "c@b");
    let set = bound(&spec(&format!("{KEYLESS}, {other}"), ""));
    let policy = policy(&set);
    assert!(policy.broken.is_none());
    assert_eq!(
        policy.authorities[0].material,
        policy.authorities[1].material
    );
    assert_ne!(
        policy.authorities[0].identity,
        policy.authorities[1].identity
    );
}

#[test]
fn one_identity_under_two_names_is_refused() {
    let again = KEYLESS.replace("name: k", "name: l");
    assert_eq!(
        problems(&spec(&format!("{KEYLESS}, {again}"), "")),
        [
            "spec.authorities[1].keyless: is the identity of authority `k` too; name each identity once"
        ]
    );
    let again = OWN.replace("name: c", "name: d");
    assert_eq!(
        problems(&spec(&format!("{OWN}, {again}"), "")),
        [
            "spec.authorities[1].certificate: is the identity of authority `c` too; name each \
             identity once"
        ]
    );
    // Two names of one root are known only when they are read.
    let again =
        KEYLESS
            .replace("name: k", "name: l")
            .replacen("{name", "{trustRoots: [corp], name", 1);
    let compiled = compile(&spec(&format!("{KEYLESS}, {again}"), "")).expect("good");
    let one = root("same");
    let mut materials = Materials::default();
    for reference in compiled.materials() {
        materials.insert(reference, Ok(Material::Root(Arc::clone(&one))));
    }
    let broken = policy(&compiled.bind(&materials))
        .broken
        .clone()
        .expect("broken");
    assert_eq!(broken.code, Code::PolicyInvalid);
    assert_eq!(
        broken.message,
        "authorities k and l have one and the same identity; name each identity once"
    );
}

#[test]
fn an_identity_without_a_policy_is_a_policy_about_everything() {
    let set = PolicySet::for_identity("a@b.example", "https://i.example", vec![root("r")]);
    let policy = policy(&set);
    assert_eq!(policy.tags, Tags::Resolve);
    assert!(policy.authorities[0].identity.is_some());
    let id = policy.authorities[0].material.clone().expect("bound");
    assert_eq!(set.material(id).demands(), Demands::KEYLESS);
    let one = root("r");
    let hash = |identity: &str, issuer: &str| {
        PolicySet::for_identity(identity, issuer, vec![Arc::clone(&one)]).hash()
    };
    assert_eq!(hash("a", "bc"), hash("a", "bc"));
    assert_ne!(hash("a", "bc"), hash("ab", "c"));
}
