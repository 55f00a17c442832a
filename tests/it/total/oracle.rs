//! Changed signatures judged by floe and by another verifier: what the other
//! one refuses, floe does not accept, and where both accept they name the same
//! signer.
//!
//! Whoever changes them is at times more than a stranger: the log takes in what
//! it is given, the certificate authority signs what it is asked for, the
//! signer signs anything.

mod conformance;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use floe::evidence::Document;
use floe::oci::{Content, Digest};
use floe::trust::{
    AuthorityMaterial, Blob, Demand, Demands, OldBundles, Signers, TrustRoot, establish_blob,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Artifact, Bundle};
use sigstore_verify::{Policy, VerificationPolicy, Verifier};

use super::holds;
use crate::support::authority::{Image, KeyKind};
use crate::support::sigstore::ca::SctOrder;
use crate::support::sigstore::certificate::{Extension, Tbs};
use crate::support::sigstore::entry::{Body, By};
use crate::support::sigstore::rekor::Place;
use crate::support::sigstore::{EntryKind, Layout, Log, Signed, Signing, Sigstore, Stamp, Version};

/// A file, and the manifest of an image.
const SIGNED: &[u8] = b"what is signed";

/// Where floe accepts what the other verifier refuses: how that says so, and
/// why floe accepts.
const KNOWN: &[(&str, &str)] = &[
    (
        "missing field `rootHash`",
        "Rekor v2: the checkpoint says which tree it is",
    ),
    (
        "SHA-256 hash must be 32 bytes, got 0",
        "the same, written as nothing",
    ),
    (
        "missing field `treeSize`",
        "Rekor v2: the checkpoint says which tree it is",
    ),
    (
        "invalid type: null, expected a",
        "null is no value: so the JSON of Protocol Buffers wants it",
    ),
    (
        "in-toto statement: subject digest must contain at least one algorithm",
        "another subject has the digest that is asked about",
    ),
    (
        "in-toto statement: invalid type",
        "names of subjects and digests of unknown algorithms are not read",
    ),
    (
        "in-toto statement: unexpected end of hex escape",
        "a predicate is kept as it is written until a condition reads it",
    ),
    (
        "in-toto statement: number out of range",
        "a predicate is kept as it is written until a condition reads it",
    ),
    (
        "in-toto statement: recursion limit exceeded",
        "a predicate is kept as it is written until a condition reads it",
    ),
];

static SIGSTORE: LazyLock<Sigstore> = LazyLock::new(|| {
    let at: Timestamp = "2026-03-02T12:00:00Z".parse().expect("a time");
    Sigstore::new(at)
});

static JUDGES: LazyLock<Judges> = LazyLock::new(|| {
    Judges::new(
        &SIGSTORE.trusted_root().text(),
        Signers::Keyless,
        Box::new(VerificationPolicy::any_identity()),
    )
});

/// What floe demands when it is compared: what the other verifier always does.
const DEMANDS: Demands = Demands {
    log: Demand::Required,
    timestamps: Demand::Checked,
    sct: Demand::Required,
    old_bundles: OldBundles::Accepted,
};

/// Both verifiers, under one trust root.
struct Judges {
    material: AuthorityMaterial,
    other: Verifier,
    policy: Box<dyn Policy + Send + Sync>,
}

impl Judges {
    fn new(root: &str, signers: Signers, policy: Box<dyn Policy + Send + Sync>) -> Self {
        let ours = TrustRoot::from_json("test", root).expect("a trust root");
        let theirs = TrustedRoot::from_json(root).expect("a trust root");
        Self {
            material: AuthorityMaterial::new(signers, vec![Arc::new(ours)], DEMANDS),
            other: Verifier::new(&theirs).expect("a trust root"),
            policy,
        }
    }

    /// Whether floe accepts, which it must not where the other one refuses.
    fn agree(&self, bundle: &[u8], artifact: &[u8]) -> bool {
        let content = Content::of_tag("", Bytes::copy_from_slice(bundle));
        let document = Document::bundle(Digest::sha256(b"manifest"), &content);
        let found = establish_blob(&document, &Blob::Bytes(artifact), &self.material);
        let Ok(verified) = found else {
            return false;
        };
        let other = std::str::from_utf8(bundle)
            .map_err(|error| error.to_string())
            .and_then(|text| Bundle::from_json(text).map_err(|error| error.to_string()))
            .and_then(|bundle| {
                let artifact = Artifact::from(artifact);
                let result = self.other.verify(artifact, &bundle, self.policy.as_ref());
                result.map_err(|error| error.to_string())
            });
        let proof = verified.proof();
        match other {
            Ok(other) => {
                if let Some(identity) = &proof.identity {
                    assert_eq!(other.issuer(), identity.issuer.as_deref());
                    let name = other.identity().expect("somebody is named").as_str();
                    assert!(identity.names.iter().any(|known| &*known.value == name));
                }
                let mut times: Vec<_> = proof.trusted_times().collect();
                let mut others = other.verified_timestamps().to_vec();
                times.sort();
                others.sort();
                assert_eq!(times, others, "when it was signed");
            }
            Err(why) => assert!(
                KNOWN.iter().any(|(said, _)| why.contains(said)),
                "floe accepts by {} what the other verifier refuses: {why}",
                proof.signer
            ),
        }
        true
    }
}

fn image() -> Image {
    Image {
        digest: Digest::sha256(SIGNED),
        size: SIGNED.len() as u64,
    }
}

/// One signature of each form that both verifiers know, with its log.
fn forms() -> Vec<(Log, Signing<'static>)> {
    let sign = |log| SIGSTORE.sign(&image()).log(log);
    let blob = |log| SIGSTORE.sign_blob(SIGNED).log(log);
    let old = Layout::Bundle(Version::V02);
    vec![
        (Log::V1, sign(Log::V1)),
        (
            Log::V1,
            sign(Log::V1).stamp(Stamp::Embedded).key(KeyKind::P384),
        ),
        (Log::V1, sign(Log::V1).entry(EntryKind::InToto002)),
        (Log::V1, sign(Log::V1).layout(old)),
        (Log::V2, sign(Log::V2).stamp(Stamp::Embedded).witnessed()),
        (Log::V2Ecdsa, sign(Log::V2Ecdsa).stamp(Stamp::Bare)),
        (Log::V1, blob(Log::V1)),
        (Log::V2, blob(Log::V2).stamp(Stamp::Embedded)),
        (Log::V1, blob(Log::V1).key(KeyKind::Rsa)),
    ]
}

fn judged(signed: &Signed) -> bool {
    JUDGES.agree(signed.bundle().to_string().as_bytes(), SIGNED)
}

#[test]
fn a_changed_bundle_that_another_verifier_refuses_is_refused() {
    let seeds: Vec<_> = forms()
        .into_iter()
        .map(|(_, signing)| signing.make().bundle().to_string().into_bytes())
        .collect();
    holds(400, &seeds, |bytes| JUDGES.agree(bytes, SIGNED));
}

/// The parts of a bundle that are not JSON, each in its place.
#[test]
fn a_bundle_with_a_changed_part_that_another_verifier_refuses_is_refused() {
    type Part = fn(&mut Signed) -> &mut Vec<u8>;
    let parts: &[Part] = &[
        |signed| &mut signed.certificates[0],
        |signed| &mut signed.tokens[0],
        |signed| &mut signed.entries[0].body,
    ];
    let signed = SIGSTORE.sign(&image()).stamp(Stamp::Embedded).make();
    for part in parts {
        let seed = part(&mut signed.clone()).clone();
        holds(60, std::slice::from_ref(&seed), |bytes| {
            let mut signed = signed.clone();
            *part(&mut signed) = bytes.to_vec();
            let accepted = judged(&signed);
            // Hardly a change of these is ever accepted by anybody.
            accepted || bytes != seed
        });
    }
}

/// The log signs any body that it is given.
#[test]
fn a_changed_entry_that_another_verifier_refuses_is_refused() {
    for (log, signing) in forms() {
        let log = SIGSTORE.log(log).expect("a log");
        let signed = signing.make();
        let certificate = By::Certificate(&signed.certificates[0], signed.key.kind);
        let other = SIGSTORE.sign_blob(b"another file").logged_in(log).make();
        let entry = &signed.entries[0];
        let known = [
            ("hashedrekord", "0.0.1"),
            ("hashedrekord", "0.0.2"),
            ("dsse", "0.0.1"),
            ("intoto", "0.0.2"),
        ];
        let (kind, version) = known
            .into_iter()
            .find(|known| *known == (entry.kind.as_str(), entry.version.as_str()))
            .expect("a kind");
        // The entry of another file by the same signer, to be mixed with it.
        let again = SIGSTORE.sign_blob(SIGNED).logged_in(log);
        let foreign = again.body(&other.content, certificate, signed.key.kind, log);
        let seeds = [entry.body.clone(), foreign.bytes];
        holds(40, &seeds, |bytes| {
            let mut signed = signed.clone();
            let body = Body {
                kind,
                version,
                bytes: bytes.to_vec(),
            };
            signed.entries = vec![log.enter(&body, SIGSTORE.at, Place::default())];
            judged(&signed) || bytes != seeds[0]
        });
    }
}

/// The signer signs any statement, and the log sees it.
#[test]
fn a_changed_statement_that_another_verifier_refuses_is_refused() {
    let first = SIGSTORE.sign(&image()).make();
    let leaf = first.leaf.as_ref().expect("a certificate");
    let digest = image().digest.to_string();
    let other = Digest::sha256(b"another file").to_string();
    let statement = |digests: &[&str]| {
        let kind = "https://slsa.dev/provenance/v1";
        crate::support::authority::statement(kind, digests, json!({"a": [1, {"b": null}]}))
    };
    let seeds = [
        statement(&[&digest]),
        statement(&[&other, &digest]),
        statement(&[&other]),
    ]
    .map(|statement| statement.to_string().into_bytes());
    holds(150, &seeds, |bytes| {
        let signing = SIGSTORE.sign(&image()).with_leaf(leaf).payload(bytes);
        judged(&signing.make())
    });
}

/// The authority signs any extensions, and the certificate log sees them.
#[test]
fn a_changed_certificate_that_another_verifier_refuses_is_refused() {
    let signed = SIGSTORE.sign(&image()).make();
    let leaf = signed.leaf.as_ref().expect("a certificate");
    let order = |identity| {
        let (from, until) = (leaf.not_before, leaf.not_after);
        SIGSTORE.ca.order(&leaf.key, identity, from, until)
    };
    let signing = SIGSTORE.sign(&image());
    let tbs = order(signing.identity_now());
    let issuer = "https://issuer.example.com";
    let person = crate::support::sigstore::Identity::email("alice@example.com", issuer);
    let seeds = [written(&tbs), written(&order(&person))];
    holds(250, &seeds, |bytes| {
        let Some(extensions) = read(bytes) else {
            return false;
        };
        let tbs = Tbs {
            extensions,
            ..tbs.clone()
        };
        let sct = SctOrder::new(&SIGSTORE.ct_logs[0], leaf.not_before);
        let leaf = Arc::new(SIGSTORE.ca.issue(Arc::clone(&leaf.key), tbs, &[sct]));
        judged(&SIGSTORE.sign(&image()).with_leaf(&leaf).make())
    });
}

/// Extensions in a form that changes of structure know.
fn written(tbs: &Tbs) -> Vec<u8> {
    let written = |extension: &Extension| {
        json!({
            "oid": extension.oid,
            "critical": extension.critical,
            "value": extension.value,
        })
    };
    let list: Vec<Value> = tbs.extensions.iter().map(written).collect();
    json!(list).to_string().into_bytes()
}

fn read(bytes: &[u8]) -> Option<Vec<Extension>> {
    let list: Vec<Value> = serde_json::from_slice(bytes).ok()?;
    list.iter()
        .map(|extension| {
            let oid = extension["oid"].as_str()?;
            let arcs = oid.split('.').map(|arc| arc.parse::<u32>().ok());
            let arcs: Vec<u32> = arcs.collect::<Option<_>>()?;
            let [0..=2, 0..=39, _, ..] = arcs[..] else {
                return None;
            };
            let value = extension["value"].as_array()?.iter();
            let value = value.map(|byte| u8::try_from(byte.as_u64()?).ok());
            Some(Extension {
                oid: oid.to_owned(),
                critical: extension["critical"].as_bool().unwrap_or_default(),
                value: value.collect::<Option<_>>()?,
            })
        })
        .collect()
}
