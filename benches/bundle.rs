//! What a keyless bundle costs, from its bytes to what it proves, beside the
//! same by the verifier of `sigstore-verify`.
//!
//! Both know their trust root already. They take turns within a round, and the
//! ratio is the median of those within the rounds: whoever else uses the
//! machine disturbs both.
#![allow(
    clippy::print_stdout,
    reason = "a benchmark prints what it has measured"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use floe::evidence::Document;
use floe::oci::{Content, Digest};
use floe::policy::IdentityRule;
use floe::trust::{AuthorityMaterial, Blob, Demands, Signers, TrustRoot, establish_blob};
use jiff::Timestamp;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Artifact, Bundle, Sha256Hash};
use sigstore_verify::{VerificationPolicy, Verifier};

#[path = "../tests/it/support/authority.rs"]
#[allow(dead_code, reason = "the tests use all of it, this program a part")]
mod authority;
#[path = "../tests/it/support/sigstore/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests use all of it, this program a part"
)]
mod sigstore;

use sigstore::{EntryKind, Log, Signing, Sigstore, Stamp};

const ROUNDS: usize = 41;
const A_ROUND: Duration = Duration::from_millis(40);

fn main() {
    let at: Timestamp = "2026-03-02T12:00:00Z".parse().expect("a time");
    let sigstore = Sigstore::new(at);
    let file = vec![7; 4_000];
    let sign = || {
        sigstore
            .sign_blob(&file)
            .layout(sigstore::Layout::Bundle(sigstore::Version::V03))
    };
    let message = || sigstore.sign_blob(&file);
    println!(
        "{:<42} {:>9} {:>9} {:>6}",
        "bundle", "floe", "library", "ratio"
    );
    for (name, signing) in [
        ("envelope, Rekor v1, dsse", sign()),
        (
            "envelope, Rekor v1, intoto",
            sign().entry(EntryKind::InToto002),
        ),
        ("blob, Rekor v1, hashedrekord", message()),
        (
            "envelope, Rekor v1, dsse, timestamp",
            sign().stamp(Stamp::Embedded),
        ),
        (
            "envelope, Rekor v2 (Ed25519), timestamp",
            sign().log(Log::V2).stamp(Stamp::Embedded),
        ),
        (
            "envelope, Rekor v2 (ECDSA), timestamp",
            sign().log(Log::V2Ecdsa).stamp(Stamp::Embedded),
        ),
        (
            "blob, Rekor v2 (Ed25519), timestamp",
            message().log(Log::V2).stamp(Stamp::Embedded),
        ),
    ] {
        compare(name, &sigstore, signing, &file);
    }
}

fn compare(name: &str, sigstore: &Sigstore, signing: Signing<'_>, file: &[u8]) {
    let root = sigstore.trusted_root().text();
    let identity = signing.identity_now().clone();
    let issuer = identity.issuer_v2.as_deref().expect("an issuer");
    let text = signing.make().bundle().to_string();
    let digest = Digest::sha256(file);

    let ours = TrustRoot::from_json("test", &root).expect("a trust root");
    let material = AuthorityMaterial::new(Signers::Keyless, vec![Arc::new(ours)], Demands::KEYLESS);
    let rule = IdentityRule::exact(identity.name(), issuer);
    let content = Content::of_tag("", Bytes::copy_from_slice(text.as_bytes()));
    let floe = || {
        let document = Document::bundle(digest, black_box(&content));
        let verified =
            establish_blob(&document, &Blob::Digest(digest), &material).expect("a good signature");
        let identity = verified.proof().identity.as_deref().expect("somebody");
        rule.judge(identity).expect("whom the policy names");
        black_box(verified);
    };

    let theirs = TrustedRoot::from_json(&root).expect("a trust root");
    let verifier = Verifier::new(&theirs).expect("a trust root");
    let policy = VerificationPolicy::new(identity.name(), issuer);
    let hash = Sha256Hash::new(digest.as_bytes().try_into().expect("32 bytes"));
    let library = || {
        let bundle = Bundle::from_json(black_box(&text)).expect("a bundle");
        let verified = verifier
            .verify(Artifact::from(hash), &bundle, &policy)
            .expect("a good signature");
        black_box(verified);
    };

    let (mut one, mut other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (a, b) = (timed(&floe), timed(&library));
        if round > 0 {
            one.push(a);
            other.push(b);
            ratios.push(a / b);
        }
    }
    println!(
        "{name:<42} {:>6.0} µs {:>6.0} µs {:>6.2}",
        median(one),
        median(other),
        median(ratios)
    );
}

/// Microseconds for one call, over half a round.
fn timed(call: &dyn Fn()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < A_ROUND / 2 {
        call();
        calls += 1;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
