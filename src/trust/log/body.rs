//! What a log entry is about: the leaf of the log's tree, in the kinds that are
//! read. Follows the schemas of Rekor v1 (`pkg/types`) and Rekor v2
//! (`hashedrekord` of its protobuf specifications).
//!
//! An entry binds if it names this signature, byte for byte, this key or
//! certificate, and the digest of this payload. `intoto` 0.0.1 does not name
//! the signature: it has the digest of the envelope as it was uploaded, which
//! holds the signature.

mod read;

use super::Generation;
use crate::evidence::json;
use crate::evidence::{DsseContent, LogEntry};
use crate::oci::{Algorithm, Digest};
use crate::trust::signed::{Payload, Signed, SignerKey};
use crate::trust::{Rejection, RejectionKind, Scheme};

/// The kinds of entry that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    HashedRekord1,
    HashedRekord2,
    Dsse1,
    Intoto1,
    Intoto2,
}

impl Kind {
    /// # Errors
    ///
    /// [`RejectionKind::LogEntryUnsupported`] for any other.
    pub(super) fn of(entry: &LogEntry) -> Result<Self, Rejection> {
        let why = match (&*entry.kind, &*entry.version) {
            ("hashedrekord", "0.0.1") => return Ok(Self::HashedRekord1),
            ("hashedrekord", "0.0.2") => return Ok(Self::HashedRekord2),
            ("dsse", "0.0.1") => return Ok(Self::Dsse1),
            ("intoto", "0.0.1") => return Ok(Self::Intoto1),
            ("intoto", "0.0.2") => return Ok(Self::Intoto2),
            ("dsse", "0.0.2") => {
                "is not read; sign with a signer that enters a hashedrekord 0.0.2 in its place"
            }
            _ => "is not read",
        };
        Err(unsupported(format!(
            "the log entry is of kind {:?} {:?}, which {why}",
            json::shortened(&entry.kind),
            json::shortened(&entry.version)
        )))
    }

    pub(super) const fn generation(self) -> Generation {
        match self {
            Self::HashedRekord2 => Generation::V2,
            Self::HashedRekord1 | Self::Dsse1 | Self::Intoto1 | Self::Intoto2 => Generation::V1,
        }
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::HashedRekord1 => ("hashedrekord", "0.0.1"),
            Self::HashedRekord2 => ("hashedrekord", "0.0.2"),
            Self::Dsse1 => ("dsse", "0.0.1"),
            Self::Intoto1 => ("intoto", "0.0.1"),
            Self::Intoto2 => ("intoto", "0.0.2"),
        }
    }
}

/// What an entry says, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    about: About,
    verifier: Verifier,
}

/// What was signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// Bytes with this digest. Rekor v1 takes no envelopes in this form.
    Bytes {
        digest: Hashed,
        signature: Vec<u8>,
        envelopes: bool,
    },
    /// An envelope whose payload has this digest.
    Envelope {
        payload: Hashed,
        payload_type: Option<String>,
        signatures: Vec<Vec<u8>>,
    },
    /// An envelope that was written in bytes with this digest.
    Written {
        digest: Hashed,
        payload: Option<Hashed>,
    },
}

/// A digest; the algorithm in the words of the protobuf specifications.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hashed {
    algorithm: &'static str,
    digest: Vec<u8>,
}

/// By what the log checked the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verifier {
    /// DER.
    bytes: Vec<u8>,
    is_certificate: bool,
    /// The scheme, where the entry names it.
    scheme: Option<Scheme>,
}

impl Body {
    /// Checks that the entry is about this signature by this signer.
    ///
    /// # Errors
    ///
    /// [`RejectionKind::LogEntryMismatch`] if it is about another;
    /// [`RejectionKind::LogEntryUnsupported`] if it names what did not come with
    /// the signature; [`RejectionKind::FormatNotSupported`] as
    /// [`Payload::has_digest`].
    pub(super) fn is_about(
        &self,
        signed: &Signed<'_>,
        signer: &SignerKey<'_>,
    ) -> Result<(), Rejection> {
        if !self.verifier.is(signer) {
            return Err(mismatch("its key or certificate is another"));
        }
        match &self.about {
            About::Bytes {
                digest,
                signature,
                envelopes,
            } => {
                if !envelopes && matches!(signed.payload, Payload::Dsse(_)) {
                    return Err(mismatch("it is over bytes, and this over an envelope"));
                }
                is_payload(digest, signed.payload)?;
                is_signature(signature, signed)
            }
            About::Envelope {
                payload,
                payload_type,
                signatures,
            } => {
                let content = envelope(signed)?;
                let [signature] = &signatures[..] else {
                    return Err(mismatch("it has several"));
                };
                is_signature(signature, signed)?;
                if payload_type
                    .as_ref()
                    .is_some_and(|kind| *kind != content.payload_type)
                {
                    return Err(mismatch("its payload is of another type"));
                }
                is_payload(payload, Payload::Bytes(&content.payload))
            }
            About::Written { digest, payload } => {
                let content = envelope(signed)?;
                let written = content
                    .written
                    .filter(|written| written.algorithm() == Algorithm::Sha256);
                let Some(written) = written else {
                    return Err(unsupported(
                        "the log entry is an intoto 0.0.1 over an envelope as it was uploaded, \
                         which a bundle does not keep"
                            .into(),
                    ));
                };
                if digest.algorithm != SHA256 || digest.digest != written.as_bytes() {
                    return Err(mismatch("its envelope is another"));
                }
                match payload {
                    Some(payload) => is_payload(payload, Payload::Bytes(&content.payload)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Digest algorithms in the words of the protobuf specifications.
const SHA256: &str = "SHA2_256";
const SHA384: &str = "SHA2_384";
const SHA512: &str = "SHA2_512";

fn envelope<'a>(signed: &Signed<'a>) -> Result<&'a DsseContent, Rejection> {
    match signed.payload {
        Payload::Dsse(content) => Ok(content),
        Payload::Bytes(_) | Payload::Digest(_) => Err(mismatch("it is over an envelope")),
    }
}

fn is_payload(hashed: &Hashed, payload: Payload<'_>) -> Result<(), Rejection> {
    if payload.has_digest(hashed.algorithm, &hashed.digest)? {
        Ok(())
    } else {
        Err(mismatch("its payload is another"))
    }
}

fn is_signature(signature: &[u8], signed: &Signed<'_>) -> Result<(), Rejection> {
    if signature == signed.signature {
        Ok(())
    } else {
        Err(mismatch("its bytes are others"))
    }
}

impl Verifier {
    fn is(&self, signer: &SignerKey<'_>) -> bool {
        let same = match signer {
            SignerKey::Certificate(leaf) => self.is_certificate && self.bytes == leaf.der,
            SignerKey::Managed(key) => {
                let digest = Digest::sha256(&self.bytes);
                !self.is_certificate && digest.as_bytes() == key.fingerprint().as_bytes()
            }
        };
        let key = signer.public();
        same && self
            .scheme
            .is_none_or(|scheme| key.schemes().any(|of_key| of_key == scheme))
    }
}

fn unsupported(detail: String) -> Rejection {
    Rejection::new(RejectionKind::LogEntryUnsupported, detail)
}

fn mismatch(words: &str) -> Rejection {
    Rejection::new(
        RejectionKind::LogEntryMismatch,
        format!("the log entry is about another signature: {words}"),
    )
}
