//! One document, one authority's material: a verified claim or a rejection.

use super::{AuthorityMaterial, Established};
use crate::evidence::Document;
use crate::oci::Digest;

/// Checks whether `document` is a signature of `subject` by a key of
/// `material`.
///
/// "Signed" means a simple-signing payload bound to this digest, or a DSSE
/// envelope whose in-toto statement has the predicate type
/// `https://sigstore.dev/cosign/sign/v1` and this digest among its subjects. An
/// attestation is not a signature.
///
/// # Errors
///
/// A [`super::Rejection`] with the first thing that is wrong, in this order:
/// format, syntax, signature, binding to the subject.
pub fn establish(
    _document: &Document,
    _subject: &Digest,
    _material: &AuthorityMaterial,
) -> Established {
    let _ = ();
    panic!("placeholder")
}
