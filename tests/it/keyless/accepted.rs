//! What counts, and what is proven by it.

use std::sync::Arc;

use floe::evidence::Document;
use floe::oci::{Content, Digest};
use floe::trust::{
    AuthorityMaterial, Blob, Demand, Demands, Established, NameKind, RejectionKind,
    SignatureLayout, SignerId, Signers, TrustRoot, establish_blob,
};
use jiff::{SignedDuration, Timestamp};

use super::{DEMANDS, SIGSTORE, STRANGER, at, images, judge, keyless, managed};
use crate::support::authority::{Key, KeyKind};
use crate::support::sigstore::ca::SctOrder;
use crate::support::sigstore::identity::{GITHUB, GITLAB, GOOGLE};
use crate::support::sigstore::matrix::Case;
use crate::support::sigstore::{
    Ca, Hashing, Identity, Layout, Log, San, Signing, Sigstore, Stamp, TokenForm, Tsa, Version,
    root,
};

fn code(established: &Established) -> &'static str {
    match established {
        Ok(_) => "accepted",
        Err(rejection) => rejection.kind.code(),
    }
}

fn signing() -> Signing<'static> {
    SIGSTORE.sign(&images()[0])
}

#[test]
fn every_sound_signature_counts_and_its_proof_names_everything_that_was_seen() {
    let [image, _] = images();
    let material = keyless(&SIGSTORE.trusted_root(), DEMANDS);
    for case in Case::sound() {
        let signed = case.signing(&SIGSTORE, &image).make();
        let verified = judge(&signed.attachment(), &image.digest, &material)
            .unwrap_or_else(|rejection| panic!("{case:?}: {rejection:?}"));
        let layout = match case.layout {
            Layout::Sig => SignatureLayout::SimpleSigning,
            Layout::Att => SignatureLayout::Attestation,
            Layout::Bundle(_) | Layout::Message(_) => SignatureLayout::Bundle,
        };
        match (
            verified.claim().as_signature(),
            verified.claim().as_attestation(),
        ) {
            (Some(claim), None) => assert_eq!(claim.layout, layout, "{case:?}"),
            (None, Some(claim)) => {
                assert_eq!(claim.layout, layout, "{case:?}");
                assert_eq!(&*claim.predicate_type, "https://slsa.dev/provenance/v1");
            }
            _ => unreachable!("a claim is one of the two"),
        }

        let proof = verified.proof();
        let log = SIGSTORE.log(case.log).expect("a log");
        let [entry] = &proof.log[..] else {
            panic!("{case:?}: {:?}", proof.log);
        };
        assert_eq!(entry.log, log.id(), "{case:?}");
        assert_eq!(entry.index, signed.entries[0].log_index as u64, "{case:?}");
        let integrated = (case.log == Log::V1).then(at);
        assert_eq!(entry.integrated, integrated, "{case:?}");
        let stamps: Vec<_> = proof.timestamps.iter().map(|stamp| stamp.at).collect();
        let stamped = if case.stamp == Stamp::None {
            vec![]
        } else {
            vec![at()]
        };
        assert_eq!(stamps, stamped, "{case:?}");
        assert_eq!(proof.signed_at(), Some(at()));
        let leaf = signed.leaf.as_ref().expect("a certificate");
        let sct = proof.sct.as_ref().expect("a certificate timestamp");
        assert_eq!(
            (sct.log, sct.at),
            (SIGSTORE.ct_logs[0].id(), leaf.not_before)
        );
        let identity = proof.identity.as_ref().expect("an identity");
        assert_eq!(&*identity.root, "test");
        assert_eq!(identity.issuer.as_deref(), Some(GITHUB));
        assert_eq!(identity.validity.end, Some(leaf.not_after));
        assert_eq!(proof.window, None, "a time is known");
    }
}

#[test]
fn names_and_claims_are_those_of_the_certificate() {
    let [image, _] = images();
    let material = keyless(&SIGSTORE.trusted_root(), DEMANDS);
    let github = Identity::github("acme/app", ".github/workflows/ci.yml", "refs/tags/v1");
    let gitlab = Identity::gitlab("acme/team/app", ".gitlab-ci.yml", "refs/heads/main");
    for (identity, kind, issuer) in [
        (
            Identity::email("dev@example.test", GOOGLE),
            NameKind::Email,
            Some(GOOGLE),
        ),
        (
            Identity::uri(
                "spiffe://example.test/builder",
                "https://spiffe.example.test",
            ),
            NameKind::Uri,
            Some("https://spiffe.example.test"),
        ),
        (
            Identity::of(
                San::Dns("ci.example.test".into()),
                "https://ci.example.test",
            ),
            NameKind::Dns,
            Some("https://ci.example.test"),
        ),
        (
            Identity::username("builder!example.test", "https://issuer.example.test"),
            NameKind::Other,
            Some("https://issuer.example.test"),
        ),
        (
            github.clone().claim(23, "production"),
            NameKind::Uri,
            Some(GITHUB),
        ),
        (gitlab, NameKind::Uri, Some(GITLAB)),
        // Certificates of a private authority name no issuer.
        (
            Identity::names(vec![San::Email("dev@example.test".into())]),
            NameKind::Email,
            None,
        ),
    ] {
        let signed = signing().identity(identity.clone()).make();
        let verified = judge(&signed.attachment(), &image.digest, &material)
            .unwrap_or_else(|rejection| panic!("{identity:?}: {rejection:?}"));
        let proven = verified.proof().identity.as_ref().expect("an identity");
        let [name] = &proven.names[..] else {
            panic!("{:?}", proven.names);
        };
        assert_eq!((name.kind, &*name.value), (kind, identity.name()));
        assert_eq!(proven.issuer.as_deref(), issuer);
        let claims = &proven.claims;
        for (arc, found) in [
            (9, &claims.build_signer_uri),
            (10, &claims.build_signer_digest),
            (11, &claims.runner_environment),
            (12, &claims.source_repository_uri),
            (13, &claims.source_repository_digest),
            (14, &claims.source_repository_ref),
            (15, &claims.source_repository_identifier),
            (16, &claims.source_repository_owner_uri),
            (17, &claims.source_repository_owner_identifier),
            (18, &claims.build_config_uri),
            (19, &claims.build_config_digest),
            (20, &claims.build_trigger),
            (21, &claims.run_invocation_uri),
            (22, &claims.source_repository_visibility),
            (23, &claims.deployment_environment),
            (24, &claims.token_subject),
        ] {
            let expected = identity.claims.iter().find(|(there, _)| *there == arc);
            let expected = expected.map(|(_, value)| value.as_str());
            assert_eq!(found.as_deref(), expected, "{identity:?} .{arc}");
        }
    }
    let old = Identity {
        issuer_v2: None,
        ..github
    };
    let signed = signing().identity(old).make();
    let verified = judge(&signed.attachment(), &image.digest, &material).expect("an old issuer");
    let identity = verified.proof().identity.as_ref().expect("an identity");
    assert_eq!(identity.issuer.as_deref(), Some(GITHUB));
}

#[test]
fn what_is_said_twice_or_differently_still_counts() {
    let [image, _] = images();
    let material = keyless(&SIGSTORE.trusted_root(), DEMANDS);
    let [first, second] = &SIGSTORE.ct_logs;
    let mut extended = SctOrder::new(first, at());
    extended.extensions = vec![0, 0, 5, 0, 0, 1, 2, 3];
    let witnessed = signing().log(Log::V2).stamp(Stamp::Bare).witnessed();
    for (name, signing) in [
        ("a cosigned checkpoint", witnessed),
        (
            "two certificate timestamps",
            signing().scts(vec![
                SctOrder::new(first, at()),
                SctOrder::new(second, at()),
            ]),
        ),
        (
            "a certificate timestamp with extensions",
            signing().scts(vec![extended]),
        ),
        ("the only entry of a log", signing().place(0, 1)),
        ("the last entry of a log", signing().place(1024, 1025)),
        (
            "a time at the certificate's very start",
            signing().validity(at(), at() + SignedDuration::from_mins(10)),
        ),
        (
            "a time at the certificate's very end",
            signing().validity(at() - SignedDuration::from_mins(10), at()),
        ),
    ] {
        let established = judge(&signing.make().attachment(), &image.digest, &material);
        assert_eq!(code(&established), "accepted", "{name}: {established:?}");
    }
    let ca = Ca::fulcio(KeyKind::P256, at());
    let tsa = Tsa::new(KeyKind::P384, at(), true);
    let mut root = SIGSTORE.trusted_root();
    root.certificate_authorities
        .push(root::certificate_authority(&ca));
    root.timestamp_authorities
        .push(root::timestamp_authority(&tsa));
    let material = keyless(&root, DEMANDS);
    for hash in [Hashing::Sha256, Hashing::Sha384, Hashing::Sha512] {
        for (embedded, response) in [(true, true), (false, true), (true, false)] {
            let form = TokenForm {
                hash,
                embedded,
                response,
                ..TokenForm::default()
            };
            let sct = SctOrder::new(first, at());
            let signing = signing().by(&ca).scts(vec![sct]).log(Log::V2);
            let signed = signing.stamped_by(&tsa, at(), form).make();
            let established = judge(&signed.attachment(), &image.digest, &material);
            assert_eq!(code(&established), "accepted", "{form:?}: {established:?}");
        }
    }
}

#[test]
fn a_managed_key_may_have_a_log_and_a_timestamp_too() {
    let [image, _] = images();
    for kind in KeyKind::ALL {
        let key = Arc::new(Key::generate(kind));
        let case = Case {
            stamp: Stamp::Embedded,
            ..Case::sound()[0]
        };
        let material = managed(&key.pem(), &SIGSTORE.trusted_root(), &case);
        for layout in [Layout::Bundle(Version::V03), Layout::Sig, Layout::Att] {
            let signed = signing()
                .with_key(&key)
                .layout(layout)
                .stamp(Stamp::Embedded)
                .make();
            let verified = judge(&signed.attachment(), &image.digest, &material)
                .unwrap_or_else(|rejection| panic!("{kind:?} {layout:?}: {rejection:?}"));
            let proof = verified.proof();
            assert!(matches!(proof.signer, SignerId::Key(_)));
            assert_eq!((proof.log.len(), proof.timestamps.len()), (1, 1));
            assert_eq!(proof.identity, None);
        }
    }
}

/// A private authority, of which nothing but a signature is demanded.
fn own(ca: &Ca, demands: Demands) -> AuthorityMaterial {
    let root = TrustRoot::from_certificates("own", &ca.chain_pem()).expect("certificates");
    let logs = TrustRoot::from_json("test", &SIGSTORE.trusted_root().text()).expect("a root");
    AuthorityMaterial::new(
        Signers::Certificates(Arc::new(root)),
        vec![Arc::new(logs)],
        demands,
    )
}

#[test]
fn a_private_authority_counts_with_and_without_a_log() {
    let [image, _] = images();
    let identity = Identity::names(vec![San::Email("dev@example.test".into())]);
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa] {
        for ca in [Ca::root_only(kind, at()), Ca::fulcio(kind, at())] {
            let signing = || signing().by(&ca).identity(identity.clone());
            let plain = own(&ca, Demands::NONE);
            for layout in [Layout::Bundle(Version::V03), Layout::Sig, Layout::Att] {
                let signed = signing().layout(layout).log(Log::None).make();
                let verified = judge(&signed.attachment(), &image.digest, &plain)
                    .unwrap_or_else(|rejection| panic!("{kind:?} {layout:?}: {rejection:?}"));
                let window = verified.proof().window.expect("no time is known");
                let leaf = signed.leaf.as_ref().expect("a certificate");
                assert_eq!(
                    (window.start, window.end),
                    (Some(leaf.not_before), Some(leaf.not_after))
                );
            }
            let logged = Demands {
                log: Demand::Required,
                ..Demands::NONE
            };
            let logged = own(&ca, logged);
            let signed = signing().make();
            let verified = judge(&signed.attachment(), &image.digest, &logged).expect("logged");
            assert_eq!(verified.proof().window, None);
            assert_eq!(verified.proof().signed_at(), Some(at()));
            let unlogged = signing().log(Log::None).make();
            let established = judge(&unlogged.attachment(), &image.digest, &logged);
            assert_eq!(code(&established), "log-entry-missing");
            let stranger = own(&Ca::root_only(kind, at()), Demands::NONE);
            let established = judge(&signed.attachment(), &image.digest, &stranger);
            assert_eq!(code(&established), "certificate-untrusted");
        }
    }
}

#[test]
fn a_log_of_one_root_says_nothing_about_a_certificate_of_another() {
    let [image, _] = images();
    let signed = signing().stamp(Stamp::Embedded).make();
    let (good, other) = (SIGSTORE.trusted_root(), STRANGER.trusted_root());
    let parse = |name: &str, root: &crate::support::sigstore::TrustedRoot| {
        Arc::new(TrustRoot::from_json(name, &root.text()).expect("a root"))
    };
    let judged = |roots| {
        let material = AuthorityMaterial::new(Signers::Keyless, roots, DEMANDS);
        judge(&signed.attachment(), &image.digest, &material)
    };
    let verified = judged(vec![parse("other", &other), parse("good", &good)]).expect("the second");
    assert_eq!(
        &*verified.proof().identity.as_ref().expect("one").root,
        "good"
    );
    let mut authorities = other.clone();
    authorities.certificate_authorities = good.certificate_authorities.clone();
    let mut rest = good.clone();
    rest.certificate_authorities = other.certificate_authorities.clone();
    for roots in [
        vec![parse("a", &authorities), parse("b", &rest)],
        vec![parse("b", &rest), parse("a", &authorities)],
    ] {
        let rejection = judged(roots).expect_err("mixed");
        assert!(
            matches!(
                rejection.kind,
                RejectionKind::LogUnknown | RejectionKind::CertificateUntrusted
            ),
            "{rejection:?}"
        );
    }
    let rejection = judged(Vec::new()).expect_err("no root");
    assert_eq!(rejection.kind, RejectionKind::RootMissing);
}

#[test]
fn a_blob_counts_by_its_bytes_and_by_its_digest() {
    let material = keyless(&SIGSTORE.trusted_root(), DEMANDS);
    let read = |bytes: String| {
        let content = Content::of_tag("application/json", bytes.into_bytes().into());
        Document::bundle(Digest::sha256(b"a file"), &content)
    };
    for version in Version::ALL {
        for (log, stamp) in [(Log::V1, Stamp::None), (Log::V2, Stamp::Embedded)] {
            if log == Log::V2 && version == Version::V01 {
                continue;
            }
            let signing = SIGSTORE.sign_blob(b"hello");
            let signed = signing
                .layout(Layout::Message(version))
                .log(log)
                .stamp(stamp)
                .make();
            let document = read(signed.bundle().to_string());
            for (blob, expected) in [
                (Blob::Bytes(b"hello"), "accepted"),
                (Blob::Digest(Digest::sha256(b"hello")), "accepted"),
                (Blob::Bytes(b"hello "), "subject-mismatch"),
                (Blob::Digest(Digest::sha256(b"hello ")), "subject-mismatch"),
            ] {
                let established = establish_blob(&document, &blob, &material);
                assert_eq!(
                    code(&established),
                    expected,
                    "{version:?} {log:?} {established:?}"
                );
            }
        }
    }
}

#[test]
fn a_clock_of_the_library_turns_no_refusal_into_an_acceptance() {
    // Everything happens long after now, or long before: what is judged is
    // whether the times fit one another.
    for when in ["2019-06-01T00:00:00Z", "2045-06-01T00:00:00Z"] {
        let when: Timestamp = when.parse().expect("a time");
        let [image, _] = images();
        let sigstore = Sigstore::new(when);
        let material = keyless(&sigstore.trusted_root(), DEMANDS);
        for (log, stamp) in [(Log::V1, Stamp::None), (Log::V2, Stamp::Bare)] {
            let signed = sigstore.sign(&image).log(log).stamp(stamp).make();
            let established = judge(&signed.attachment(), &image.digest, &material);
            assert_eq!(
                code(&established),
                "accepted",
                "{when} {log:?}: {established:?}"
            );
            let broken = sigstore
                .sign(&image)
                .log(log)
                .stamp(stamp)
                .broken(crate::support::sigstore::Defect::CertificateExpired)
                .make();
            let established = judge(&broken.attachment(), &image.digest, &material);
            assert_eq!(
                code(&established),
                "certificate-not-valid-at-signing",
                "{when} {log:?}"
            );
        }
    }
}
