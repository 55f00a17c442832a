//! Sigstore bundles: an envelope together with what is needed to verify it.
//!
//! Only the members that a managed key needs are read. Log entries and
//! timestamps are left unread: without a requirement for them they prove
//! nothing and refuse nothing. Unknown members are allowed, because writers of
//! the format add some; no reading of them can change who signed what.

use super::dsse::{self, Envelope};
use super::format::BundleVersion;
use super::json::{self, JsonError, Object};
use super::statement::{Statement, StatementError};

/// A bundle as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// With what the bundle says its signature is to be verified.
    pub material: VerificationMaterial,
    /// What was signed.
    pub content: BundleContent,
}

/// What a bundle says its signature is to be verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationMaterial {
    /// A key that the verifier has: `hint` names it, and proves nothing.
    PublicKey {
        /// The hint, where it is the base64 of 32 bytes as cosign writes it.
        hint: Option<[u8; 32]>,
    },
    /// A certificate or chain of them.
    Certificate,
}

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleContent {
    /// An envelope with, usually, an in-toto statement.
    Dsse(DsseContent),
    /// A signature over bytes that are not in the bundle.
    MessageSignature,
}

/// An envelope and what its payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsseContent {
    /// Type of the payload.
    pub payload_type: String,
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
            (None, Some(_)) => BundleContent::MessageSignature,
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
        Ok(Self { material, content })
    }
}

impl VerificationMaterial {
    fn parse(object: &Object<'_>) -> Result<Self, JsonError> {
        let found: Vec<_> = ["publicKey", "certificate", "x509CertificateChain"]
            .into_iter()
            .filter(|key| object.get(key).is_some())
            .collect();
        match found[..] {
            ["publicKey"] => {
                let key = object.object("publicKey", &["hint"])?;
                let hint = key.optional_string("hint")?;
                Ok(Self::PublicKey {
                    hint: hint.and_then(|text| json::base64(&text)?.try_into().ok()),
                })
            }
            [_] => Ok(Self::Certificate),
            _ => Err(JsonError(format!(
                "verificationMaterial has {} of publicKey, certificate and x509CertificateChain; \
                 exactly one is expected",
                found.len()
            ))),
        }
    }
}

impl DsseContent {
    fn new(envelope: Envelope) -> Self {
        Self {
            signed_bytes: envelope.signed_bytes(),
            statement: Statement::parse(&envelope.payload),
            payload_type: envelope.payload_type,
            signatures: envelope.signatures,
        }
    }
}
