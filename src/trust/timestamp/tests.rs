use der::{Decode, Encode};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SigningKey};

use super::verify;
use crate::oci::Digest;
use crate::trust::certificate::pki::{self, Holder, at, tlv};
use crate::trust::root::{TimestampAuthority, TrustRoot};
use crate::trust::{Rejection, RejectionKind, TimestampProof, Window, certificate};

const SIGNATURE: &[u8] = b"a signature";
const SEEN: &str = "20260101000500Z";

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(value: &[u8]) -> Vec<u8> {
    tlv(6, value)
}

/// How a token differs from a good one.
struct Token {
    over: &'static [u8],
    seen: &'static str,
    content_type: &'static [u8],
    signers: usize,
}

impl Token {
    const GOOD: Self = Self {
        over: SIGNATURE,
        seen: SEEN,
        content_type: TST_INFO,
        signers: 1,
    };

    /// The `ContentInfo` by `authority`.
    fn by(&self, authority: &Holder) -> Vec<u8> {
        let hash = seq(&[&oid(SHA256)]);
        let imprint = tlv(4, Digest::sha256(self.over).as_bytes());
        let info = seq(&[
            &tlv(2, &[1]),
            &oid(&[0x2a, 3, 4]),
            &seq(&[&hash, &imprint]),
            &tlv(2, &[9]),
            &tlv(0x18, self.seen.as_bytes()),
        ]);
        let digest = tlv(4, Digest::sha256(&info).as_bytes());
        let attributes = [
            seq(&[&oid(CONTENT_TYPE), &tlv(0x31, &oid(self.content_type))]),
            seq(&[&oid(MESSAGE_DIGEST), &tlv(0x31, &digest)]),
        ]
        .concat();
        let signature = authority.key.sign(&tlv(0x31, &attributes)).unwrap();
        let certificate = x509_cert::Certificate::from_der(&authority.der).unwrap();
        let inner = certificate.tbs_certificate;
        let sid = seq(&[
            &inner.issuer.to_der().unwrap(),
            &inner.serial_number.to_der().unwrap(),
        ]);
        let signer = |version: u8| {
            seq(&[
                &tlv(2, &[version]),
                &sid,
                &hash,
                &tlv(0xa0, &attributes),
                &seq(&[&oid(ECDSA_SHA256)]),
                &tlv(4, &signature),
            ])
        };
        let signers: Vec<u8> = [signer(1), signer(3)][..self.signers].concat();
        let signed_data = seq(&[
            &tlv(2, &[3]),
            &tlv(0x31, &hash),
            &seq(&[&oid(TST_INFO), &tlv(0xa0, &tlv(4, &info))]),
            &tlv(0x31, &signers),
        ]);
        seq(&[&oid(SIGNED_DATA), &tlv(0xa0, &signed_data)])
    }
}

fn stamping() -> CertificateParams {
    let mut params = pki::authority("Timestamps");
    params.is_ca = rcgen::IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
    params
}

fn authority() -> (Holder, Holder) {
    let anchor = pki::root(pki::authority("Timestamp root"));
    let leaf = anchor.certifies(stamping());
    (anchor, leaf)
}

fn root(chain: &[&Holder], window: Window) -> TrustRoot {
    let mut root = TrustRoot::public_good().unwrap();
    let mut validity = Window::default();
    for holder in chain {
        let own = certificate::validity_of(&holder.der).unwrap();
        validity = validity.intersect(&own).unwrap();
    }
    root.timestamp_authorities = vec![TimestampAuthority {
        chain: chain.iter().map(|holder| holder.der.clone()).collect(),
        window,
        validity,
    }];
    root
}

fn open(chain: &[&Holder]) -> TrustRoot {
    root(chain, Window::default())
}

fn one(token: Vec<u8>, root: &TrustRoot) -> Result<Vec<TimestampProof>, Rejection> {
    verify(&[token], SIGNATURE, root)
}

#[track_caller]
fn refused(found: Result<Vec<TimestampProof>, Rejection>, kind: RejectionKind) {
    let rejection = found.unwrap_err();
    assert_eq!(rejection.kind, kind, "{rejection}");
}

#[test]
fn a_token_by_an_authority_of_the_root_is_a_time() {
    let (anchor, leaf) = authority();
    let root = open(&[&leaf, &anchor]);
    let token = Token::GOOD.by(&leaf);
    let granted = seq(&[&seq(&[&tlv(2, &[0])]), &token]);
    for token in [token.clone(), granted] {
        assert_eq!(
            one(token, &root).unwrap(),
            [TimestampProof {
                root: "public-good".into(),
                at: at("2026-01-01T00:05:00Z"),
            }]
        );
    }
    assert_eq!(verify(&[], SIGNATURE, &root), Ok(Vec::new()));
    let rejected = seq(&[&seq(&[&tlv(2, &[2])]), &token]);
    refused(one(rejected, &root), RejectionKind::TimestampInvalid);
}

#[test]
fn a_token_over_another_signature_is_invalid() {
    let (anchor, leaf) = authority();
    let token = Token {
        over: b"another signature",
        ..Token::GOOD
    };
    refused(
        one(token.by(&leaf), &open(&[&leaf, &anchor])),
        RejectionKind::TimestampInvalid,
    );
}

#[test]
fn a_token_of_another_authority_is_invalid_also_with_the_same_names() {
    let ((anchor, leaf), (_, stranger)) = (authority(), authority());
    let root = open(&[&leaf, &anchor]);
    refused(
        one(Token::GOOD.by(&stranger), &root),
        RejectionKind::TimestampInvalid,
    );
    // Certified by the same anchor, and not the one that the root names.
    let sibling = anchor.certifies(stamping());
    refused(
        one(Token::GOOD.by(&sibling), &root),
        RejectionKind::TimestampInvalid,
    );
    refused(
        one(Token::GOOD.by(&leaf), &open(&[])),
        RejectionKind::TimestampInvalid,
    );
}

#[test]
fn each_of_several_tokens_must_be_good() {
    let ((anchor, leaf), (_, stranger)) = (authority(), authority());
    let root = open(&[&leaf, &anchor]);
    let (good, bad) = (Token::GOOD.by(&leaf), Token::GOOD.by(&stranger));
    let both = verify(&[good.clone(), good.clone()], SIGNATURE, &root).unwrap();
    assert_eq!(both.len(), 2);
    for tokens in [[good.clone(), bad.clone()], [bad, good.clone()]] {
        refused(
            verify(&tokens, SIGNATURE, &root),
            RejectionKind::TimestampInvalid,
        );
    }
    refused(
        verify(&vec![good; 9], SIGNATURE, &root),
        RejectionKind::TimestampInvalid,
    );
}

#[test]
fn the_authority_must_have_been_trusted_at_the_time() {
    let (anchor, leaf) = authority();
    let until = |end: &str| {
        let window = Window {
            start: Some(at("2025-01-01T00:00:00Z")),
            end: Some(at(end)),
        };
        one(Token::GOOD.by(&leaf), &root(&[&leaf, &anchor], window))
    };
    assert!(until("2026-01-01T00:05:00Z").is_ok());
    refused(
        until("2026-01-01T00:04:59Z"),
        RejectionKind::TimestampOutsideValidity,
    );
    let open_start = Window {
        start: None,
        end: Some(at("2026-01-01T00:04:59Z")),
    };
    refused(
        one(Token::GOOD.by(&leaf), &root(&[&leaf, &anchor], open_start)),
        RejectionKind::TimestampOutsideValidity,
    );
}

#[test]
fn the_anchor_must_have_been_valid_at_the_time() {
    let mut params = pki::authority("Timestamp root");
    params.not_after = rcgen::date_time_ymd(2026, 1, 1);
    let anchor = pki::root(params);
    let leaf = anchor.certifies(stamping());
    let root = open(&[&leaf, &anchor]);
    refused(
        one(Token::GOOD.by(&leaf), &root),
        RejectionKind::TimestampOutsideValidity,
    );
    let earlier = Token {
        seen: "20251231235959Z",
        ..Token::GOOD
    };
    assert!(one(earlier.by(&leaf), &root).is_ok());
}

#[test]
fn the_signer_must_be_for_timestamps_and_valid() {
    let anchor = pki::root(pki::authority("Timestamp root"));
    let tell = |edit: fn(&mut CertificateParams)| {
        let mut params = stamping();
        edit(&mut params);
        let leaf = anchor.certifies(params);
        let root = open(&[&leaf, &anchor]);
        one(Token::GOOD.by(&leaf), &root)
    };
    assert!(tell(|_| {}).is_ok());
    refused(
        tell(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]),
        RejectionKind::TimestampInvalid,
    );
    refused(
        tell(|p| p.extended_key_usages.clear()),
        RejectionKind::TimestampInvalid,
    );
    refused(
        tell(|p| p.not_after = rcgen::date_time_ymd(2026, 1, 1)),
        RejectionKind::TimestampInvalid,
    );
}

#[test]
fn a_token_has_one_signer_who_signed_that_it_is_a_timestamp() {
    let (anchor, leaf) = authority();
    let root = open(&[&leaf, &anchor]);
    for signers in [0, 2] {
        let token = Token {
            signers,
            ..Token::GOOD
        };
        refused(one(token.by(&leaf), &root), RejectionKind::TimestampInvalid);
    }
    let token = Token {
        content_type: DATA,
        ..Token::GOOD
    };
    refused(one(token.by(&leaf), &root), RejectionKind::TimestampInvalid);
}

#[test]
fn a_token_that_was_changed_or_cannot_be_read_is_invalid() {
    let (anchor, leaf) = authority();
    let root = open(&[&leaf, &anchor]);
    let good = Token::GOOD.by(&leaf);
    let seen = good.windows(SEEN.len()).position(|w| w == SEEN.as_bytes());
    let mut later = good.clone();
    later[seen.unwrap() + SEEN.len() - 2] ^= 1;
    let mut signature = good.clone();
    *signature.last_mut().unwrap() ^= 1;
    let trailing = [&good[..], &[0]].concat();
    let short = good[..good.len() - 1].to_vec();
    for token in [later, signature, trailing, short, Vec::new(), vec![0x30, 0]] {
        refused(one(token, &root), RejectionKind::TimestampInvalid);
    }
}
