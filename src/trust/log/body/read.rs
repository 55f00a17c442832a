//! The bodies of log entries, kind by kind.

use super::{About, Body, Hashed, Kind, SHA256, SHA384, SHA512, Verifier, unsupported};
use crate::evidence::json::{self, JsonError, Object};
use crate::evidence::pem;
use crate::trust::{Rejection, RejectionKind, Scheme};

/// Why a body cannot be used.
enum Unread {
    Malformed(String),
    Unsupported(String),
}

impl From<JsonError> for Unread {
    fn from(JsonError(detail): JsonError) -> Self {
        Self::Malformed(detail)
    }
}

impl Body {
    /// # Errors
    ///
    /// [`RejectionKind::LogEntryMalformed`] if this is not an entry of `kind`,
    /// [`RejectionKind::LogEntryUnsupported`] if it uses an algorithm that is
    /// not known.
    pub(in crate::trust::log) fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, Rejection> {
        Self::read(kind, bytes).map_err(|unread| match unread {
            Unread::Malformed(detail) => Rejection::new(RejectionKind::LogEntryMalformed, detail),
            Unread::Unsupported(detail) => unsupported(detail),
        })
    }

    fn read(kind: Kind, bytes: &[u8]) -> Result<Self, Unread> {
        let body = Object::parse(
            "log entry",
            json::text(bytes)?,
            &["kind", "apiVersion", "spec"],
        )?;
        let (name, version) = kind.names();
        if body.string("kind")? != name || body.string("apiVersion")? != version {
            return Err(Unread::Malformed(format!(
                "the body of the log entry is not of kind {name} {version}, which it is said to be"
            )));
        }
        let spec = |known| body.object("spec", known);
        match kind {
            Kind::HashedRekord1 => hashedrekord_1(&spec(&["data", "signature"])?),
            Kind::HashedRekord2 => hashedrekord_2(&spec(&["hashedRekordV002"])?),
            Kind::Dsse1 => dsse_1(&spec(&["payloadHash", "envelopeHash", "signatures"])?),
            Kind::Intoto1 => intoto_1(&spec(&["content", "publicKey"])?),
            Kind::Intoto2 => intoto_2(&spec(&["content"])?),
        }
    }
}

impl Verifier {
    /// Base64 of PEM: a certificate or a key.
    fn from_pem(object: &Object<'_>, key: &str) -> Result<Self, Unread> {
        let text = object.base64(key)?;
        let one = |label| pem::blocks(str::from_utf8(&text).ok()?, label, 1)?.pop();
        let (bytes, is_certificate) = match (one(pem::CERTIFICATE), one(pem::PUBLIC_KEY)) {
            (Some(der), _) => (der, true),
            (None, Some(der)) => (der, false),
            (None, None) => {
                return Err(Unread::Malformed(format!(
                    "{key} of the log entry is neither a certificate nor a public key in PEM"
                )));
            }
        };
        Ok(Self {
            bytes,
            is_certificate,
            scheme: None,
        })
    }
}

/// A hash in the words of Rekor v1.
fn hash(object: &Object<'_>, key: &str) -> Result<Hashed, Unread> {
    let hash = object.object(key, &["algorithm", "value"])?;
    let algorithm = match &*hash.string("algorithm")? {
        "sha256" => SHA256,
        "sha384" => SHA384,
        "sha512" => SHA512,
        other => {
            return Err(Unread::Unsupported(format!(
                "the log entry names a digest of algorithm {:?}, which is not supported",
                json::shortened(other)
            )));
        }
    };
    let digest = json::hex(&hash.string("value")?).ok_or_else(|| {
        Unread::Malformed(format!("{key}.value of the log entry is not hexadecimal"))
    })?;
    Ok(Hashed { algorithm, digest })
}

fn hashedrekord_1(spec: &Object<'_>) -> Result<Body, Unread> {
    let signature = spec.object("signature", &["content", "publicKey"])?;
    let key = signature.object("publicKey", &["content"])?;
    Ok(Body {
        about: About::Bytes {
            digest: hash(&spec.object("data", &["hash"])?, "hash")?,
            signature: signature.base64("content")?,
            envelopes: false,
        },
        verifier: Verifier::from_pem(&key, "content")?,
    })
}

/// The kinds of key of the protobuf specifications with which Rekor v2 checks
/// signatures of clients, and the digests that it checks them over. Ed25519 is
/// not among them: only its variant that hashes first is taken in.
const KEY_DETAILS: [(&str, Scheme, &str); 9] = [
    ("PKIX_ECDSA_P256_SHA_256", Scheme::EcdsaP256Sha256, SHA256),
    ("PKIX_ECDSA_P384_SHA_384", Scheme::EcdsaP384Sha384, SHA384),
    ("PKIX_ECDSA_P521_SHA_512", Scheme::EcdsaP521Sha512, SHA512),
    (
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        Scheme::RsaPkcs1Sha256,
        SHA256,
    ),
    (
        "PKIX_RSA_PKCS1V15_3072_SHA256",
        Scheme::RsaPkcs1Sha256,
        SHA256,
    ),
    (
        "PKIX_RSA_PKCS1V15_4096_SHA256",
        Scheme::RsaPkcs1Sha256,
        SHA256,
    ),
    ("PKIX_RSA_PSS_2048_SHA256", Scheme::RsaPssSha256, SHA256),
    ("PKIX_RSA_PSS_3072_SHA256", Scheme::RsaPssSha256, SHA256),
    ("PKIX_RSA_PSS_4096_SHA256", Scheme::RsaPssSha256, SHA256),
];

fn hashedrekord_2(spec: &Object<'_>) -> Result<Body, Unread> {
    let record = spec.object("hashedRekordV002", &["data", "signature"])?;
    let data = record.object("data", &["algorithm", "digest"])?;
    let signature = record.object("signature", &["content", "verifier"])?;
    let verifier = signature.object("verifier", &["keyDetails", "publicKey", "x509Certificate"])?;
    let details = verifier.string("keyDetails")?;
    let Some((_, scheme, algorithm)) = KEY_DETAILS.iter().find(|(name, ..)| *name == details)
    else {
        return Err(Unread::Unsupported(format!(
            "the log entry is by a key of kind {:?}, which is not supported in Rekor v2",
            json::shortened(&details)
        )));
    };
    if data.string("algorithm")? != *algorithm {
        return Err(Unread::Malformed(format!(
            "the log entry names a digest that does not belong to a key of kind {details}"
        )));
    }
    let raw = |key| {
        verifier
            .optional_object(key, &["rawBytes"])?
            .map(|object| object.base64("rawBytes"))
            .transpose()
    };
    let (bytes, is_certificate) = match (raw("x509Certificate")?, raw("publicKey")?) {
        (Some(der), None) => (der, true),
        (None, Some(der)) => (der, false),
        _ => {
            return Err(Unread::Malformed(
                "the log entry names neither or both of x509Certificate and publicKey".into(),
            ));
        }
    };
    Ok(Body {
        about: About::Bytes {
            digest: Hashed {
                algorithm,
                digest: data.base64("digest")?,
            },
            signature: signature.base64("content")?,
            envelopes: true,
        },
        verifier: Verifier {
            bytes,
            is_certificate,
            scheme: Some(*scheme),
        },
    })
}

/// More signatures than this are not read of an entry: one is expected.
const MAX_SIGNATURES: usize = 64;

/// The signatures of an entry, and the verifier that they have in common.
fn signatures(
    object: &Object<'_>,
    known: &[&str],
    read: impl Fn(&Object<'_>) -> Result<(Vec<u8>, Verifier), Unread>,
) -> Result<(Vec<Vec<u8>>, Verifier), Unread> {
    let list = object.list("signatures")?;
    let malformed = |words: &str| {
        Unread::Malformed(format!(
            "the log entry has {} signatures{words}",
            list.len()
        ))
    };
    if list.len() > MAX_SIGNATURES {
        return Err(malformed(""));
    }
    let read: Vec<_> = list
        .iter()
        .map(|raw| read(&Object::parse("signatures", raw.get(), known)?))
        .collect::<Result<_, _>>()?;
    let verifier = read.last().map(|(_, verifier)| verifier.clone());
    let signatures = read.into_iter().map(|(signature, _)| signature).collect();
    Ok((signatures, verifier.ok_or_else(|| malformed(""))?))
}

fn dsse_1(spec: &Object<'_>) -> Result<Body, Unread> {
    let (signatures, verifier) = signatures(spec, &["signature", "verifier"], |signature| {
        let verifier = Verifier::from_pem(signature, "verifier")?;
        Ok((signature.base64("signature")?, verifier))
    })?;
    // Of the envelope as it was uploaded, which nobody has any more.
    hash(spec, "envelopeHash")?;
    Ok(Body {
        about: About::Envelope {
            payload: hash(spec, "payloadHash")?,
            payload_type: None,
            signatures,
        },
        verifier,
    })
}

fn intoto_1(spec: &Object<'_>) -> Result<Body, Unread> {
    let content = spec.object("content", &["envelope", "hash", "payloadHash"])?;
    let payload = content
        .get("payloadHash")
        .map(|_| hash(&content, "payloadHash"))
        .transpose()?;
    Ok(Body {
        about: About::Written {
            digest: hash(&content, "hash")?,
            payload,
        },
        verifier: Verifier::from_pem(spec, "publicKey")?,
    })
}

fn intoto_2(spec: &Object<'_>) -> Result<Body, Unread> {
    let content = spec.object("content", &["envelope", "hash", "payloadHash"])?;
    let envelope = content.object("envelope", &["payload", "payloadType", "signatures"])?;
    let (signatures, verifier) =
        signatures(&envelope, &["keyid", "publicKey", "sig"], |signature| {
            // Rekor encodes the text that it was given, which is base64 already.
            let text = signature.base64("sig")?;
            let text = str::from_utf8(&text).ok();
            let bytes = text.and_then(json::base64).ok_or_else(|| {
                Unread::Malformed("signatures.sig of the log entry is not base64 twice".into())
            })?;
            Ok((bytes, Verifier::from_pem(signature, "publicKey")?))
        })?;
    // As in `dsse`.
    hash(&content, "hash")?;
    Ok(Body {
        about: About::Envelope {
            payload: hash(&content, "payloadHash")?,
            payload_type: Some(envelope.string("payloadType")?),
            signatures,
        },
        verifier,
    })
}
