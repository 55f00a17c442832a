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
        ED25519 => match <[u8; 32]>::try_from(bits) {
            Ok(point) if parameters.is_none() => ed25519(point),
            _ => Err(KeyError::Der),
        },
        RSA => {
            if !parameters.is_some_and(|p| p.is_null()) {
                return Err(KeyError::Der);
            }
            rsa(bits)
        }
        other => Err(KeyError::Algorithm(other.to_string())),
    }
}

/// Checks the point of an Ed25519 key (RFC 8032, section 5.1.2), which the
/// library takes as it is.
///
/// Under a point of small order anybody can write a signature of anything, and
/// a coordinate that is not reduced is a second encoding of a key.
fn ed25519(mut point: [u8; 32]) -> Result<KeyKind, KeyError> {
    /// The y coordinates of the points of order 8. Those of smaller order have
    /// 0, 1 and -1.
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
    ];
    // The highest bit is the sign of x.
    point[31] &= 0x7f;
    let [low, middle @ .., high] = &point;
    // The prime is 2^255 - 19, in which only the lowest byte is not full.
    let top = *high == 0x7f && middle.iter().all(|b| *b == 0xff);
    let (not_reduced, minus_one) = (top && *low >= 0xed, top && *low == 0xec);
    let zero_or_one = *low <= 1 && *high == 0 && middle.iter().all(|b| *b == 0);
    let order_8 = ORDER_8.contains(&point);
    if not_reduced || minus_one || zero_or_one || order_8 {
        Err(KeyError::Invalid(KeyKind::Ed25519.as_str()))
    } else {
        Ok(KeyKind::Ed25519)
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
