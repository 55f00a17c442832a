//! What comes with a signature to verify it by: a key hint or certificates, log
//! entries and timestamps, in the words of the Sigstore bundle. Unchecked.

/// More certificates than this are in no path that is found: a root, some
/// intermediates and the leaf.
pub(super) const MAX_CHAIN: usize = 10;

/// What came with one signature to verify it by.
///
/// A bundle carries it in its `verificationMaterial`, the legacy layouts in
/// annotations of their layer; both are read into this one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationMaterial {
    /// Who is said to have signed.
    pub signer: SignerMaterial,
    /// Entries of transparency logs, in order; for one that cannot be read,
    /// what is wrong with it. It refuses nothing where no log is asked for.
    pub log_entries: Vec<Result<LogEntry, String>>,
    /// RFC 3161 timestamps over the signature, DER, in order: each a
    /// `TimeStampResp` or the `ContentInfo` of a token. One that cannot be read
    /// is empty, which is not DER.
    pub timestamps: Vec<Vec<u8>>,
}

/// Who is said to have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerMaterial {
    /// A key that the verifier has. The hint names it and proves nothing.
    PublicKey {
        /// The hint, where it is the base64 of 32 bytes as cosign writes it.
        hint: Option<[u8; 32]>,
    },
    /// A certificate, DER. Empty if there is one that cannot be read.
    Certificate(Vec<u8>),
    /// A certificate and others above it, leaf first, DER; at least one. What
    /// cannot be read is empty in it.
    Chain(Vec<Vec<u8>>),
}

impl SignerMaterial {
    /// The certificate of the signer, if there is one.
    pub fn leaf(&self) -> Option<&[u8]> {
        match self {
            Self::PublicKey { .. } => None,
            Self::Certificate(leaf) => Some(leaf),
            Self::Chain(chain) => chain.first().map(Vec::as_slice),
        }
    }

    /// The certificates above the signer's, as found.
    pub fn above(&self) -> &[Vec<u8>] {
        match self {
            Self::PublicKey { .. } | Self::Certificate(_) => &[],
            Self::Chain(chain) => chain.get(1..).unwrap_or_default(),
        }
    }
}

/// An entry of a transparency log as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Index in the log as a whole: what a signed entry timestamp covers.
    pub index: u64,
    /// The log: for Rekor v1, SHA-256 over its public key.
    pub log_id: Vec<u8>,
    /// What the entry says to be, such as `hashedrekord`.
    pub kind: String,
    /// In which version, such as `0.0.1`.
    pub version: String,
    /// When the log took it, in seconds since 1970. Rekor v2 gives none.
    pub integrated_time: Option<i64>,
    /// The signed entry timestamp of Rekor v1: the log's promise to include it.
    pub promise: Option<Vec<u8>>,
    /// The proof that it is in the log.
    pub proof: Option<InclusionProof>,
    /// The canonicalized body: the leaf of the log's tree.
    pub body: Vec<u8>,
}

/// A proof that an entry is in a log's tree; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index in the tree. With Rekor v1, which has had several trees, smaller
    /// than [`LogEntry::index`].
    pub index: u64,
    /// Root hash of the tree, as a copy beside the checkpoint.
    pub root_hash: Vec<u8>,
    /// Number of leaves of the tree, as a copy beside the checkpoint.
    pub tree_size: u64,
    /// Hashes from the leaf to the root.
    pub hashes: Vec<[u8; 32]>,
    /// The signed checkpoint, where there is one.
    pub checkpoint: Option<String>,
}
