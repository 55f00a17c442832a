//! Certificates, their timestamps and their names.

use jiff::SignedDuration;
use serde_json::json;

use super::{Good, NO_ROOT, Twins};
use crate::support::authority::{Attachment, KeyKind, pem};
use crate::support::mutator::{MALFORMED, SIGNER};
use crate::support::sigstore::ca::SctOrder;
use crate::support::sigstore::certificate::{
    self, BASIC_CONSTRAINTS, Extension, KEY_USAGE, SCT_LIST, SERVER_AUTH, SUBJECT_ALT_NAME,
};
use crate::support::sigstore::signed::CERTIFICATE;
use crate::support::sigstore::{Ca, Defect, San, Signed, Version, der, root};

const INVALID: &str = "certificate-invalid";
const UNTRUSTED: &str = "certificate-untrusted";
const EXPIRED: &str = "certificate-not-valid-at-signing";
const CHAIN: &str = "certificate-chain-in-bundle";
const NO_SCT: &str = "sct-missing";
const SCT: &str = "sct-invalid";
const IDENTITY: &str = "identity-mismatch";
const ISSUER: &str = "issuer-mismatch";

const ISSUER_V2: &str = "1.3.6.1.4.1.57264.1.8";

pub(super) fn add(twins: &mut Twins<'_>) {
    names(twins);
    paths(twins);
    authorities(twins);
    if twins.good.is_keyless() {
        scts(twins);
    }
    forms(twins);
}

fn names(twins: &mut Twins<'_>) {
    let good = twins.good;
    for (name, code, defect) in [
        ("certificate without a name", INVALID, Defect::NoName),
        ("NUL in the name", INVALID, Defect::NameWithNul),
        ("name in capitals", IDENTITY, Defect::NameInCapitals),
        ("slash behind the issuer", ISSUER, Defect::IssuerWithSlash),
        ("two issuers", INVALID, Defect::TwoIssuers),
        ("a second name", IDENTITY, Defect::TwoNames),
    ] {
        twins.defect(name, code, defect);
    }
    let uri = |edit: &dyn Fn(&str) -> String| {
        let identity = good.again().identity_now().clone();
        let name = edit(identity.name());
        let identity = identity.with_names(vec![San::Uri(name)]);
        good.again().identity(identity).make()
    };
    for (name, code, edit) in [
        (
            "line break in the name",
            INVALID,
            (|n| format!("{n}\nx")) as fn(&str) -> String,
        ),
        ("empty name", INVALID, |_| String::new()),
        ("blank behind the name", IDENTITY, |n| format!("{n} ")),
        ("slash behind the name", IDENTITY, |n| format!("{n}/")),
        ("name of another ref", IDENTITY, |n| format!("{n}line")),
        ("name with something before it", IDENTITY, |n| {
            format!("https://example.org/{n}")
        }),
        ("escaped letter in the name", IDENTITY, |n| {
            n.replacen("acme", "%61cme", 1)
        }),
    ] {
        twins.add(name, code, &uri(&edit));
    }
    let identity = good.again().identity_now().clone();
    let address = identity.clone().with_names(vec![San::Ip([127, 0, 0, 1])]);
    twins.add(
        "certificate for an address only",
        INVALID,
        &good.again().identity(address).make(),
    );
    let mut nobody = identity.clone();
    nobody.issuer_v1 = None;
    nobody.issuer_v2 = None;
    twins.add("no issuer", ISSUER, &good.again().identity(nobody).make());
    let other = identity.issuer("https://issuer.example.test");
    twins.add(
        "another issuer",
        ISSUER,
        &good.again().identity(other).make(),
    );

    let raw = |oid: &'static str, value: Vec<u8>, instead: bool| {
        let edit = move |tbs: &mut certificate::Tbs| {
            let extension = Extension::new(oid, value.clone());
            if instead {
                tbs.put(extension);
            } else {
                tbs.extensions.push(extension);
            }
        };
        good.again().certificate(edit).make()
    };
    let issuer = crate::support::sigstore::identity::GITHUB;
    for (name, twin) in [
        (
            "issuer that is not in DER",
            raw(ISSUER_V2, issuer.into(), true),
        ),
        (
            "the same issuer twice",
            raw(ISSUER_V2, der::utf8(issuer), false),
        ),
        (
            "names twice",
            raw(
                SUBJECT_ALT_NAME,
                der::sequence(&[der::primitive(6, b"https://example.org")]),
                false,
            ),
        ),
        (
            "names that are not in DER",
            raw(SUBJECT_ALT_NAME, vec![0x30, 0x80], true),
        ),
    ] {
        twins.add(name, INVALID, &twin);
    }
}

fn paths(twins: &mut Twins<'_>) {
    let good = twins.good;
    for (name, code, defect) in [
        ("certificate for no purpose", UNTRUSTED, Defect::NoPurpose),
        (
            "certificate for another purpose",
            UNTRUSTED,
            Defect::OtherPurpose,
        ),
        (
            "certificate that may issue others",
            UNTRUSTED,
            Defect::LeafIsCa,
        ),
        (
            "critical extension that nobody knows",
            INVALID,
            Defect::UnknownCriticalExtension,
        ),
        (
            "certificate by a stranger",
            UNTRUSTED,
            Defect::CertificateOfStranger,
        ),
    ] {
        twins.defect(name, code, defect);
    }
    // Without a trusted time the interval becomes part of the proof.
    if good.is_timed() {
        for (name, defect) in [
            ("certificate that had expired", Defect::CertificateExpired),
            ("certificate from later", Defect::CertificateTooYoung),
        ] {
            twins.defect(name, EXPIRED, defect);
        }
    }
    // Everything about it is genuine but the certificate authority's signature.
    let forged = logged_with(good, |der| *der.last_mut().expect("a certificate") ^= 1);
    twins.add(
        "bit of the certificate's signature flipped",
        UNTRUSTED,
        &forged,
    );
    let usage = good.again().certificate(|tbs| {
        tbs.put(Extension::critical(KEY_USAGE, vec![0x03, 0x02, 0x05, 0x20]));
    });
    twins.add("key for encryption", UNTRUSTED, &usage.make());
    if !good.is_keyless() {
        return;
    }
    twins.root("root without certificate authorities", UNTRUSTED, |root| {
        root.certificate_authorities.clear();
    });
    twins.root("certificate authorities of a stranger", UNTRUSTED, |root| {
        root.certificate_authorities = good.stranger.trusted_root().certificate_authorities;
    });
    let just = good.sigstore.at - SignedDuration::from_secs(1);
    for (name, code, end) in [
        (
            "authority that had retired long before",
            UNTRUSTED,
            "2020-12-31T00:00:00Z",
        ),
        (
            "authority that had just retired",
            EXPIRED,
            &just.to_string(),
        ),
    ] {
        twins.root(name, code, |root| {
            root.certificate_authorities[0]["validFor"] =
                json!({"start": "2020-01-01T00:00:00Z", "end": end});
        });
    }
}

/// The good signature with a changed certificate that the log was given as
/// well.
fn logged_with(good: &Good<'_>, edit: impl Fn(&mut Vec<u8>)) -> Signed {
    let mut changed = good.edited(|signed| edit(&mut signed.certificates[0]));
    if !changed.entries.is_empty() {
        let body = good.body(&changed.content, good.by(&changed));
        changed.entries = vec![good.enter(&body)];
    }
    changed
}

/// Authorities that break a rule themselves, and are trusted all the same.
fn authorities(twins: &mut Twins<'_>) {
    let good = twins.good;
    let at = good.sigstore.at;
    let kind = KeyKind::P256;
    let edited = |edit: &dyn Fn(&mut certificate::Tbs)| Ca::edited(kind, at, edit);
    let mut list = vec![
        (
            "path longer than allowed",
            UNTRUSTED,
            Ca::too_long(kind, at),
        ),
        (
            "intermediate for servers only",
            UNTRUSTED,
            edited(&|tbs| tbs.put(certificate::purposes(&[SERVER_AUTH]))),
        ),
    ];
    list.push((
        "intermediate that had expired before",
        UNTRUSTED,
        Ca::expired(kind, at),
    ));
    if good.is_timed() {
        let second = SignedDuration::from_secs(1);
        list.push((
            "intermediate that had just expired",
            EXPIRED,
            edited(&|tbs| tbs.not_after = at - second),
        ));
    }
    // A file of certificates with these is refused when it is read.
    if good.is_keyless() {
        list.push((
            "intermediate that is no authority",
            NO_ROOT,
            edited(&|tbs| tbs.drop(BASIC_CONSTRAINTS)),
        ));
        list.push((
            "intermediate that may not sign certificates",
            NO_ROOT,
            edited(&|tbs| tbs.put(certificate::digital_signature())),
        ));
    }
    for (name, code, ca) in list {
        let sct = SctOrder::new(&good.sigstore.ct_logs[0], at);
        let signed = good.again().by(&ca).scts(vec![sct]).make();
        twins.under(name, code, &signed, |root| {
            root.certificate_authorities = vec![root::certificate_authority(&ca)];
        });
        if let Some(own) = &mut twins.list.last_mut().expect("added").own {
            *own = ca.chain_pem();
        }
    }
    let sct = SctOrder::new(&good.sigstore.ct_logs[0], at);
    let sound = Ca::root_only(kind, at);
    let signed = good.again().by(&sound).scts(vec![sct]).make();
    twins.add(
        "authority of the same name that nobody trusts",
        UNTRUSTED,
        &signed,
    );
}

fn scts(twins: &mut Twins<'_>) {
    let good = twins.good;
    for (name, code, defect) in [
        ("no certificate timestamp", NO_SCT, Defect::NoSct),
        (
            "certificate timestamp of an unknown log",
            SCT,
            Defect::SctOfUnknownLog,
        ),
        (
            "certificate timestamp over another issuer's certificate",
            SCT,
            Defect::SctOfAnotherIssuer,
        ),
        (
            "bit of the certificate timestamp flipped",
            SCT,
            Defect::SctForged,
        ),
        (
            "certificate timestamp from before its log",
            SCT,
            Defect::SctBeforeLog,
        ),
    ] {
        twins.defect(name, code, defect);
    }
    let listed = |value: Vec<u8>| {
        let edit = move |tbs: &mut certificate::Tbs| {
            tbs.put(Extension::new(SCT_LIST, value.clone()));
        };
        good.again().scts(Vec::new()).certificate(edit).make()
    };
    twins.add(
        "empty list of certificate timestamps",
        NO_SCT,
        &listed(der::octets(&[0, 0])),
    );
    for (name, value) in [
        (
            "list of certificate timestamps cut short",
            der::octets(&[0, 9, 0]),
        ),
        (
            "list of certificate timestamps that is text",
            der::octets(b"timestamps"),
        ),
        (
            "certificate timestamp of a version to come",
            der::octets(&[[0, 49, 0, 47, 1].as_slice(), &[0; 46]].concat()),
        ),
    ] {
        twins.add(name, SCT, &listed(value));
    }
    let [first, second] = &good.sigstore.ct_logs;
    let mut forged = SctOrder::new(second, good.sigstore.at);
    forged.forged = true;
    let scts = vec![SctOrder::new(first, good.sigstore.at), forged];
    twins.add(
        "forged certificate timestamp beside a good one",
        SCT,
        &good.again().scts(scts).make(),
    );
    twins.root("root without certificate logs", SCT, |root| {
        root.ctlogs.clear()
    });
    twins.root("certificate log that had retired", SCT, |root| {
        root.ctlogs[0]["publicKey"]["validFor"] =
            json!({"start": "2020-01-01T00:00:00Z", "end": "2020-12-31T00:00:00Z"});
    });
    twins.root("certificate log with another key", SCT, |root| {
        let id = root.ctlogs[0]["logId"].clone();
        root.ctlogs = good.stranger.trusted_root().ctlogs;
        root.ctlogs[0]["logId"] = id;
    });
}

fn forms(twins: &mut Twins<'_>) {
    let good = twins.good;
    if good.is_newest() {
        twins.defect("chain in version 0.3", CHAIN, Defect::ChainInV03);
    }
    let other = good.again().make();
    let swapped = good.edited(|signed| signed.certificates[0].clone_from(&other.certificates[0]));
    twins.add(
        "certificate of the signer's other signature",
        SIGNER,
        &swapped,
    );
    for (name, edit) in [
        (
            "byte behind the certificate",
            (|der| der.push(0)) as fn(&mut Vec<u8>),
        ),
        ("certificate cut short", |der| der.truncate(der.len() - 1)),
        ("certificate that is none", |der| {
            *der = b"certificate".to_vec()
        }),
        ("certificate of zeros", |der| der.fill(0)),
    ] {
        twins.add(
            name,
            INVALID,
            &good.edited(|s| edit(&mut s.certificates[0])),
        );
    }
    if let Some(version) = good.version() {
        let empty = good.edited(|signed| {
            signed.certificates[0].clear();
        });
        twins.add("empty certificate", INVALID, &empty);
        if version != Version::V03 {
            let mut bundle = good.signed.bundle();
            bundle["verificationMaterial"]["x509CertificateChain"]["certificates"] = json!([]);
            let bytes = bundle.to_string();
            let attachment = crate::support::authority::raw_bundle_of(version.media_type(), bytes);
            twins.attach("empty chain", MALFORMED, attachment);
            let rooted = good.edited(|signed| {
                let leaf = signed.leaf.clone().expect("a certificate");
                signed.certificates.extend(leaf.chain.iter().cloned());
            });
            twins.add("chain that brings its own root", UNTRUSTED, &rooted);
        }
        return;
    }
    let annotated = |text: String| {
        let mut attachment = good.signed.attachment();
        match &mut attachment {
            Attachment::Legacy { annotations, .. }
            | Attachment::Attestation { annotations, .. } => {
                annotations.insert(CERTIFICATE.to_owned(), text);
            }
            Attachment::Bundle { .. } => {}
        }
        attachment
    };
    let leaf = pem("CERTIFICATE", &good.signed.certificates[0]);
    let second = pem("CERTIFICATE", &other.certificates[0]);
    for (name, text) in [
        ("two certificates in one place", format!("{leaf}{second}")),
        (
            "two certificates, the other first",
            format!("{second}{leaf}"),
        ),
        ("key in place of a certificate", good.signed.key.pem()),
        (
            "certificate and its key in one place",
            format!("{leaf}{}", good.signed.key.pem()),
        ),
        (
            "certificate cut off in PEM",
            leaf[..leaf.len() - 40].to_owned(),
        ),
        ("certificate without PEM", "certificate".to_owned()),
    ] {
        twins.attach(name, INVALID, annotated(text));
    }
    twins.attach("no certificate", SIGNER, annotated(String::new()));
}
