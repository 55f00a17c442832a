//! The same artifacts judged by floe and by another verifier: what the other
//! refuses, floe does not accept, and where floe is stricter it is known why.

use floe::policy::IdentityRule;

use super::{DEMANDS, SIGSTORE, images, judge, keyless, reason};
use crate::support::authority::{Attachment, KeyKind};
use crate::support::oracle::{self, Demand};
use crate::support::sigstore::matrix::Case;
use crate::support::sigstore::{Defect, Log};

/// Whether floe is stricter on purpose.
fn stricter(case: &Case) -> bool {
    match case.defect {
        // A name, an issuer, a signer, an entry is never chosen among several.
        Some(Defect::TwoIssuers | Defect::StampSignedTwice | Defect::TwoEntries) => true,
        // A checkpoint counts for the log that the entry names, and no other.
        Some(Defect::CheckpointOfAnotherLog) => true,
        Some(Defect::LogIdOfAnotherLog) => case.log != Log::V1,
        _ => false,
    }
}

/// Whether the other verifier knows less: keys of P-521.
fn unknown_to_the_other(case: &Case) -> bool {
    case.key == KeyKind::P521
}

#[test]
fn floe_accepts_nothing_that_another_verifier_refuses() {
    let [image, _] = images();
    let root = SIGSTORE.trusted_root();
    let material = keyless(&root, DEMANDS);
    let mut differences = Vec::new();
    let mut compared = 0;
    for case in Case::some(300) {
        let signing = case.signing(&SIGSTORE, &image);
        let identity = signing.identity_now().clone();
        let attachment = signing.make().attachment();
        let Attachment::Bundle { bytes, .. } = &attachment else {
            continue;
        };
        let found = judge(&attachment, &image.digest, &material);
        let other = oracle::judge(
            std::str::from_utf8(bytes).expect("text"),
            image.digest.as_bytes().try_into().expect("32 bytes"),
            identity.name(),
            identity.issuer_v2.as_deref(),
            &root.text(),
            Demand::ALL,
        );
        compared += 1;
        let issuer = identity.issuer_v2.as_deref().expect("an issuer");
        let rule = IdentityRule::exact(identity.name(), issuer);
        let accepted = reason(&found, Some(&rule)) == "accepted";
        let expected = match (accepted, other.is_ok()) {
            (true, false) => unknown_to_the_other(&case),
            (false, true) => stricter(&case),
            _ => true,
        };
        if !expected {
            let found = found.map(|_| ());
            differences.push(format!("{case:?}: {found:?}, the other {other:?}"));
        }
    }
    assert!(compared >= 100, "{compared}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
