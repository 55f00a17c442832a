//! RFC 3161 timestamps: an authority has seen a signature by some time.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use sigstore_types::{DerCertificate, SignatureBytes, TimeRange, TimestampToken, TsaAuthority};

use super::root::{TimestampAuthority, TrustRoot};
use super::{Rejection, RejectionKind, TimestampProof};

/// Most timestamps that may come with one signature. One is usual; each costs a
/// signature and a path for each authority of the root.
const MAX_TOKENS: usize = 8;

/// Checks every token in `tokens` over `signature` against the timestamp
/// authorities of `root`: its one signer is the leaf of an authority, whose
/// chain was valid at the time that it names, and which was trusted then.
///
/// # Errors
///
/// [`RejectionKind::TimestampInvalid`] if a token is not by an authority of the
/// root or is over something else, [`RejectionKind::TimestampOutsideValidity`]
/// if its authority was not trusted at the time it names.
pub(super) fn verify(
    tokens: &[Vec<u8>],
    signature: &[u8],
    root: &TrustRoot,
) -> Result<Vec<TimestampProof>, Rejection> {
    if tokens.len() > MAX_TOKENS {
        return Err(invalid("the signature came with more than 8 timestamps"));
    }
    let signature = SignatureBytes::from_bytes(signature);
    let authorities: Vec<_> = root
        .timestamp_authorities
        .iter()
        .filter_map(|authority| Some((authority, as_published(authority)?)))
        .collect();
    tokens
        .iter()
        .map(|token| one(token, &signature, &authorities, root))
        .collect()
}

fn invalid(detail: &str) -> Rejection {
    Rejection::new(RejectionKind::TimestampInvalid, detail)
}

fn one(
    token: &[u8],
    signature: &SignatureBytes,
    authorities: &[(&TimestampAuthority, TsaAuthority)],
    root: &TrustRoot,
) -> Result<TimestampProof, Rejection> {
    if !has_one_signer(token).is_ok_and(|one| one) {
        return Err(invalid(
            "a timestamp cannot be read, or is not signed by exactly one authority",
        ));
    }
    let token = TimestampToken::from_bytes(token);
    let mut outside = None;
    for (authority, published) in authorities {
        match sigstore_tsa::verify_timestamp_for_authority(&token, signature, published) {
            // The library looks at the validity of all but the anchor.
            Ok(at) if authority.validity.contains(at) && authority.window.contains(at) => {
                return Ok(TimestampProof {
                    root: root.name().clone(),
                    at,
                });
            }
            Ok(at) | Err(sigstore_tsa::Error::TimestampOutsideValidity { time: at }) => {
                outside = Some(at);
            }
            Err(_) => {}
        }
    }
    Err(match outside {
        Some(at) => Rejection::new(
            RejectionKind::TimestampOutsideValidity,
            format!("a timestamp is of {at}, when its authority was not trusted"),
        ),
        None => invalid(
            "a timestamp is not by an authority of the trust root, or not over this signature",
        ),
    })
}

/// An authority as the library wants it: leaf, what is between, anchor. A chain
/// of one is both.
fn as_published(authority: &TimestampAuthority) -> Option<TsaAuthority> {
    let certificate = |der: &Vec<u8>| DerCertificate::from_bytes(der);
    let (leaf, anchor) = (authority.chain.first()?, authority.chain.last()?);
    let between = authority.chain.iter().skip(1);
    let between = between.take(authority.chain.len().saturating_sub(2));
    let window = authority.window;
    Some(TsaAuthority::new(
        certificate(leaf),
        between.map(certificate).collect(),
        certificate(anchor),
        window.start.map(|start| TimeRange::new(start, window.end)),
    ))
}

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Whether a token has exactly one signer (RFC 3161, section 2.4.2), who signed
/// that the content is a timestamp (RFC 5652, section 5.3). The library looks
/// at the first signer, and not at what the content is said to be.
fn has_one_signer(token: &[u8]) -> der::Result<bool> {
    let outer = AnyRef::from_der(token)?;
    let mut parts = parts(outer)?;
    // A `TimeStampResp` begins with its status, a `ContentInfo` with its type.
    let content_info = match &parts[..] {
        [first, token] if first.tag() == Tag::Sequence => self::parts(*token)?,
        _ => std::mem::take(&mut parts),
    };
    let [kind, content] = content_info[..] else {
        return Ok(false);
    };
    if kind.decode_as::<ObjectIdentifier>()? != SIGNED_DATA {
        return Ok(false);
    }
    let signed_data = self::parts(AnyRef::from_der(content.value())?)?;
    let Some(signers) = signed_data.last().filter(|last| last.tag() == Tag::Set) else {
        return Ok(false);
    };
    let [signer] = self::parts(*signers)?[..] else {
        return Ok(false);
    };
    let signed_attributes = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::N0,
    };
    // Version, signer and digest algorithm come before; the signer may have the
    // same tag.
    let fields = self::parts(signer)?;
    let Some(attributes) = fields.get(3).filter(|at| at.tag() == signed_attributes) else {
        return Ok(false);
    };
    let mut types = Vec::new();
    for attribute in self::parts(*attributes)? {
        let [name, values] = self::parts(attribute)?[..] else {
            return Ok(false);
        };
        if name.decode_as::<ObjectIdentifier>()? == CONTENT_TYPE {
            types.extend(self::parts(values)?);
        }
    }
    let [content_type] = types[..] else {
        return Ok(false);
    };
    Ok(content_type.decode_as::<ObjectIdentifier>()? == TST_INFO)
}

/// What a constructed value is made of.
fn parts(of: AnyRef<'_>) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(of.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
