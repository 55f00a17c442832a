//! From unchecked documents to verified claims. Pure: time and material are
//! values, and the only cryptography of the crate is here.
//!
//! [`establish`] judges one document against the material of one authority.
//! Its result depends on nothing else, so it can be kept for as long as
//! anybody likes: other material is another key, and policy is not involved.

mod certificate;
mod establish;
mod identity;
mod key;
mod log;
mod material;
mod proof;
mod prove;
mod rejection;
mod root;
mod signed;
mod timestamp;
mod verified;
mod window;

pub use establish::{Blob, establish, establish_blob};
pub use identity::{CertificateIdentity, CiClaims, NameKind, SubjectName};
pub use key::{KeyError, KeyFingerprint, PublicKey, Scheme};
pub use material::{
    AuthorityMaterial, Demand, Demands, Fingerprint, Material, MaterialError, MaterialErrorKind,
    MaterialRef, Materials, OldBundles, Signers,
};
pub use proof::{LogProof, Proof, SctProof, TimestampProof};
pub use rejection::{Rejection, RejectionKind};
pub use root::{PUBLIC_GOOD, RootError, TrustRoot};
pub use verified::{AttestationClaim, Claim, SignatureClaim, SignatureLayout, SignerId, Verified};
pub use window::Window;

/// What one document is worth under one authority's material.
pub type Established = Result<Verified<Claim>, Rejection>;
