use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::oci::Reference;
use crate::verdict::{Code, Enforcement, NoMatch, PolicyName};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn verdict(enforcement: Enforcement, status: Status, findings: Vec<Finding>) -> Verdict {
    let reference: Reference = "registry.example.com/payments/api:1.4"
        .parse()
        .expect("legal");
    let pinned = format!("registry.example.com/payments/api@sha256:{HEX}")
        .parse::<Reference>()
        .expect("legal")
        .pinned();
    let outcome = Outcome {
        policy: PolicyName(Arc::from("prod")),
        enforcement,
        status: Some(status),
        signers: Vec::new(),
        findings,
    };
    Verdict::conclude(reference, pinned, vec![outcome], NoMatch::Deny)
}

#[test]
fn an_image_of_a_mirror_is_reported_under_both_names() {
    let mirror: Reference = format!("m.test/api@sha256:{HEX}").parse().expect("legal");
    let origin: Reference = format!("r.test/api@sha256:{HEX}").parse().expect("legal");
    for (reference, pinned, judged_as) in [
        (&mirror, &origin, Some("r.test/api")),
        (&origin, &origin, None),
    ] {
        let pinned = pinned.pinned();
        let verdict = Verdict::conclude(reference.clone(), pinned, Vec::new(), NoMatch::Allow);
        let report = ImageReport::new(reference.to_string(), None, Vec::new(), &verdict);
        assert_eq!(report.judged_as.as_deref(), judged_as);
        assert_eq!(report.pinned, Some(origin.to_string()));
        let line = "  judged as r.test/api, which this is a mirror of\n";
        let text = report.to_text(Detail::Short);
        assert_eq!(text.contains(line), judged_as.is_some(), "{text}");
    }
}

fn place() -> Place {
    Place {
        file: None,
        object: None,
        field: "spec.containers[0]".into(),
        name: Some("web".into()),
    }
}

fn image(verdict: &Verdict) -> ImageReport {
    ImageReport::new(
        "registry.example.com/payments/api:1.4",
        Some("payments"),
        vec![place()],
        verdict,
    )
}

#[test]
fn a_denial_names_the_container_the_policy_the_finding_and_the_next_step() {
    let verdict = verdict(
        Enforcement::Enforce,
        Status::Violated,
        vec![Finding::violation(Code::TagNotPinned, "the tag can move")],
    );
    assert_eq!(
        image(&verdict).to_text(Detail::Short),
        format!(
            "spec.containers[0] \"web\": registry.example.com/payments/api:1.4 is refused by policy prod\n  \
             tag-not-pinned      the tag can move\n  \
             next: floe verify registry.example.com/payments/api@sha256:{HEX} --namespace payments --policy FILE --explain\n"
        )
    );
}

#[test]
fn the_next_step_repeats_what_was_asked_and_keys_are_no_policy() {
    let verdict = verdict(
        Enforcement::Enforce,
        Status::Violated,
        vec![Finding::violation(Code::SignatureMissing, "nobody signed")],
    );
    let wording = Wording {
        again: "--key ci.pub --layout image".to_owned(),
        by_keys: true,
        ..Detail::Short.into()
    };
    let mut report = image(&verdict);
    report.uses.clear();
    assert_eq!(
        report.to_text(wording),
        format!(
            "registry.example.com/payments/api:1.4 is refused\n  \
             signature-missing   nobody signed\n  \
             next: floe verify registry.example.com/payments/api@sha256:{HEX} --namespace payments --key ci.pub --layout image --explain\n"
        )
    );
}

#[test]
fn what_is_no_reference_has_no_next_step() {
    let finding = Finding::violation(Code::ReferenceInvalid, "no digest");
    let verdict = Verdict::refused(None, finding);
    let refused = |written: &str| ImageReport::new(written, None, vec![place()], &verdict);
    assert_eq!(
        refused("app@nonsense").to_text(Detail::Short),
        "spec.containers[0] \"web\": app@nonsense is refused\n  reference-invalid   no digest\n"
    );
    assert_eq!(
        refused("").to_text(Detail::Short),
        "spec.containers[0] \"web\" is refused\n  reference-invalid   no digest\n"
    );
}

#[test]
fn an_allowed_image_is_one_line_and_a_warning_is_marked() {
    let allowed = verdict(Enforcement::Enforce, Status::Satisfied, Vec::new());
    assert_eq!(
        image(&allowed).to_text(Detail::Short),
        "registry.example.com/payments/api:1.4 is allowed\n"
    );
    let warned = verdict(
        Enforcement::Warn,
        Status::Violated,
        vec![Finding::violation(Code::SignatureMissing, "nobody signed")],
    );
    assert_eq!(
        image(&warned).to_text(Detail::Short),
        "registry.example.com/payments/api:1.4 is allowed\n  \
         warning: signature-missing   nobody signed\n"
    );
}

#[test]
fn the_json_form_has_the_documented_fields() {
    let mut finding = Finding::blocked(
        Code::Obstacle(crate::evidence::ObstacleKind::RateLimited),
        "slow down",
    );
    finding.retry_after = Some(Duration::from_secs(7));
    let verdict = verdict(Enforcement::Enforce, Status::Inconclusive, vec![finding]);
    let report = Report::new(Timestamp::UNIX_EPOCH, vec![image(&verdict)], Vec::new());
    let expected = serde_json::json!({
        "apiVersion": "floe.dev/v1",
        "kind": "VerificationReport",
        "at": "1970-01-01T00:00:00Z",
        "decision": "deny",
        "images": [{
            "reference": "registry.example.com/payments/api:1.4",
            "pinned": format!("registry.example.com/payments/api@sha256:{HEX}"),
            "namespace": "payments",
            "uses": [{"field": "spec.containers[0]", "name": "web"}],
            "decision": "deny",
            "inconclusive": true,
            "policies": [{
                "name": "prod",
                "enforcement": "enforce",
                "status": "inconclusive",
                "signers": [],
                "findings": [{
                    "code": "registry-rate-limited",
                    "kind": "obstacle",
                    "message": "slow down",
                    "remedy": "wait as the registry asks, or use credentials with a higher limit",
                    "retryAfterSeconds": 7,
                }],
            }],
        }],
    });
    assert_eq!(serde_json::to_value(&report).expect("serialises"), expected);
}

#[test]
fn an_explanation_says_what_to_do_for_every_code() {
    for code in Code::all() {
        assert!(!remedy(code).is_empty());
        let finding = Finding::violation(code, "it is so");
        let text = image(&verdict(
            Enforcement::Enforce,
            Status::Violated,
            vec![finding],
        ))
        .to_text(Detail::Explain);
        assert!(text.contains(code.as_str()), "{text}");
        assert!(text.contains(remedy(code)), "{text}");
    }
}

#[test]
fn an_uncovered_object_denies_unless_it_was_allowed() {
    let uncovered = |allowed| Uncovered {
        code: Code::KindNotCovered.as_str(),
        kind: "Widget.example.com".into(),
        object: "Widget w".into(),
        file: None,
        allowed,
    };
    let report =
        |allowed| Report::new(Timestamp::UNIX_EPOCH, Vec::new(), vec![uncovered(allowed)]).decision;
    assert_eq!((report(false), report(true)), ("deny", "allow"));
}

#[test]
fn why_a_certificate_counts_is_told_in_both_forms() {
    use crate::trust::{
        CertificateIdentity, CiClaims, KeyFingerprint, LogProof, NameKind, Proof, Scheme, SctProof,
        SignerId, SubjectName, TimestampProof, Window,
    };
    use crate::verdict::SignedBy;

    let time = |text: &str| text.parse().expect("a time");
    let name = "https://git.example/acme/api/release.yaml@refs/tags/v1";
    let issuer: Arc<str> = "https://tokens.example".into();
    let key = KeyFingerprint::from_bytes([1; 32]);
    let identity = CertificateIdentity {
        root: "private".into(),
        names: vec![SubjectName {
            kind: NameKind::Uri,
            value: name.into(),
        }],
        issuer: Some(Arc::clone(&issuer)),
        claims: CiClaims {
            source_repository_uri: Some("https://git.example/acme/api".into()),
            source_repository_ref: Some("refs/tags/v1".into()),
            build_trigger: Some("push".into()),
            ..CiClaims::default()
        },
        validity: Window::default(),
    };
    let proof = Proof {
        signer: SignerId::Certificate {
            anchor: key,
            issuer: Some(issuer),
            subject: name.into(),
        },
        identity: Some(Arc::new(identity)),
        log: vec![LogProof {
            root: "private".into(),
            log: [0xab; 32],
            index: 7,
            integrated: Some(time("2026-01-02T03:04:05Z")),
            trusted_since: None,
        }],
        sct: Some(SctProof {
            log: [0xcd; 32],
            at: time("2026-01-02T03:04:04.5Z"),
        }),
        timestamps: vec![TimestampProof {
            root: "private".into(),
            at: time("2026-01-02T03:04:06Z"),
        }],
        ..Proof::of_key(key, Scheme::Ed25519)
    };
    let signed = |proof: Option<Proof>, signer: SignerId| {
        let outcome = Outcome {
            policy: PolicyName("prod".into()),
            enforcement: Enforcement::Enforce,
            status: Some(Status::Satisfied),
            signers: vec![SignedBy {
                authority: "ci".into(),
                signer,
                proof: proof.map(Arc::new),
            }],
            findings: Vec::new(),
        };
        let reference = "registry.example.com/app".parse().expect("legal");
        image(&Verdict::conclude(
            reference,
            None,
            vec![outcome],
            NoMatch::Deny,
        ))
    };
    let signer = proof.signer.clone();
    let report = signed(Some(proof), signer.clone());
    let shown = serde_json::to_value(&report.policies[0].signers).expect("serialises");
    let expected = serde_json::json!([{
        "authority": "ci",
        "signer": format!("{name} (https://tokens.example)"),
        "certificate": {
            "root": "private",
            "names": [{"kind": "uri", "name": name}],
            "issuer": "https://tokens.example",
            "build": {
                "repository": "https://git.example/acme/api",
                "ref": "refs/tags/v1",
                "trigger": "push",
            },
            "seen": {"log": "cd".repeat(32), "at": "2026-01-02T03:04:04.5Z"},
        },
        "log": [{
            "root": "private", "log": "ab".repeat(32), "index": 7, "at": "2026-01-02T03:04:05Z",
        }],
        "timestamps": [{"root": "private", "at": "2026-01-02T03:04:06Z"}],
    }]);
    assert_eq!(shown, expected);
    let told = format!(
        "    signed by authority ci: {name} (https://tokens.example)\n      \
         trust root: private\n      \
         name (uri): {name}\n      \
         issuer: https://tokens.example\n      \
         repository: https://git.example/acme/api\n      \
         ref: refs/tags/v1\n      \
         trigger: push\n      \
         certificate seen: 2026-01-02T03:04:04.5Z by log {}\n      \
         logged: 2026-01-02T03:04:05Z, entry 7 of {} (private)\n      \
         timestamp: 2026-01-02T03:04:06Z (private)\n",
        "cd".repeat(32),
        "ab".repeat(32),
    );
    let text = report.to_text(Detail::Explain);
    assert!(text.ends_with(&told), "{text}");
    assert!(!report.to_text(Detail::Short).contains("logged"));
    // Nothing is made up where each entry of an index has its own signature.
    let shown = serde_json::to_value(&signed(None, signer).policies[0].signers);
    assert_eq!(
        shown.expect("serialises"),
        serde_json::json!([
            {"authority": "ci", "signer": format!("{name} (https://tokens.example)")},
        ])
    );
}
