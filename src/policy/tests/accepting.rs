//! Which verified documents count: whom they name, when they were made, and
//! what for.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::combining::{rejected, signed};
use super::identities::{named, rule};
use crate::evidence::{Predicate, PredicateKind};
use crate::oci::Digest;
use crate::policy::Requirement::{AllOf, AnyOf, Authority as Is};
use crate::policy::{
    Applies, Authority, Facts, IdentityRule, MaterialId, Pinning, Policy, Requirement, Selected,
    Selection, decide,
};
use crate::trust::{
    AttestationClaim, CertificateIdentity, Claim, Established, KeyFingerprint, LogProof, NameKind,
    OldBundles, Proof, RejectionKind, Scheme, SignatureClaim, SignatureLayout, SignerId,
    TimestampProof, Verified, Window,
};
use crate::verdict::{NoMatch, Outcome, Status};

const ISSUER: &str = "https://accounts.example";
const NOW: &str = "2026-06-01T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window(start: &str, end: &str) -> Window {
    let end_of = |text: &str| (!text.is_empty()).then(|| time(text));
    Window {
        start: end_of(start),
        end: end_of(end),
    }
}

/// What a certificate for `name` proves, logged before now.
fn by(name: &str) -> Proof {
    let identity = named(NameKind::Email, name, ISSUER);
    by_identity(identity)
}

fn by_identity(identity: CertificateIdentity) -> Proof {
    let key = KeyFingerprint::from_bytes([1; 32]);
    Proof {
        signer: SignerId::Certificate {
            anchor: key,
            issuer: identity.issuer.clone(),
            subject: Arc::clone(&identity.names[0].value),
        },
        identity: Some(Arc::new(identity)),
        log: vec![logged("2026-06-01T11:00:00Z")],
        ..Proof::of_key(key, Scheme::Ed25519)
    }
}

fn logged(at: &str) -> LogProof {
    LogProof {
        root: "public-good".into(),
        log: [7; 32],
        index: 3,
        integrated: Some(time(at)),
        trusted_since: Some(time("2020-01-01T00:00:00Z")),
    }
}

fn stamped(at: &str) -> TimestampProof {
    TimestampProof {
        root: "public-good".into(),
        at: time(at),
    }
}

fn by_key(number: u8) -> Proof {
    Proof::of_key(KeyFingerprint::from_bytes([number; 32]), Scheme::Ed25519)
}

fn signature(proof: Proof) -> Arc<Established> {
    signature_for(proof, None, &[])
}

fn signature_for(
    proof: Proof,
    reference: Option<&str>,
    notes: &[(&str, &str)],
) -> Arc<Established> {
    let annotations: BTreeMap<_, _> = notes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Arc::new(Ok(Verified::for_test(
        Claim::Signature(SignatureClaim {
            subject: Digest::sha256(b"image"),
            layout: SignatureLayout::SimpleSigning,
            docker_reference: reference.map(str::to_owned),
            annotations,
        }),
        proof,
    )))
}

fn attestation(proof: Proof) -> Arc<Established> {
    Arc::new(Ok(Verified::for_test(
        Claim::Attestation(AttestationClaim {
            subject: Digest::sha256(b"image"),
            layout: SignatureLayout::Bundle,
            document: Digest::sha256(b"statement"),
            predicate_type: "https://cyclonedx.org/bom".into(),
            predicate: Arc::new(Predicate {
                kind: PredicateKind::BillOfMaterials,
                created: None,
                text: "{}".into(),
            }),
        }),
        proof,
    )))
}

/// An authority with the material of this index.
fn authority(name: &str, material: usize, identity: Option<IdentityRule>) -> Authority {
    Authority {
        name: name.into(),
        material: Ok(MaterialId(material)),
        identity,
        validity: Window::default(),
    }
}

fn alice() -> Authority {
    let rule = IdentityRule::exact("alice@acme.example", ISSUER);
    authority("alice", 0, Some(rule))
}

fn policy(authorities: Vec<Authority>, requirement: Requirement) -> Policy {
    Policy {
        authorities,
        ..super::combining::policy(0, &[], requirement)
    }
}

fn facts(columns: Vec<Vec<Arc<Established>>>) -> Facts {
    Facts {
        established: columns
            .into_iter()
            .enumerate()
            .map(|(at, column)| (MaterialId(at), column))
            .collect(),
        ..Facts::default()
    }
}

fn judged_at(at: &str, policy: Policy, facts: &Facts) -> Outcome {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let reference: crate::oci::Reference = format!("registry.example.com/app@{digest}")
        .parse()
        .expect("legal");
    let selection = Selection {
        policies: vec![Selected {
            policy: Arc::new(policy),
            applies: Applies::Yes,
        }],
        no_match: NoMatch::Deny,
    };
    let pinning = Pinning::Digest(reference.pinned().expect("pinned"));
    decide(&reference, &pinning, &selection, facts, time(at)).outcomes()[0].clone()
}

fn judged(policy: Policy, facts: &Facts) -> Outcome {
    judged_at(NOW, policy, facts)
}

fn codes(outcome: &Outcome) -> Vec<&'static str> {
    outcome.findings.iter().map(|f| f.code.as_str()).collect()
}

/// What an authority makes of one signature.
fn one(authority: Authority, proof: Proof) -> Outcome {
    let facts = facts(vec![vec![signature(proof)]]);
    judged(policy(vec![authority], Is(0)), &facts)
}

#[test]
fn a_certificate_counts_for_whom_it_names_and_for_nobody_else() {
    let good = one(alice(), by("alice@acme.example"));
    assert_eq!(good.status, Some(Status::Satisfied));
    assert_eq!(good.findings, []);
    assert_eq!(&*good.signers[0].authority, "alice");
    let other = one(alice(), by("mallory@acme.example"));
    assert_eq!(other.status, Some(Status::Violated));
    assert_eq!(codes(&other), ["signature-missing", "identity-mismatch"]);
    assert_eq!(
        other.findings[0].message,
        "no signature by alice; found 1 signature by somebody else"
    );
    assert_eq!(
        other.findings[1].message,
        "signed as mallory@acme.example; alice@acme.example is accepted"
    );
    let identity = named(
        NameKind::Email,
        "alice@acme.example",
        "https://evil.example",
    );
    let other = one(alice(), by_identity(identity));
    assert_eq!(codes(&other), ["signature-missing", "issuer-mismatch"]);
}

#[test]
fn keys_and_certificates_never_stand_in_for_each_other() {
    let key = one(alice(), by_key(1));
    assert_eq!(codes(&key), ["signature-missing", "identity-mismatch"]);
    let certificate = one(authority("key", 0, None), by("alice@acme.example"));
    assert_eq!(
        codes(&certificate),
        ["signature-missing", "identity-mismatch"]
    );
}

#[test]
fn what_was_seen_after_the_decision_does_not_count() {
    let later = "2026-06-01T12:00:01Z";
    let late = Proof {
        log: vec![logged(later)],
        ..by("alice@acme.example")
    };
    let one_of_two = Proof {
        timestamps: vec![stamped(later)],
        ..by("alice@acme.example")
    };
    let new_log = Proof {
        log: vec![LogProof {
            integrated: None,
            trusted_since: Some(time(later)),
            ..logged(NOW)
        }],
        timestamps: vec![stamped(NOW)],
        ..by("alice@acme.example")
    };
    for proof in [late, one_of_two, new_log] {
        let facts = facts(vec![vec![signature(proof)]]);
        let before = judged(policy(vec![alice()], Is(0)), &facts);
        assert_eq!(before.status, Some(Status::Violated));
        assert_eq!(
            codes(&before),
            ["signature-missing", "signed-in-the-future"]
        );
        let then = judged_at(later, policy(vec![alice()], Is(0)), &facts);
        assert_eq!(then.status, Some(Status::Satisfied));
    }
    let now = Proof {
        log: vec![logged(NOW)],
        ..by("alice@acme.example")
    };
    assert_eq!(one(alice(), now).status, Some(Status::Satisfied));
}

#[test]
fn the_dates_of_a_key_are_compared_with_trusted_times_and_without_them_with_now() {
    let year = window("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    let past = window("2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z");
    let proof = |times: &[&str]| Proof {
        timestamps: times.iter().map(|at| stamped(at)).collect(),
        ..by_key(1)
    };
    for (validity, times, good) in [
        (year, &[][..], true),
        (past, &[], false),
        (window("2026-06-01T12:00:00Z", ""), &[], true),
        (window("", "2026-06-01T11:59:59Z"), &[], false),
        (past, &["2025-05-05T00:00:00Z"], true),
        (year, &["2025-05-05T00:00:00Z"], false),
        // Every trusted time has to be inside, not only the first.
        (
            past,
            &["2025-05-05T00:00:00Z", "2026-01-01T00:00:00Z"],
            false,
        ),
    ] {
        let key = Authority {
            validity,
            ..authority("key", 0, None)
        };
        let found = one(key, proof(times));
        if good {
            assert_eq!(
                found.status,
                Some(Status::Satisfied),
                "{validity:?} {times:?}"
            );
        } else {
            assert_eq!(
                codes(&found),
                ["signature-missing", "key-not-valid-then"],
                "{validity:?} {times:?}"
            );
        }
    }
    let key = Authority {
        validity: past,
        ..authority("key", 0, None)
    };
    let found = one(key, by_key(1));
    assert!(
        found.findings[1].message.contains(
            "at no known time, which counts as now (2026-06-01T12:00:00Z), and the key counts \
             from 2025-01-01T00:00:00Z to 2025-12-31T00:00:00Z"
        ),
        "{}",
        found.findings[1].message
    );
}

#[test]
fn a_certificate_without_a_trusted_time_must_be_valid_now() {
    let own = authority(
        "pki",
        0,
        Some(rule(
            "{issuerPattern: 'https://accounts.example', subject: build@acme.example}",
        )),
    );
    let proof = |window: Window| Proof {
        window: Some(window),
        log: Vec::new(),
        ..by("build@acme.example")
    };
    let valid = proof(window("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"));
    assert_eq!(one(own.clone(), valid).status, Some(Status::Satisfied));
    for (start, end) in [
        ("2025-01-01T00:00:00Z", "2026-06-01T11:59:59Z"),
        ("2026-06-01T12:00:01Z", "2027-01-01T00:00:00Z"),
    ] {
        let found = one(own.clone(), proof(window(start, end)));
        assert_eq!(
            codes(&found),
            ["signature-missing", "certificate-not-valid-now"]
        );
    }
}

#[test]
fn a_signature_may_have_to_name_the_repository() {
    let run = |reference: Option<&str>, notes: &[(&str, &str)]| {
        let facts = facts(vec![vec![signature_for(by_key(1), reference, notes)]]);
        let strict = Policy {
            signed_for_repository: true,
            ..policy(vec![authority("key", 0, None)], Is(0))
        };
        let loose = judged(policy(vec![authority("key", 0, None)], Is(0)), &facts);
        assert_eq!(loose.status, Some(Status::Satisfied));
        judged(strict, &facts)
    };
    let app = "registry.example.com/app";
    for (reference, notes) in [
        (Some(app), &[][..]),
        (Some("registry.example.com/app:1.4"), &[]),
        (Some("REGISTRY.example.com:443/app"), &[]),
        (None, &[("docker-reference", app)]),
        (Some("other.example/app"), &[("docker-reference", app)]),
    ] {
        assert_eq!(
            run(reference, notes).status,
            Some(Status::Satisfied),
            "{reference:?}"
        );
    }
    for (reference, notes) in [
        (None, &[][..]),
        (Some(""), &[]),
        (Some("registry.example.com/app2"), &[]),
        (Some("registry.example.com/app/x"), &[]),
        (Some("other.example/app"), &[]),
        (Some("app"), &[]),
        (None, &[("docker-reference", "other.example/app")]),
        (None, &[("repository", app)]),
    ] {
        let found = run(reference, notes);
        assert_eq!(
            codes(&found),
            ["signature-missing", "signature-for-another-repository"],
            "{reference:?} {notes:?}"
        );
    }
    let found = run(Some("other.example/app"), &[]);
    assert!(
        found.findings[1]
            .message
            .ends_with("for other.example/app; the policy asks for registry.example.com/app"),
        "{}",
        found.findings[1].message
    );
}

#[test]
fn an_attestation_is_no_signature_and_that_is_said_only_where_one_is_missing() {
    let run = |column| judged(policy(vec![alice()], Is(0)), &facts(vec![column]));
    let alone = run(vec![attestation(by("alice@acme.example"))]);
    assert_eq!(alone.status, Some(Status::Violated));
    assert_eq!(
        codes(&alone),
        ["signature-missing", "predicate-not-a-signature"]
    );
    assert_eq!(
        alone.findings[1].message,
        "found an attestation of type \"https://cyclonedx.org/bom\" by alice@acme.example \
         (https://accounts.example); an attestation is not a signature"
    );
    let beside = run(vec![
        attestation(by("alice@acme.example")),
        signature(by("alice@acme.example")),
    ]);
    assert_eq!(beside.status, Some(Status::Satisfied));
    assert_eq!(beside.findings, []);
}

#[test]
fn distinct_signers_are_told_apart_by_what_was_proven() {
    let anyone = |name: &str| {
        let rule = rule("{issuer: 'https://accounts.example', subjectPattern: '*@acme.example'}");
        authority(name, 0, Some(rule))
    };
    let both = || policy(vec![alice(), anyone("team")], AllOf(vec![Is(0), Is(1)]));
    let run = |names: &[&str]| {
        let column = names.iter().map(|name| signature(by(name))).collect();
        judged(both(), &facts(vec![column]))
    };
    // Two signatures by alice are one signer, although she fits both.
    let alone = run(&["alice@acme.example", "alice@acme.example"]);
    assert_eq!(codes(&alone), ["threshold-not-met"]);
    let two = run(&["alice@acme.example", "bob@acme.example"]);
    assert_eq!(two.status, Some(Status::Satisfied));
    let neither = run(&["bob@acme.example"]);
    assert_eq!(codes(&neither), ["threshold-not-met",][..]);
}

#[test]
fn of_several_reasons_the_one_that_says_most_is_told() {
    let key = || authority("key", 1, None);
    let run = |first: Arc<Established>, second: Arc<Established>| {
        let policy = policy(vec![alice(), key()], AnyOf(vec![Is(0), Is(1)]));
        codes(&judged(policy, &facts(vec![vec![first], vec![second]])))
    };
    let by_a_key = || rejected(RejectionKind::SignatureInvalid, "made by another key");
    let no_entry = || rejected(RejectionKind::LogEntryMissing, "none");
    let mallory = || signature(by("mallory@acme.example"));
    assert_eq!(
        run(mallory(), by_a_key()),
        ["signature-missing", "identity-mismatch"]
    );
    assert_eq!(
        run(no_entry(), by_a_key()),
        ["signature-missing", "log-entry-missing"]
    );
    let untrusted = rejected(RejectionKind::CertificateUntrusted, "nobody");
    assert_eq!(
        run(untrusted, by_a_key()),
        ["signature-missing", "certificate-untrusted"]
    );
    // A document that counts for one authority is no note for the other.
    assert_eq!(run(mallory(), signed(1)), [""; 0]);
}

#[test]
fn a_certificate_of_another_rule_is_no_reason_where_one_rule_is_closer() {
    // Both share the roots; one fits the issuer only.
    let github = rule(
        "{github: {repository: acme/app, workflow: .github/workflows/r.yml, ref: refs/heads/main}}",
    );
    let two = policy(
        vec![authority("ci", 0, Some(github)), alice()],
        AnyOf(vec![Is(0), Is(1)]),
    );
    let found = judged(
        two,
        &facts(vec![vec![signature(by("mallory@acme.example"))]]),
    );
    assert_eq!(codes(&found), ["signature-missing", "identity-mismatch"]);
}

#[test]
fn accepting_old_bundles_shows_in_every_outcome() {
    let old = Policy {
        old_bundles: OldBundles::Accepted,
        ..policy(vec![alice()], Is(0))
    };
    let good = facts(vec![vec![signature(by("alice@acme.example"))]]);
    let found = judged(old.clone(), &good);
    assert_eq!(found.status, Some(Status::Satisfied));
    assert_eq!(codes(&found), ["old-bundles-accepted"]);
    assert_eq!(
        codes(&judged(old, &Facts::default())),
        ["signature-missing", "old-bundles-accepted"]
    );
}
