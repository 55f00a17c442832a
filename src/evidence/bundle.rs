//! Sigstore bundles: an envelope together with what is needed to verify it.
//!
//! Every published version is read; which of them count is for others to say.
//! A log entry that cannot be read is kept as one: it proves nothing, and it
//! refuses nothing where no log is asked for. Unknown members are allowed,
//! because writers of the format add some; no reading of them can change who
//! signed what.

use super::dsse::{self, Envelope};
use super::format::BundleVersion;
use super::json::{self, JsonError, Object};
use super::material::{LogEntry, MAX_CHAIN, SignerMaterial, VerificationMaterial};
use super::statement::{Statement, StatementError};
use crate::oci::Digest;

/// More log entries than this are not read: writers put in one, and two where
/// they use two logs. Each costs three signature checks.
const MAX_LOG_ENTRIES: usize = 8;

/// More timestamps than this are not read: writers put in one, and two where
/// they use two authorities. Each costs the check of a chain.
const MAX_TIMESTAMPS: usize = 8;

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
    /// The digest of the envelope as it is written, where it is a document of
    /// its own. Old log entries name it.
    pub written: Option<Digest>,
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
        let Some(version) = BundleVersion::of(&media_type) else {
            return Err(BundleError::Version(json::shortened(&media_type)));
        };
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
                BundleContent::Dsse(DsseContent::new(envelope, None))
            }
            (None, Some(_)) => BundleContent::MessageSignature(MessageSignature::parse(
                &bundle.object("messageSignature", &["messageDigest", "signature"])?,
            )?),
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
            version,
            material,
            content,
        })
    }
}

impl VerificationMaterial {
    fn parse(object: &Object<'_>) -> Result<Self, JsonError> {
        let entries = at_most(MAX_LOG_ENTRIES, "tlogEntries", object.list("tlogEntries")?)?;
        let log_entries = entries.into_iter().enumerate().map(|(at, raw)| {
            LogEntry::from_bundle(format!("tlogEntries[{at}]"), raw.get())
                .map_err(|JsonError(detail)| detail)
        });
        let data = object.optional_object("timestampVerificationData", &["rfc3161Timestamps"])?;
        let timestamps = match data {
            Some(data) => data.list("rfc3161Timestamps")?,
            None => Vec::new(),
        };
        let timestamps = at_most(MAX_TIMESTAMPS, "rfc3161Timestamps", timestamps)?;
        let timestamps = timestamps.into_iter().map(|raw| {
            Object::parse("rfc3161Timestamps", raw.get(), &["signedTimestamp"])
                .and_then(|timestamp| timestamp.base64("signedTimestamp"))
                .unwrap_or_default()
        });
        Ok(Self {
            signer: SignerMaterial::parse(object)?,
            log_entries: log_entries.collect(),
            timestamps: timestamps.collect(),
        })
    }
}

impl SignerMaterial {
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
            ["certificate"] => {
                let certificate = object.object("certificate", &["rawBytes"])?;
                certificate.base64("rawBytes").map(Self::Certificate)
            }
            ["x509CertificateChain"] => {
                let chain = object.object("x509CertificateChain", &["certificates"])?;
                let chain = at_most(MAX_CHAIN, "certificates", chain.list("certificates")?)?;
                if chain.is_empty() {
                    return Err(JsonError(
                        "x509CertificateChain.certificates is empty".into(),
                    ));
                }
                let read = chain.into_iter().map(|raw| {
                    Object::parse("certificates", raw.get(), &["rawBytes"])?.base64("rawBytes")
                });
                read.collect::<Result<_, _>>().map(Self::Chain)
            }
            _ => Err(JsonError(format!(
                "verificationMaterial has {} of publicKey, certificate and \
                 x509CertificateChain; exactly one is expected",
                found.len()
            ))),
        }
    }
}

impl MessageSignature {
    fn parse(object: &Object<'_>) -> Result<Self, JsonError> {
        let digest = object.optional_object("messageDigest", &["algorithm", "digest"])?;
        Ok(Self {
            digest: digest
                .map(|digest| {
                    Ok(MessageDigest {
                        algorithm: json::shortened(&digest.string("algorithm")?),
                        digest: digest.base64("digest")?,
                    })
                })
                .transpose()?,
            signature: object.base64("signature")?,
        })
    }
}

fn at_most<T>(limit: usize, what: &str, found: Vec<T>) -> Result<Vec<T>, JsonError> {
    if found.len() > limit {
        return Err(JsonError(format!(
            "{what} has {} elements; {limit} are read at most",
            found.len()
        )));
    }
    Ok(found)
}

impl DsseContent {
    pub(crate) fn new(envelope: Envelope, written: Option<Digest>) -> Self {
        Self {
            written,
            signed_bytes: envelope.signed_bytes(),
            statement: Statement::parse(&envelope.payload),
            payload_type: envelope.payload_type,
            payload: envelope.payload,
            signatures: envelope.signatures,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn material(value: Value) -> Result<VerificationMaterial, BundleError> {
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": value,
            "messageSignature": {"signature": "aGk="},
        });
        Bundle::parse(bundle.to_string().as_bytes()).map(|bundle| bundle.material)
    }

    fn malformed(value: Value) -> String {
        match material(value) {
            Err(BundleError::Malformed(detail)) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_published_version_is_read_and_says_which_it_is() {
        for (media_type, version) in [
            (".v0.3+json", BundleVersion::V0_3),
            ("+json;version=0.3", BundleVersion::V0_3),
            ("+json;version=0.2", BundleVersion::V0_2),
            ("+json;version=0.1", BundleVersion::V0_1),
        ] {
            let bundle = json!({
                "mediaType": format!("application/vnd.dev.sigstore.bundle{media_type}"),
                "verificationMaterial": {"publicKey": {}},
                "messageSignature": {
                    "messageDigest": {"algorithm": "SHA2_256", "digest": "AAE="},
                    "signature": "aGk=",
                },
            });
            let bundle = Bundle::parse(bundle.to_string().as_bytes()).expect("a bundle");
            assert_eq!(bundle.version, version);
            let message = MessageSignature {
                digest: Some(MessageDigest {
                    algorithm: "SHA2_256".into(),
                    digest: vec![0, 1],
                }),
                signature: b"hi".to_vec(),
            };
            assert_eq!(bundle.content, BundleContent::MessageSignature(message));
        }
    }

    #[test]
    fn certificates_are_read_in_both_shapes_and_are_at_least_one() {
        let one = json!({"rawBytes": "aGk="});
        let signer = |value| material(value).expect("a bundle").signer;
        assert_eq!(
            signer(json!({"certificate": one})),
            SignerMaterial::Certificate(b"hi".to_vec())
        );
        let chain =
            |certificates: Value| json!({"x509CertificateChain": {"certificates": certificates}});
        assert_eq!(
            signer(chain(json!([one, one]))),
            SignerMaterial::Chain(vec![b"hi".to_vec(), b"hi".to_vec()])
        );
        for (value, words) in [
            (
                chain(json!([])),
                "x509CertificateChain.certificates is empty",
            ),
            (
                chain(json!(vec![one.clone(); MAX_CHAIN + 1])),
                "certificates has 11 elements; 10 are read at most",
            ),
            (chain(json!([{}])), "certificates.rawBytes is missing"),
            (
                json!({"certificate": {"rawBytes": "-"}}),
                "certificate.rawBytes is not standard base64 with padding",
            ),
            (
                json!({"certificate": one, "publicKey": {}}),
                "verificationMaterial has 2 of publicKey",
            ),
        ] {
            let detail = malformed(value);
            assert!(detail.contains(words), "{detail}");
        }
    }

    #[test]
    fn log_entries_and_timestamps_are_bounded_and_broken_ones_kept() {
        let with = |key: &str, value: Value| json!({"publicKey": {}, key: value});
        let stamps = |list: Value| {
            with(
                "timestampVerificationData",
                json!({"rfc3161Timestamps": list}),
            )
        };
        let read = material(with("tlogEntries", json!([{"logIndex": "1"}, 1])));
        assert_eq!(
            read.expect("a bundle").log_entries,
            [
                Err("tlogEntries[0].kindVersion is missing".to_owned()),
                Err("tlogEntries[1] is not an object".to_owned())
            ]
        );
        let read = material(stamps(json!([{"signedTimestamp": "aGk="}, {}])));
        assert_eq!(
            read.expect("a bundle").timestamps,
            [b"hi".to_vec(), Vec::new()]
        );
        for (value, words) in [
            (
                with("tlogEntries", json!(vec![json!({}); 9])),
                "tlogEntries has 9 elements; 8 are read at most",
            ),
            (
                stamps(json!(vec![json!({}); 9])),
                "rfc3161Timestamps has 9 elements; 8 are read at most",
            ),
            (
                with("tlogEntries", json!({})),
                "verificationMaterial.tlogEntries is not a list",
            ),
            (
                with("tlog_entries", json!([])),
                "where \"tlogEntries\" is meant",
            ),
        ] {
            let detail = malformed(value);
            assert!(detail.contains(words), "{detail}");
        }
    }
}
