//! The outside of a key: PEM, SubjectPublicKeyInfo, algorithm and size.

use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Encode, Reader, Tag, Tagged};
use spki::SubjectPublicKeyInfoRef;

use super::{KeyError, KeyKind};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const BEGIN: &str = "-----BEGIN ";

/// The DER inside the one PEM block of `text`.
pub(super) fn pem(text: &str) -> Result<Vec<u8>, KeyError> {
    let labels: Vec<&str> = text
        .match_indices(BEGIN)
        .map(|(at, _)| {
            let label = &text[at + BEGIN.len()..];
            label.split("-----").next().unwrap_or_default()
        })
        .collect();
    // Asked before anything else, and for every block: whoever pasted a private
    // key must hear that, not that there are two blocks.
    if labels.iter().any(|label| label.contains("PRIVATE KEY")) {
        return Err(KeyError::PrivateKey);
    }
    match labels[..] {
        [] => return Err(KeyError::NotPem),
        ["PUBLIC KEY"] => {}
        ["RSA PUBLIC KEY"] => return Err(KeyError::Pkcs1),
        ["CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE"] => {
            return Err(KeyError::Certificate);
        }
        [_] => return Err(KeyError::Label),
        _ => return Err(KeyError::SeveralBlocks(labels.len())),
    }
    let block = text.trim();
    if !block.starts_with(BEGIN) || !block.ends_with("-----END PUBLIC KEY-----") {
        return Err(if block.contains("-----END PUBLIC KEY-----") {
            KeyError::TextAround
        } else {
            KeyError::NotPem
        });
    }
    let (_, der) = der::pem::decode_vec(block.as_bytes()).map_err(|_| KeyError::NotPem)?;
    Ok(der)
}

/// What kind of key a SubjectPublicKeyInfo holds.
///
/// Everything that would give one key a second encoding is refused: optional
/// parameters, compressed points, indefinite or overlong lengths.
pub(super) fn spki(der: &[u8]) -> Result<KeyKind, KeyError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::Der)?;
    if info.to_der().map_err(|_| KeyError::Der)? != der {
        return Err(KeyError::Der);
    }
    let bits = info.subject_public_key.as_bytes().ok_or(KeyError::Der)?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        EC_PUBLIC_KEY => {
            let parameters = parameters.ok_or(KeyError::Der)?;
            if parameters.tag() == Tag::Sequence {
                return Err(KeyError::ExplicitCurve);
            }
            let curve: ObjectIdentifier = parameters.decode_as().map_err(|_| KeyError::Der)?;
            let kind = match curve {
                P256 => KeyKind::P256,
                P384 => KeyKind::P384,
                P521 => KeyKind::P521,
                other => return Err(KeyError::Curve(other.to_string())),
            };
            match bits.first() {
                Some(4) => Ok(kind),
                Some(2 | 3) => Err(KeyError::CompressedPoint),
                _ => Err(KeyError::Invalid(kind.as_str())),
            }
        }
        ED25519 if parameters.is_none() && bits.len() == 32 => Ok(KeyKind::Ed25519),
        ED25519 => Err(KeyError::Der),
        RSA => {
            if !parameters.is_some_and(|p| p.is_null()) {
                return Err(KeyError::Der);
            }
            rsa(bits)
        }
        other => Err(KeyError::Algorithm(other.to_string())),
    }
}

/// Checks an RSAPublicKey (RFC 8017, appendix A.1.1).
fn rsa(bits: &[u8]) -> Result<KeyKind, KeyError> {
    let modulus_bits = der::SliceReader::new(bits)
        .and_then(|mut reader| {
            let bits = reader.sequence(|inner| {
                // An unsigned integer: a negative one is refused here.
                let modulus: UintRef<'_> = inner.decode()?;
                let _exponent: UintRef<'_> = inner.decode()?;
                let leading = modulus.as_bytes().first().map_or(0, |b| b.leading_zeros());
                Ok(modulus.as_bytes().len() * 8 - leading as usize)
            })?;
            reader.finish(bits)
        })
        .map_err(|_| KeyError::Der)?;
    if (2048..=8192).contains(&modulus_bits) {
        Ok(KeyKind::Rsa)
    } else {
        Err(KeyError::RsaSize(modulus_bits))
    }
}
