//! Signed certificate timestamps in a certificate (RFC 6962, sections 3.2 and
//! 3.3): a certificate transparency log has promised to show it.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Header, Reader, SliceReader, Tag, TagNumber, Tagged};
use jiff::Timestamp;

use super::Leaf;
use crate::oci::Digest;
use crate::trust::root::{Log, TrustRoot};
use crate::trust::{Rejection, RejectionKind, Scheme, SctProof};

/// The extension that holds the list.
pub(super) const LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// How many are looked at, each a signature to verify. Fulcio writes one,
/// certificate authorities of the Web up to five.
const MAX_SCTS: usize = 8;

/// Checks the signed certificate timestamps in `leaf` against the certificate
/// transparency logs of `root`. Follows RFC 6962, section 3.2.
///
/// At least one must be by a log of the root, made while that log was trusted,
/// and each that names a log of the root must be by it. Those of other logs are
/// passed over.
///
/// # Errors
///
/// [`RejectionKind::SctMissing`] if there is none,
/// [`RejectionKind::SctInvalid`] if one is not by a log of the root that was
/// trusted then, over this certificate, or all are of other logs.
pub(in crate::trust) fn scts(
    leaf: &Leaf<'_>,
    issuer_spki: &[u8],
    root: &TrustRoot,
) -> Result<SctProof, Rejection> {
    let missing = || {
        Rejection::new(
            RejectionKind::SctMissing,
            "the certificate has no signed certificate timestamp: no certificate transparency \
             log has seen it",
        )
    };
    let list = leaf.scts.as_deref().ok_or_else(missing)?;
    let scts = parse(list).ok_or_else(|| {
        invalid("the signed certificate timestamps in the certificate cannot be read")
    })?;
    if scts.is_empty() {
        return Err(missing());
    }
    if scts.len() > MAX_SCTS {
        return Err(invalid(
            "the certificate has more than 8 signed certificate timestamps",
        ));
    }
    let signed = without_list(leaf.der)
        .map_err(|_| invalid("the certificate cannot be taken apart for its log"))?;
    let issuer = Digest::sha256(issuer_spki);
    let mut proof = None;
    for sct in &scts {
        let Some(log) = root.ct_logs.iter().find(|log| log.id == sct.log) else {
            continue;
        };
        let found = sct.check(log, issuer.as_bytes(), &signed)?;
        proof.get_or_insert(found);
    }
    proof.ok_or_else(|| {
        invalid(
            "the signed certificate timestamps in the certificate are of certificate \
             transparency logs that the trust root does not name",
        )
    })
}

fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(RejectionKind::SctInvalid, detail)
}

/// A `SignedCertificateTimestamp` of version 1.
#[derive(Debug)]
struct Sct<'a> {
    log: [u8; 32],
    /// Milliseconds since 1970.
    timestamp: u64,
    extensions: &'a [u8],
    /// `SignatureAndHashAlgorithm` of TLS 1.2.
    algorithm: [u8; 2],
    signature: &'a [u8],
}

impl Sct<'_> {
    fn check(&self, log: &Log, issuer: &[u8], signed: &[u8]) -> Result<SctProof, Rejection> {
        let at = i64::try_from(self.timestamp)
            .ok()
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
            .ok_or_else(|| invalid("a signed certificate timestamp is of no possible time"))?;
        if !log.window.contains(at) {
            return Err(invalid(format!(
                "a signed certificate timestamp is of {at}, when the log {} was not trusted",
                log.origin
            )));
        }
        let scheme = self
            .message(issuer, signed)
            .and_then(|message| log.key.verify(&message, self.signature));
        if scheme.and_then(algorithm_of) != Some(self.algorithm) {
            return Err(invalid(format!(
                "a signed certificate timestamp was not made by the log {} over this certificate",
                log.origin
            )));
        }
        Ok(SctProof { log: log.id, at })
    }

    /// What the log signed: `digitally-signed` of RFC 6962, section 3.2, with a
    /// `precert_entry`.
    fn message(&self, issuer: &[u8], signed: &[u8]) -> Option<Vec<u8>> {
        let mut message = vec![0, 0];
        message.extend_from_slice(&self.timestamp.to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        message.extend_from_slice(issuer);
        let [0, length @ ..] = u32::try_from(signed.len()).ok()?.to_be_bytes() else {
            return None;
        };
        message.extend_from_slice(&length);
        message.extend_from_slice(signed);
        let length = u16::try_from(self.extensions.len()).ok()?;
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(self.extensions);
        Some(message)
    }
}

/// How TLS 1.2 names the schemes with which logs may sign: those of RFC 6962,
/// section 2.1.4, with the stronger hashes and the larger curve.
const fn algorithm_of(scheme: Scheme) -> Option<[u8; 2]> {
    match scheme {
        Scheme::EcdsaP256Sha256 => Some([4, 3]),
        Scheme::EcdsaP384Sha384 => Some([5, 3]),
        Scheme::RsaPkcs1Sha256 => Some([4, 1]),
        Scheme::RsaPkcs1Sha384 => Some([5, 1]),
        Scheme::RsaPkcs1Sha512 => Some([6, 1]),
        Scheme::EcdsaP384Sha256
        | Scheme::EcdsaP521Sha512
        | Scheme::EcdsaP521Sha256
        | Scheme::Ed25519
        | Scheme::RsaPssSha256
        | Scheme::RsaPssSha384
        | Scheme::RsaPssSha512 => None,
    }
}

/// Reads a `SignedCertificateTimestampList`; `None` if it is not one, or if
/// anything is left over.
fn parse(list: &[u8]) -> Option<Vec<Sct<'_>>> {
    let mut outer = Tls(list);
    let mut inner = Tls(outer.opaque()?);
    outer.end()?;
    let mut found = Vec::new();
    while !inner.0.is_empty() {
        let mut sct = Tls(inner.opaque()?);
        let [0] = sct.take::<1>()? else {
            return None;
        };
        found.push(Sct {
            log: sct.take()?,
            timestamp: u64::from_be_bytes(sct.take()?),
            extensions: sct.opaque()?,
            algorithm: sct.take()?,
            signature: sct.opaque()?,
        });
        sct.end()?;
    }
    Some(found)
}

/// What is left to read of something in the presentation language of TLS.
struct Tls<'a>(&'a [u8]);

impl<'a> Tls<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk()?;
        self.0 = left;
        Some(*taken)
    }

    /// Bytes behind their length in two bytes.
    fn opaque(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let (taken, left) = self.0.split_at_checked(length)?;
        self.0 = left;
        Some(taken)
    }

    const fn end(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}

/// The `TBSCertificate` of a certificate without the list: what the log saw.
/// Everything else is taken byte for byte, since it was signed so.
fn without_list(certificate: &[u8]) -> der::Result<Vec<u8>> {
    let outer = AnyRef::from_der(certificate)?;
    let mut parts = SliceReader::new(outer.value())?;
    let signed = AnyRef::decode(&mut parts)?;
    let mut fields = SliceReader::new(signed.value())?;
    let mut kept = Vec::with_capacity(certificate.len());
    while !fields.is_finished() {
        let field = fields.tlv_bytes()?;
        let field_ref = AnyRef::from_der(field)?;
        if field_ref.tag() == EXTENSIONS {
            let all = AnyRef::from_der(field_ref.value())?;
            let left = wrapped(Tag::Sequence, &without(all.value())?)?;
            kept.extend(wrapped(EXTENSIONS, &left)?);
        } else {
            kept.extend_from_slice(field);
        }
    }
    wrapped(Tag::Sequence, &kept)
}

/// The extensions of a `TBSCertificate`.
const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber::N3,
};

/// Extensions, one after the other, without the list.
fn without(extensions: &[u8]) -> der::Result<Vec<u8>> {
    let mut reader = SliceReader::new(extensions)?;
    let mut kept = Vec::with_capacity(extensions.len());
    while !reader.is_finished() {
        let extension = reader.tlv_bytes()?;
        let inner = AnyRef::from_der(extension)?;
        let oid = ObjectIdentifier::decode(&mut SliceReader::new(inner.value())?)?;
        if oid != LIST {
            kept.extend_from_slice(extension);
        }
    }
    Ok(kept)
}

fn wrapped(tag: Tag, value: &[u8]) -> der::Result<Vec<u8>> {
    let mut bytes = Header::new(tag, value.len())?.to_der()?;
    bytes.extend_from_slice(value);
    Ok(bytes)
}
