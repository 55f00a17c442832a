//! Sigstore bundles: an envelope together with what is needed to verify it.
//!
//! Only the members that a managed key needs are read. Log entries and
//! timestamps are left unread: without a requirement for them they prove
//! nothing and refuse nothing. Unknown members are allowed, because writers of
//! the format add some; no reading of them can change who signed what.

use super::dsse::{self, Envelope};
use super::format::BundleVersion;
use super::json::{self, JsonError, Object};
use super::material::{SignerMaterial, VerificationMaterial};
use super::statement::{Statement, StatementError};

/// A bundle as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Of which version of the format it says to be.
    pub version: BundleVersion,
    /// With what the bundle says its signature is to be verified.
    pub material: VerificationMaterial,
    /// What was signed.
    pub content: BundleContent,
}

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleContent {
    /// An envelope with, usually, an in-toto statement.
    Dsse(DsseContent),
    /// A signature over bytes that are not in the bundle.
    MessageSignature(MessageSignature),
}

/// A signature over bytes that are elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    /// The digest that the bundle gives for the bytes, where it gives one: a
    /// hint, which must not contradict them.
    pub digest: Option<MessageDigest>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The digest that a bundle gives for the bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDigest {
    /// `SHA2_256`, `SHA2_384` or `SHA2_512`, as found.
    pub algorithm: String,
    /// The digest.
    pub digest: Vec<u8>,
}

/// An envelope and what its payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsseContent {
    /// Type of the payload.
    pub payload_type: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The bytes that are signed.
    pub signed_bytes: Vec<u8>,
    /// The signatures, in order.
    pub signatures: Vec<Vec<u8>>,
    /// The statement in the payload, or why it is none.
    pub statement: Result<Statement, StatementError>,
}

/// Why bytes are not a bundle that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BundleError {
    /// The media type inside is not that of a version that is read.
    Version(String),
    /// Not readable.
    Malformed(String),
}

impl From<JsonError> for BundleError {
    fn from(JsonError(detail): JsonError) -> Self {
        Self::Malformed(detail)
    }
}

impl Bundle {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle = Object::parse(
            "bundle",
            json::text(bytes)?,
            &[
                "mediaType",
                "verificationMaterial",
                "dsseEnvelope",
                "messageSignature",
            ],
        )?;
        let media_type = bundle.string("mediaType")?;
        if BundleVersion::of(&media_type) != Some(BundleVersion::V0_3) {
            return Err(BundleError::Version(json::shortened(&media_type)));
        }
        let material = VerificationMaterial::parse(&bundle.object(
            "verificationMaterial",
            &[
                "publicKey",
                "certificate",
                "x509CertificateChain",
                "tlogEntries",
                "timestampVerificationData",
            ],
        )?)?;
        let content = match (bundle.get("dsseEnvelope"), bundle.get("messageSignature")) {
            (Some(_), None) => {
                let envelope = Envelope::parse(&bundle.object("dsseEnvelope", dsse::KEYS)?)?;
                BundleContent::Dsse(DsseContent::new(envelope))
            }
            (None, Some(_)) => BundleContent::MessageSignature(MessageSignature {
                digest: None,
                signature: Vec::new(),
            }),
            (None, None) => {
                return Err(BundleError::Malformed(
                    "the bundle has neither dsseEnvelope nor messageSignature".into(),
                ));
            }
            (Some(_), Some(_)) => {
                return Err(BundleError::Malformed(
                    "the bundle has both dsseEnvelope and messageSignature".into(),
                ));
            }
        };
        Ok(Self {
            version: BundleVersion::V0_3,
            material,
            content,
        })
    }
}

impl VerificationMaterial {
    fn parse(object: &Object<'_>) -> Result<Self, JsonError> {
        let found: Vec<_> = ["publicKey", "certificate", "x509CertificateChain"]
            .into_iter()
            .filter(|key| object.get(key).is_some())
            .collect();
        let signer = match found[..] {
            ["publicKey"] => {
                let key = object.object("publicKey", &["hint"])?;
                let hint = key.optional_string("hint")?;
                SignerMaterial::PublicKey {
                    hint: hint.and_then(|text| json::base64(&text)?.try_into().ok()),
                }
            }
            [_] => SignerMaterial::Certificate(Vec::new()),
            _ => {
                return Err(JsonError(format!(
                    "verificationMaterial has {} of publicKey, certificate and \
                     x509CertificateChain; exactly one is expected",
                    found.len()
                )));
            }
        };
        Ok(Self {
            signer,
            log_entries: Vec::new(),
            timestamps: Vec::new(),
        })
    }
}

impl DsseContent {
    fn new(envelope: Envelope) -> Self {
        Self {
            signed_bytes: envelope.signed_bytes(),
            statement: Statement::parse(&envelope.payload),
            payload_type: envelope.payload_type,
            payload: envelope.payload,
            signatures: envelope.signatures,
        }
    }
}
