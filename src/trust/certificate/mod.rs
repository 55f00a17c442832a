//! X.509: what a signing certificate says, whether a certificate authority
//! vouches for it, and whether a certificate transparency log has seen it.
//!
//! A certificate is read twice, by two libraries: once here, strictly, for what
//! it says, and once by the path building, which believes none of that. What is
//! accepted is what both understand.

mod authority;
mod error;
mod extensions;
mod leaf;
#[cfg(test)]
mod leaf_tests;
mod link;
mod names;
mod path;
#[cfg(test)]
mod path_tests;
#[cfg(test)]
pub(super) mod pki;
mod sct;
#[cfg(test)]
mod sct_tests;

pub(super) use authority::CaCertificate;
pub(super) use error::CertificateError;
pub(super) use leaf::Leaf;
pub(super) use link::Links;
#[cfg(test)]
use path::Path;
pub(super) use path::{path, path_at, without_anchors};
pub(super) use sct::scts;

use super::Window;

/// When a certificate of whatever kind is valid.
pub(super) fn validity_of(der: &[u8]) -> Result<Window, CertificateError> {
    extensions::validity(&extensions::decode(der)?)
}
