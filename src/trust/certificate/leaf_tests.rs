use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, CustomExtension, OtherNameValue, SanType};

use super::Leaf;
use super::pki::{self, ISSUER, NAME, at, extension, utf8};
use crate::trust::{CertificateIdentity, NameKind, Rejection, RejectionKind};

fn ia5(text: &str) -> Ia5String {
    text.try_into().unwrap()
}

fn read(edit: impl FnOnce(&mut CertificateParams)) -> Result<CertificateIdentity, Rejection> {
    let mut params = pki::signer();
    edit(&mut params);
    let der = pki::root(pki::authority("Root")).certifies(params).der;
    let leaf = Leaf::parse(&der)?;
    Ok(leaf.identity(&Arc::from("acme")))
}

/// What is wrong with the certificate, which must be `certificate-invalid`.
fn wrong(edit: impl FnOnce(&mut CertificateParams)) -> String {
    let rejection = read(edit).unwrap_err();
    assert_eq!(rejection.kind, RejectionKind::CertificateInvalid);
    rejection.detail
}

#[test]
fn a_certificate_says_name_issuer_and_validity() {
    let identity = read(|_| {}).unwrap();
    assert_eq!(&*identity.root, "acme");
    assert_eq!(identity.names.len(), 1);
    assert_eq!(identity.names[0].kind, NameKind::Uri);
    assert_eq!(&*identity.names[0].value, NAME);
    assert_eq!(identity.issuer.as_deref(), Some(ISSUER));
    assert_eq!(identity.claims, Default::default());
    assert_eq!(identity.validity.start, Some(at("2026-01-01T00:00:00Z")));
    assert_eq!(identity.validity.end, Some(at("2026-01-01T00:10:00Z")));
}

#[test]
fn names_of_all_kinds_are_kept_in_order_byte_for_byte() {
    let user_name = vec![1, 3, 6, 1, 4, 1, 57264, 1, 7];
    let identity = read(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName(ia5("Build.Example.com")),
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::Rfc822Name(ia5("Ada@example.com")),
            SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "upn".into())),
            SanType::OtherName((user_name, OtherNameValue::Utf8String("ada!ü".into()))),
            SanType::URI(ia5("spiffe://example.com/ci")),
        ];
    })
    .unwrap();
    let names = identity.names.iter();
    let names: Vec<_> = names.map(|name| (name.kind, &*name.value)).collect();
    assert_eq!(
        names,
        [
            (NameKind::Dns, "Build.Example.com"),
            (NameKind::Email, "Ada@example.com"),
            (NameKind::Other, "ada!ü"),
            (NameKind::Uri, "spiffe://example.com/ci"),
        ]
    );
}

#[test]
fn a_certificate_with_names_of_unknown_kinds_alone_names_nobody() {
    let none = "the certificate names nobody: it has no e-mail address, URI, DNS name or user \
                name as subject alternative name";
    assert_eq!(wrong(|params| params.subject_alt_names.clear()), none);
    assert_eq!(
        wrong(|params| {
            params.subject_alt_names = vec![
                SanType::IpAddress([10, 0, 0, 1].into()),
                SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "upn".into())),
            ];
        }),
        none
    );
}

#[test]
fn a_name_that_is_empty_or_has_a_control_character_is_refused() {
    for name in ["", "ada@example.com\0.evil.org", "a\nb", "a\u{7f}"] {
        for kind in [SanType::Rfc822Name, SanType::URI, SanType::DnsName] {
            assert_eq!(
                wrong(|params| params.subject_alt_names = vec![kind(ia5(name))]),
                "extension 2.5.29.17 of the certificate holds an empty text or one with control \
                 characters",
                "{name:?}"
            );
        }
    }
    let user_name = vec![1, 3, 6, 1, 4, 1, 57264, 1, 7];
    let value = OtherNameValue::Utf8String("a\u{85}b".into());
    assert!(
        wrong(|params| {
            params.subject_alt_names = vec![SanType::OtherName((user_name, value))];
        })
        .contains("control characters")
    );
}

#[test]
fn the_issuer_may_stand_in_the_old_extension_and_must_not_differ_there() {
    let old = extension(1, ISSUER.as_bytes());
    let only_old = read(|params| params.custom_extensions = vec![old.clone()]).unwrap();
    assert_eq!(only_old.issuer.as_deref(), Some(ISSUER));
    let both = read(|params| params.custom_extensions.push(old)).unwrap();
    assert_eq!(both.issuer.as_deref(), Some(ISSUER));
    let slash = format!("{ISSUER}/");
    assert_eq!(
        wrong(|params| {
            let other = extension(1, slash.as_bytes());
            params.custom_extensions.push(other);
        }),
        "the certificate names two different issuers, in extensions .8 and .1 of Fulcio"
    );
    let none = read(|params| params.custom_extensions.clear()).unwrap();
    assert_eq!(none.issuer, None);
}

#[test]
fn an_issuer_that_is_not_text_is_refused() {
    let cases: [(u64, &[u8], &str); 5] = [
        (
            8,
            ISSUER.as_bytes(),
            "extension 1.3.6.1.4.1.57264.1.8 of the certificate cannot be read",
        ),
        (
            8,
            &utf8(""),
            "extension 1.3.6.1.4.1.57264.1.8 of the certificate holds an empty text",
        ),
        (
            8,
            &[0x0c, 1, b'a', 0],
            "extension 1.3.6.1.4.1.57264.1.8 of the certificate cannot",
        ),
        (
            1,
            &[0xff],
            "extension 1.3.6.1.4.1.57264.1.1 of the certificate cannot be read",
        ),
        // The old extension is bare text, in which the tag is a form feed.
        (
            1,
            &utf8(ISSUER),
            "extension 1.3.6.1.4.1.57264.1.1 of the certificate holds an empty",
        ),
    ];
    for (last, value, expected) in cases {
        let found = wrong(|params| params.custom_extensions = vec![extension(last, value)]);
        assert!(found.starts_with(expected), "{last}: {found}");
    }
}

#[test]
fn every_claim_of_a_ci_run_is_read_from_its_own_extension() {
    let identity = read(|params| {
        for last in 9..=24 {
            let value = utf8(&format!("claim {last}"));
            params.custom_extensions.push(extension(last, &value));
        }
    })
    .unwrap();
    let claims = identity.claims;
    let found = [
        claims.build_signer_uri,
        claims.build_signer_digest,
        claims.runner_environment,
        claims.source_repository_uri,
        claims.source_repository_digest,
        claims.source_repository_ref,
        claims.source_repository_identifier,
        claims.source_repository_owner_uri,
        claims.source_repository_owner_identifier,
        claims.build_config_uri,
        claims.build_config_digest,
        claims.build_trigger,
        claims.run_invocation_uri,
        claims.source_repository_visibility,
        claims.deployment_environment,
        claims.token_subject,
    ];
    for (at, claim) in found.into_iter().enumerate() {
        assert_eq!(claim.as_deref(), Some(&*format!("claim {}", at + 9)));
    }
}

#[test]
fn a_claim_that_is_not_text_is_refused_and_the_deprecated_ones_are_not_read() {
    let raw = extension(12, b"https://github.com/acme/app");
    assert_eq!(
        wrong(|params| params.custom_extensions.push(raw)),
        "extension 1.3.6.1.4.1.57264.1.12 of the certificate cannot be read"
    );
    let control = extension(14, &utf8("refs/heads/main\r"));
    assert!(wrong(|params| params.custom_extensions.push(control)).contains("57264.1.14"));
    let deprecated = read(|params| {
        for last in 2..=6 {
            params.custom_extensions.push(extension(last, b"\xffraw"));
        }
    });
    assert_eq!(deprecated.unwrap().claims, Default::default());
}

#[test]
fn an_extension_that_comes_twice_is_refused() {
    let again = extension(8, &utf8(ISSUER));
    assert_eq!(
        wrong(|params| params.custom_extensions.push(again)),
        "the certificate has extension 1.3.6.1.4.1.57264.1.8 twice"
    );
}

#[test]
fn a_critical_extension_that_nobody_knows_is_refused() {
    let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    let fine = read(|params| params.custom_extensions.push(unknown.clone()));
    assert!(fine.is_ok());
    unknown.set_criticality(true);
    assert_eq!(
        wrong(|params| params.custom_extensions.push(unknown)),
        "the certificate has the critical extension 1.2.3.4, which is not known"
    );
}

#[test]
fn what_is_not_exactly_one_certificate_is_refused() {
    let der = pki::root(pki::authority("Root"))
        .certifies(pki::signer())
        .der;
    let kind = |bytes: &[u8]| Leaf::parse(bytes).map(|_| ()).unwrap_err().kind;
    let trailing = [&der[..], &[0]].concat();
    for bytes in [&[][..], &der[..der.len() - 1], &trailing, b"-----BEGIN"] {
        assert_eq!(kind(bytes), RejectionKind::CertificateInvalid);
    }
    let large = extension(9, &utf8(&"a".repeat(100))).content().repeat(200);
    let large = CustomExtension::from_oid_content(&[1, 2, 3, 4], large);
    assert_eq!(
        wrong(|params| params.custom_extensions.push(large)),
        "the certificate is larger than 16384 bytes"
    );
}

#[test]
fn a_validity_that_ends_before_it_starts_is_refused() {
    assert_eq!(
        wrong(|params| params.not_after = rcgen::date_time_ymd(2025, 1, 1)),
        "the validity of the certificate cannot be read, or ends before it starts"
    );
}
