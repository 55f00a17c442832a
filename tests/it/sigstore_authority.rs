//! The virtual Sigstore itself: another verifier accepts what it makes, and
//! refuses every defect, so that what floe says about them means something.

use std::sync::{Arc, LazyLock};

use floe::oci::Digest;
use jiff::Timestamp;

use crate::support::authority::{Attachment, Image, Key, KeyKind, RepositoryContents};
use crate::support::mutator::keyless::{Good, Who};
use crate::support::oracle::{self, Demand};
use crate::support::sigstore::matrix::Case;
use crate::support::sigstore::{
    Ca, Defect, EntryKind, Hashing, Identity, Layout, Log, San, Signed, Signing, Sigstore, Stamp,
    TokenForm, Tsa, Version, Window, root,
};

static SIGSTORE: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new(at()));

fn at() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn image() -> Image {
    RepositoryContents::new().image("app")
}

fn sha256(digest: &Digest) -> [u8; 32] {
    digest.as_bytes().try_into().unwrap()
}

/// What the other verifier says about a signature of [`image`] by the default
/// identity.
fn judged(sigstore: &Sigstore, signed: &Signed, demand: Demand) -> Result<(), String> {
    let identity = default_identity();
    oracle::judge(
        &signed.bundle().to_string(),
        sha256(&image().digest),
        identity.name(),
        identity.issuer_v2.as_deref(),
        &sigstore.trusted_root().text(),
        demand,
    )
}

fn default_identity() -> Identity {
    Identity::github(
        "acme/app",
        ".github/workflows/release.yml",
        "refs/heads/main",
    )
}

fn signing() -> Signing<'static> {
    SIGSTORE.sign(&image())
}

#[test]
fn another_verifier_accepts_every_form_with_every_log_and_timestamp() {
    let logs: [(Log, &[EntryKind]); 3] = [
        (Log::V1, &[EntryKind::Dsse, EntryKind::InToto002]),
        (Log::V2, &[EntryKind::HashedRekord002]),
        (Log::V2Ecdsa, &[EntryKind::HashedRekord002]),
    ];
    for version in Version::ALL {
        for (log, kinds) in logs {
            for kind in kinds {
                for stamp in [Stamp::None, Stamp::Embedded, Stamp::Bare] {
                    let timed = log == Log::V1 || stamp != Stamp::None;
                    let promised = log == Log::V1 || version != Version::V01;
                    let signed = signing()
                        .layout(Layout::Bundle(version))
                        .log(log)
                        .entry(*kind)
                        .stamp(stamp)
                        .make();
                    let found = judged(&SIGSTORE, &signed, Demand::ALL);
                    let expected = timed && promised;
                    assert_eq!(
                        found.is_ok(),
                        expected,
                        "{version:?} {log:?} {kind:?} {stamp:?}: {found:?}"
                    );
                }
            }
        }
        let signed = signing()
            .layout(Layout::Bundle(version))
            .log(Log::None)
            .stamp(Stamp::Embedded)
            .make();
        let demand = Demand {
            log: false,
            ..Demand::ALL
        };
        let found = judged(&SIGSTORE, &signed, demand);
        assert_eq!(
            found.is_ok(),
            version != Version::V01,
            "{version:?}: {found:?}"
        );
        judged(&SIGSTORE, &signed, Demand::ALL).expect_err("a log is demanded");
    }
}

#[test]
fn another_verifier_accepts_signatures_of_blobs() {
    for version in Version::ALL {
        for (log, stamp) in [
            (Log::V1, Stamp::None),
            (Log::V1, Stamp::Bare),
            (Log::V2, Stamp::Embedded),
        ] {
            if log == Log::V2 && version == Version::V01 {
                continue;
            }
            let signed = SIGSTORE
                .sign_blob(b"hello")
                .layout(Layout::Message(version))
                .log(log)
                .stamp(stamp)
                .make();
            let identity = default_identity();
            oracle::judge(
                &signed.bundle().to_string(),
                sha256(&Digest::sha256(b"hello")),
                identity.name(),
                identity.issuer_v2.as_deref(),
                &SIGSTORE.trusted_root().text(),
                Demand::ALL,
            )
            .unwrap_or_else(|e| panic!("{version:?} {log:?} {stamp:?}: {e}"));
        }
    }
}

#[test]
fn another_verifier_accepts_every_kind_of_key_that_it_knows() {
    // P-521 is not among them.
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa] {
        let signed = signing().key(kind).make();
        judged(&SIGSTORE, &signed, Demand::ALL).unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        let key = Arc::new(Key::generate(kind));
        let signed = signing().with_key(&key).make();
        let bundle = signed.bundle().to_string();
        let root = SIGSTORE.trusted_root().text();
        oracle::judge_key(&bundle, sha256(&image().digest), key.spki(), &root, true)
            .unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        let stranger = Key::generate(kind);
        oracle::judge_key(
            &bundle,
            sha256(&image().digest),
            stranger.spki(),
            &root,
            true,
        )
        .expect_err("another key");
    }
}

#[test]
fn another_verifier_accepts_what_the_legacy_layouts_hold() {
    let payload = |signed: &Signed| match signed.attachment() {
        Attachment::Legacy { payload, .. } => payload,
        other => panic!("{other:?}"),
    };
    let signed = signing().layout(Layout::Sig).stamp(Stamp::Embedded).make();
    let identity = default_identity();
    let root = SIGSTORE.trusted_root().text();
    oracle::judge(
        &signed.bundle().to_string(),
        sha256(&Digest::sha256(&payload(&signed))),
        identity.name(),
        identity.issuer_v2.as_deref(),
        &root,
        Demand::ALL,
    )
    .expect("a `.sig` layer as a bundle");
    let attested = signing().layout(Layout::Att).make();
    judged(&SIGSTORE, &attested, Demand::ALL).expect("an `.att` layer as a bundle");
    let annotations = attested.annotations();
    assert_eq!(
        annotations["predicateType"],
        "https://slsa.dev/provenance/v1"
    );
    assert_eq!(annotations["dev.cosignproject.cosign/signature"], "");
}

#[test]
fn another_verifier_accepts_every_identity_that_it_knows() {
    let root = SIGSTORE.trusted_root().text();
    for identity in [
        Identity::email(
            "dev@example.test",
            crate::support::sigstore::identity::GOOGLE,
        ),
        Identity::gitlab("acme/team/app", ".gitlab-ci.yml", "refs/heads/main"),
        Identity::uri(
            "spiffe://example.test/ns/ci/sa/builder",
            "https://spiffe.example.test",
        ),
        default_identity().claim(23, "production"),
    ] {
        let signed = signing().identity(identity.clone()).make();
        let bundle = signed.bundle().to_string();
        let judge = |name: &str, issuer: &str| {
            let digest = sha256(&image().digest);
            oracle::judge(&bundle, digest, name, Some(issuer), &root, Demand::ALL)
        };
        let issuer = identity.issuer_v2.as_deref().unwrap();
        judge(identity.name(), issuer).unwrap_or_else(|e| panic!("{identity:?}: {e}"));
        judge("someone@example.test", issuer).expect_err("another name");
        judge(identity.name(), "https://example.test").expect_err("another issuer");
    }
}

#[test]
fn another_verifier_accepts_other_authorities_and_hashes() {
    let tsa = Tsa::new(KeyKind::P384, at(), true);
    let mut root = SIGSTORE.trusted_root();
    root.timestamp_authorities = vec![root::timestamp_authority(&tsa)];
    for hash in [Hashing::Sha256, Hashing::Sha384, Hashing::Sha512] {
        for response in [true, false] {
            let form = TokenForm {
                hash,
                response,
                ..TokenForm::default()
            };
            let signed = signing().log(Log::V2).stamped_by(&tsa, at(), form).make();
            let identity = default_identity();
            oracle::judge(
                &signed.bundle().to_string(),
                sha256(&image().digest),
                identity.name(),
                None,
                &root.text(),
                Demand::ALL,
            )
            .unwrap_or_else(|e| panic!("{hash:?} {response}: {e}"));
        }
    }
    let witnessed = signing().log(Log::V2).stamp(Stamp::Bare).witnessed().make();
    judged(&SIGSTORE, &witnessed, Demand::ALL).expect("a witness changes nothing");
    for (index, size) in [(0, 1), (0, 2), (6, 7), (7, 8), (1000, 1025)] {
        let signed = signing().place(index, size).make();
        judged(&SIGSTORE, &signed, Demand::ALL).unwrap_or_else(|e| panic!("{index}/{size}: {e}"));
    }
}

#[test]
fn another_verifier_accepts_a_private_authority_without_certificate_log() {
    for ca in [
        Ca::root_only(KeyKind::P256, at()),
        Ca::fulcio(KeyKind::P256, at()),
        Ca::fulcio(KeyKind::Rsa, at()),
    ] {
        let mut root = SIGSTORE.trusted_root();
        root.certificate_authorities = vec![root::certificate_authority(&ca)];
        let identity = Identity::names(vec![San::Email("dev@example.test".into())]);
        let signed = signing().by(&ca).identity(identity).make();
        let judge = |root: &str, sct| {
            oracle::judge(
                &signed.bundle().to_string(),
                sha256(&image().digest),
                "dev@example.test",
                None,
                root,
                Demand { log: true, sct },
            )
        };
        judge(&root.text(), false).expect("a private authority");
        judge(&root.text(), true).expect_err("no certificate timestamp");
        judge(&SIGSTORE.trusted_root().text(), false).expect_err("another authority");
    }
}

/// Whether the other verifier overlooks a defect: it takes the first of several
/// names and signers, prefers one issuer extension, believes any trusted log's
/// signature on a checkpoint, takes entry after entry, and reads no PEM. floe is
/// stricter about each of these.
fn overlooked(defect: Defect, log: Log) -> bool {
    match defect {
        Defect::TwoNames
        | Defect::TwoIssuers
        | Defect::CheckpointOfAnotherLog
        | Defect::TwoEntries
        | Defect::StampSignedTwice
        | Defect::TwoCertificates => true,
        Defect::LogIdOfAnotherLog => log == Log::V2,
        _ => false,
    }
}

#[test]
fn another_verifier_refuses_every_defect_but_those_that_it_overlooks() {
    let mut wrong = Vec::new();
    for defect in Defect::ALL {
        for log in [Log::V1, Log::V2] {
            if !defect.concerns(log) {
                continue;
            }
            // With a timestamp, a promise is not needed.
            let stamp = match defect {
                Defect::NoPromise => Stamp::None,
                _ => Stamp::Embedded,
            };
            let signed = signing().log(log).stamp(stamp).broken(*defect).make();
            let found = judged(&SIGSTORE, &signed, Demand::ALL);
            if found.is_ok() != overlooked(*defect, log) {
                wrong.push(format!("{defect:?} {log:?}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn another_verifier_refuses_what_falls_outside_the_windows_of_the_root() {
    let good = signing().stamp(Stamp::Embedded).make();
    let v2 = signing().log(Log::V2).stamp(Stamp::Embedded).make();
    judged(&SIGSTORE, &good, Demand::ALL).expect("inside");
    let mut sigstore = Sigstore::new(at());
    let year = jiff::SignedDuration::from_hours(24 * 365);
    let past = Window::between(at() - year, at() - year / 2);
    type Part = fn(&mut Sigstore) -> &mut Window;
    let parts: [(&str, Part); 4] = [
        ("authority", |s| &mut s.ca.valid),
        ("certificate log", |s| &mut s.ct_logs[0].valid),
        ("log", |s| &mut s.rekor.valid),
        ("timestamp authority", |s| &mut s.tsa.valid),
    ];
    for (name, part) in parts {
        let before = *part(&mut sigstore);
        *part(&mut sigstore) = past;
        let signed = sigstore.sign(&image()).stamp(Stamp::Embedded).make();
        judged(&sigstore, &signed, Demand::ALL).expect_err(name);
        *part(&mut sigstore) = before;
        judged(&sigstore, &signed, Demand::ALL).expect(name);
    }
    judged(&sigstore, &good, Demand::ALL).expect_err("a stranger");
    judged(&sigstore, &v2, Demand::ALL).expect_err("a stranger");
}

#[test]
fn the_matrix_is_a_thousand_artifacts_and_the_other_verifier_knows_the_sound_ones() {
    let all: Vec<_> = Case::all().collect();
    assert!(all.len() >= 1_000, "{}", all.len());
    assert!((90..=110).contains(&Case::some(100).len()));
    for case in Case::sound() {
        // Of legacy attestations the timestamp is over the envelope, and
        // `intoto` 0.0.1 and keys of P-521 are not known there.
        let bundle = matches!(case.layout, Layout::Bundle(_));
        if !bundle || case.key == KeyKind::P521 {
            continue;
        }
        let signed = case.signing(&SIGSTORE, &image()).make();
        judged(&SIGSTORE, &signed, Demand::ALL).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    }
}

/// What the other verifier overlooks in the corpus of refused twins.
const OVERLOOKED: [&str; 21] = [
    // An entry without a time is compared with no time.
    "log whose key was retired before",
    // Every certificate of a trusted chain is an anchor there, whatever it says.
    "intermediate that had expired before",
    "intermediate that had just expired",
    "path longer than allowed",
    "intermediate that is no authority",
    "intermediate that may not sign certificates",
    "intermediate for servers only",
    "chain that brings its own root",
    "key for encryption",
    // The first of several is taken.
    "a second name",
    "two issuers",
    "the same issuer twice",
    "timestamp with two signers",
    // A checkpoint counts if any trusted log signed it, whatever is around it.
    "checkpoint of a log of another name",
    "checkpoint of the same tree by another log",
    "checkpoint of another size with the same root",
    "size beside another checkpoint",
    "third part behind the signatures",
    "entry under the name of another log",
    "entry under a name that is no name",
    // Statements of every version are alike.
    "statement of an unknown version",
];

#[test]
fn another_verifier_refuses_the_twins_of_a_bundle_but_those_that_it_overlooks() {
    let mut repository = RepositoryContents::new();
    let (image, other) = (repository.image("app"), repository.image("other"));
    let stranger = Sigstore::new(at());
    let mut seen = std::collections::BTreeSet::new();
    for case in Case::sound() {
        let newest = case.layout == Layout::Bundle(Version::V03);
        let oldest = case.layout == Layout::Bundle(Version::V01);
        if !(newest || oldest) || case.key != KeyKind::P256 || case.stamp != Stamp::Embedded {
            continue;
        }
        let good = Good::new(case, &SIGSTORE, &stranger, [&image, &other], Who::Keyless);
        judged(&SIGSTORE, &good.signed, Demand::ALL).expect("what the twins are made from");
        for twin in good.twins() {
            let Attachment::Bundle { bytes, .. } = &twin.attachment else {
                panic!("{}", twin.name);
            };
            let identity = default_identity();
            let found = oracle::judge(
                std::str::from_utf8(bytes).unwrap(),
                sha256(&image.digest),
                identity.name(),
                identity.issuer_v2.as_deref(),
                &twin.root.text(),
                Demand::ALL,
            );
            if found.is_ok() {
                let (name, code) = (twin.name, twin.code);
                assert!(OVERLOOKED.contains(&name), "{case:?} {name}: not {code}");
                seen.insert(twin.name);
            }
        }
    }
    assert_eq!(seen.len(), OVERLOOKED.len(), "{seen:?}");
}
