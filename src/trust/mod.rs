//! From unchecked documents to verified claims. Pure: time and material are
//! values, and the only cryptography of the crate is here.
//!
//! [`establish`] judges one document against the material of one authority.
//! Its result depends on nothing else, so it can be kept for as long as
//! anybody likes: other material is another key, and policy is not involved.

mod establish;
mod key;
mod material;
mod rejection;
mod verified;

pub use establish::establish;
pub use key::{KeyError, KeyFingerprint, PublicKey, Scheme};
pub use material::{AuthorityMaterial, Fingerprint, MaterialRef, Materials};
pub use rejection::{Rejection, RejectionKind};
pub use verified::{Proof, SignatureClaim, SignatureLayout, SignerId, Verified};

/// What one document is worth under one authority's material.
pub type Established = Result<Verified<SignatureClaim>, Rejection>;
