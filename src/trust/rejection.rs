//! Why a document is not a signature by an authority.

/// A document was read completely and does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// The kind, which gives the stable code.
    pub kind: RejectionKind,
    /// One sentence: what was found and what was expected instead.
    pub detail: String,
}

impl Rejection {
    /// A rejection with its explanation.
    pub fn new(kind: RejectionKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The kinds of rejection, each with a stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RejectionKind { $($(#[$doc])* $name,)* }

        impl RejectionKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code: metric label, audit key, JSON field.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

kinds! {
    /// The document cannot be read: syntax, duplicate keys, missing fields.
    Malformed = "document-malformed",
    /// A format that floe does not verify, or a member of a known one that it
    /// does not.
    FormatNotSupported = "format-not-supported",
    /// No key of the authority made this signature over these bytes.
    SignatureInvalid = "signature-not-by-authority",
    /// The statement or payload is about another digest.
    SubjectMismatch = "subject-mismatch",
    /// The statement has no subject at all.
    SubjectMissing = "subject-missing",
    /// A statement that is not a signature, such as an SBOM or provenance.
    NotASignature = "predicate-not-a-signature",
    /// The envelope's payload type is not that of an in-toto statement, or a
    /// simple-signing payload has another type.
    PayloadType = "payload-type-unexpected",
    /// A DSSE envelope with no signature, or with more than one.
    SignatureCount = "envelope-signature-count",
    /// A bundle of version 0.1 or 0.2 in a registry, which the policy does not
    /// accept.
    BundleVersion = "bundle-version-not-accepted",
    /// A bundle of version 0.3 with a chain in place of a certificate.
    CertificateChain = "certificate-chain-in-bundle",
    /// A certificate that cannot be read, or says nobody's name.
    CertificateInvalid = "certificate-invalid",
    /// No certificate authority of the authority's roots vouches for it.
    CertificateUntrusted = "certificate-untrusted",
    /// It was not valid when the signature was made.
    CertificateExpired = "certificate-not-valid-at-signing",
    /// No certificate transparency log has promised to show it.
    SctMissing = "sct-missing",
    /// A signed certificate timestamp is not by a log of the root, or not over
    /// this certificate.
    SctInvalid = "sct-invalid",
    /// A log entry is required, and there is none.
    LogEntryMissing = "log-entry-missing",
    /// Of a kind or version that is not read, such as `dsse` 0.0.2.
    LogEntryUnsupported = "log-entry-unsupported",
    /// It cannot be read, or came twice.
    LogEntryMalformed = "log-entry-malformed",
    /// Of a log that no root of the authority names, or names for another time.
    LogUnknown = "log-unknown",
    /// It is about another signature, key, certificate or payload.
    LogEntryMismatch = "log-entry-mismatch",
    /// The signed entry timestamp is not by the log, or over something else.
    LogPromiseInvalid = "log-promise-invalid",
    /// There is no signed entry timestamp where one must be.
    LogPromiseMissing = "log-promise-missing",
    /// The proof does not lead from the entry to the checkpoint.
    LogProofInvalid = "log-proof-invalid",
    /// There is no proof of inclusion where one must be.
    LogProofMissing = "log-proof-missing",
    /// The checkpoint is not by the log.
    LogCheckpointInvalid = "log-checkpoint-invalid",
    /// A timestamp is required, and there is none.
    TimestampMissing = "timestamp-missing",
    /// A timestamp is not by an authority of the root, or over something else.
    TimestampInvalid = "timestamp-invalid",
    /// Its authority was not trusted at the time that it names.
    TimestampOutsideValidity = "timestamp-outside-validity",
    /// A certificate without any trusted time at which it was used.
    TrustedTimeMissing = "trusted-time-missing",
    /// No root of the authority can be used.
    RootMissing = "trust-root-missing",
}
