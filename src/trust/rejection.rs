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
}
