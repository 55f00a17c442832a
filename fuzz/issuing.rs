//! A certificate authority that signs whatever a fuzzer wants in a certificate:
//! what stands behind a check of a signature is otherwise never reached. Its
//! keys are made when it is first used.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

pub(super) struct Authority {
    issuer: Ed25519KeyPair,
    holder: Ed25519KeyPair,
}

/// `basicConstraints` of an authority and `keyUsage` to sign certificates.
const OF_AN_AUTHORITY: &[u8] = &[
    0x30, 0x0f, 6, 3, 0x55, 0x1d, 0x13, 1, 1, 0xff, 4, 5, 0x30, 3, 1, 1, 0xff, 0x30, 0x0e, 6, 3,
    0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 3, 2, 1, 6,
];

const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];

impl Authority {
    fn new() -> Self {
        let key = || Ed25519KeyPair::generate().expect("a key");
        Self {
            issuer: key(),
            holder: key(),
        }
    }

    /// The certificate of the authority, in PEM.
    pub(super) fn pem(&self) -> String {
        let der = self.certificate("fuzz", &self.issuer, OF_AN_AUTHORITY);
        let body = STANDARD.encode(der);
        let lines: Vec<_> = body
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    /// A bundle over `blob` with a certificate that has these bytes for the
    /// list of its extensions.
    pub(super) fn bundle(&self, extensions: &[u8], blob: &[u8]) -> Value {
        let certificate = self.certificate("", &self.holder, extensions);
        bundle(&certificate, self.holder.sign(blob).as_ref())
    }

    fn certificate(&self, subject: &str, holder: &Ed25519KeyPair, extensions: &[u8]) -> Vec<u8> {
        let spki = holder.public_key().as_der().expect("a public key");
        let validity = [tlv(0x17, b"260101000000Z"), tlv(0x17, b"360101000000Z")];
        let inner = tlv(
            0x30,
            &[
                &[0xa0, 3, 2, 1, 2, 2, 1, 1][..],
                ED25519,
                &name("fuzz"),
                &tlv(0x30, &validity.concat()),
                &name(subject),
                spki.as_ref(),
                &tlv(0xa3, &tlv(0x30, extensions)),
            ]
            .concat(),
        );
        let signature = [&[0], self.issuer.sign(&inner).as_ref()].concat();
        tlv(0x30, &[&inner, ED25519, &tlv(3, &signature)].concat())
    }
}

/// A bundle with a message signature and this certificate.
pub(super) fn bundle(certificate: &[u8], signature: &[u8]) -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": STANDARD.encode(certificate)}},
        "messageSignature": {"signature": STANDARD.encode(signature)},
    })
}

/// A name of one common name, or of nothing.
fn name(common: &str) -> Vec<u8> {
    if common.is_empty() {
        return tlv(0x30, &[]);
    }
    let attribute = [&[6, 3, 0x55, 4, 3][..], &tlv(0x0c, common.as_bytes())].concat();
    tlv(0x30, &tlv(0x31, &tlv(0x30, &attribute)))
}

/// A value in DER.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes: Vec<_> = bytes.into_iter().skip_while(|b| *b == 0).collect();
            out.push(0x80 | bytes.len() as u8);
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}
