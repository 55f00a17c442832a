//! How old a statement may be, and for whom its age is known.

use super::*;
use crate::trust::{CertificateIdentity, CiClaims, NameKind, SignerId, SubjectName, TrustRoot};

/// What cosign writes for `--type custom`.
const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";
const NEW: &str = "2026-06-29T00:00:00Z";
const OLD: &str = "2026-01-01T00:00:00Z";
const TOO_OLD: &str =
    "it is of 2026-01-01T00:00:00Z, which is more than 30d before now (2026-06-30T12:00:00Z)";
const UNSEEN: &str = "no log and no timestamp says when it was made, so that it cannot be shown to \
                      be at most 30d old";
const NOT_STATED: &str = "its age is not known: it does not say when it was made, and what was signed \
                          with a key, or with a certificate that is valid for long, can be logged or \
                          stamped again at any time, so that it cannot be shown to be at most 30d old";

/// The outcome where a statement by key must be at most thirty days old.
fn aged(predicate_type: &str, predicate: &str, proof: Proof) -> Outcome {
    let demand = format!("[{{predicateType: '{predicate_type}', by: [ci], maxAge: 30d}}]");
    judged(
        &demand,
        vec![statement_with(predicate_type, predicate, proof)],
    )
}

fn stamped(time: &str) -> Proof {
    let mut proof = proof(None);
    proof.timestamps.push(TimestampProof {
        root: "r".into(),
        at: at(time),
    });
    proof
}

#[test]
fn age_counts_from_the_earliest_trusted_time() {
    let judge = |proof: Proof| {
        let now = format!(r#"{{"Data":"approved","Timestamp":"{}"}}"#, now());
        aged(CUSTOM, &now, proof)
    };
    assert_satisfied(&judge(proof(Some("2026-05-31T12:00:00Z"))));
    assert_failed(
        &judge(proof(Some("2026-05-31T11:59:59Z"))),
        CUSTOM,
        "it is of 2026-05-31T11:59:59Z, which is more than 30d before now (2026-06-30T12:00:00Z)",
    );
    assert_failed(&judge(proof(None)), CUSTOM, UNSEEN);
    // A new timestamp does not make an old statement new.
    let mut again = stamped("2026-06-30T00:00:00Z");
    again.log = proof(Some(OLD)).log;
    assert_failed(&judge(again), CUSTOM, TOO_OLD);
}

#[test]
fn what_a_predicate_says_of_its_age_may_only_make_it_older() {
    let judge = |stated: &str, logged: Option<&str>| {
        let text = format!(r#"{{"metadata":{{"scanFinishedOn":"{stated}"}}}}"#);
        aged(SCAN, &text, proof(logged))
    };
    assert_satisfied(&judge(NEW, Some(NEW)));
    assert_failed(&judge(OLD, Some(NEW)), SCAN, TOO_OLD);
    assert_failed(&judge(NEW, Some(OLD)), SCAN, TOO_OLD);
    assert_failed(&judge(NEW, None), SCAN, UNSEEN);
    let unset = "0001-01-01T00:00:00Z";
    assert_failed(&judge(unset, Some(NEW)), SCAN, NOT_STATED);
}

#[test]
fn an_old_signature_by_key_that_is_stamped_again_is_not_new() {
    for (predicate_type, with_time) in [
        (CUSTOM, r#"{"Data":"approved","Timestamp":"TIME"}"#),
        (
            "https://spdx.dev/Document",
            r#"{"spdxVersion":"SPDX-2.3","creationInfo":{"created":"TIME"}}"#,
        ),
        (
            "https://cyclonedx.org/bom",
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"timestamp":"TIME"}}"#,
        ),
    ] {
        let judge = |time: &str| {
            let text = with_time.replace("TIME", time);
            aged(predicate_type, &text, stamped(NEW))
        };
        assert_satisfied(&judge(NEW));
        assert_failed(&judge(OLD), predicate_type, TOO_OLD);
        // The year in which Go begins to count stands for no time.
        let unset = judge("0001-01-01T00:00:00Z");
        assert_failed(&unset, predicate_type, NOT_STATED);
    }
    assert_failed(&aged(REVIEW, "{}", stamped(NEW)), REVIEW, NOT_STATED);
    // Without a bound, nothing is asked of its age.
    let demand = format!("[{{predicateType: '{REVIEW}', by: [ci]}}]");
    let review = statement_with(REVIEW, "{}", stamped(NEW));
    assert_satisfied(&judged(&demand, vec![review]));
}

#[test]
fn a_bill_that_was_stamped_again_stays_as_old_as_it_says() {
    let bill = |time: &str, stamp: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{{"timestamp":"{time}"}}}}"#
        );
        statement_with("https://cyclonedx.org/bom", &text, stamped(stamp))
    };
    let demand = "[{predicateType: https://cyclonedx.org/bom, by: [ci], maxAge: 30d}]";
    let (earlier, between) = ("2026-06-10T00:00:00Z", "2026-06-20T00:00:00Z");
    let good = |stamp| bill(between, stamp);
    // The older one is too old, and the newer one decides.
    let old = || bill(OLD, earlier);
    assert_satisfied(&judged(demand, vec![old(), good(between)]));
    // Stamped again, it is the newest by its timestamp, and must hold as well.
    let again = bill(OLD, NEW);
    let outcome = judged(demand, vec![again, good(between)]);
    assert_failed(&outcome, "https://cyclonedx.org/bom", TOO_OLD);
}

/// The outcome for a statement without a time by a certificate that `authority`
/// describes.
fn by_certificate(authority: &str, issuer: Option<&str>, predicate: &str) -> Outcome {
    let document = PolicyDocument {
        origin: "p.yaml".into(),
        text: document(&format!(
            "level: attested, authorities: [{{name: ci, {authority}}}], attestations: \
             [{{predicateType: '{CUSTOM}', by: [ci], maxAge: 30d}}]"
        )),
    };
    let pair = KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&pair).expect("a certificate").pem();
    let root = Arc::new(TrustRoot::from_certificates("own", &pem).expect("a root"));
    let mut materials = Materials::default();
    for reference in [
        MaterialRef::CertificatesEnv("CA".into()),
        MaterialRef::Root("own".into()),
    ] {
        materials.insert(reference, Ok(Material::Root(Arc::clone(&root))));
    }
    let set = compile(&[document])
        .unwrap_or_else(|problems| panic!("{problems:?}"))
        .bind(&materials);
    let identity = CertificateIdentity {
        root: "own".into(),
        names: vec![SubjectName {
            kind: NameKind::Email,
            value: "a@b.example".into(),
        }],
        issuer: issuer.map(Into::into),
        claims: CiClaims::default(),
        validity: Default::default(),
    };
    let proof = || Proof {
        signer: SignerId::Certificate {
            anchor: KeyFingerprint::from_bytes([1; 32]),
            issuer: identity.issuer.clone(),
            subject: "a@b.example".into(),
        },
        identity: Some(Arc::new(identity.clone())),
        ..proof(Some(NEW))
    };
    let signature = SignatureClaim {
        subject: Digest::sha256(b""),
        layout: SignatureLayout::Bundle,
        docker_reference: None,
        annotations: Default::default(),
    };
    let signature = Verified::for_test(Claim::Signature(signature), proof());
    let reference: Reference = IMAGE.parse().expect("legal");
    let pinning = Pinning::Digest(reference.pinned().expect("pinned"));
    let selection = set.select(reference.repository(), &Subject::default());
    let column = vec![
        Arc::new(Ok(signature)),
        statement_with(CUSTOM, predicate, proof()),
    ];
    let facts = Facts {
        established: vec![(MaterialId(0), column)],
        ..Facts::default()
    };
    let verdict = decide(&reference, &pinning, &selection, &facts, now());
    verdict.outcomes()[0].clone()
}

#[test]
fn a_certificate_for_minutes_bounds_the_age_and_one_of_an_own_authority_does_not() {
    let keyless = "keyless: {issuer: 'https://i.example', subject: a@b.example}, \
                   trustRoots: [own]";
    let own = "certificate: {roots: {env: CA}, subject: a@b.example}";
    let issuer = Some("https://i.example");
    assert_satisfied(&by_certificate(keyless, issuer, r#"{"Data":"x"}"#));
    let outcome = by_certificate(own, None, r#"{"Data":"x"}"#);
    assert_failed(&outcome, CUSTOM, NOT_STATED);
    let outcome = by_certificate(own, issuer, r#"{"Data":"x"}"#);
    assert_failed(&outcome, CUSTOM, NOT_STATED);
    let stated = |time: &str| format!(r#"{{"Data":"x","Timestamp":"{time}"}}"#);
    assert_satisfied(&by_certificate(own, None, &stated(NEW)));
    assert_failed(&by_certificate(own, None, &stated(OLD)), CUSTOM, TOO_OLD);
    let old = by_certificate(keyless, issuer, &stated(OLD));
    assert_failed(&old, CUSTOM, TOO_OLD);
}
