//! The keys and roots of an authority, resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::PublicKey;
use crate::oci::Digest;

/// Identity of an authority's material. Changed material has another
/// fingerprint, so that facts established under the old one are simply not
/// found any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(Digest);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.0)
    }
}

impl Fingerprint {
    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What an authority's signatures are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityMaterial {
    keys: Vec<PublicKey>,
    fingerprint: Fingerprint,
}

impl AuthorityMaterial {
    /// Material of one managed key.
    pub fn key(key: PublicKey) -> Self {
        let mut bytes = b"floe key authority v1\0".to_vec();
        bytes.extend_from_slice(key.fingerprint().as_bytes());
        Self {
            keys: vec![key],
            fingerprint: Fingerprint(Digest::sha256(&bytes)),
        }
    }

    /// The keys, any of which may sign.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Identity of this material.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Where a policy says that material is to be had. Reading it is I/O and
/// happens outside the pure core.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaterialRef {
    /// A file, absolute or relative to the folder of the policy document.
    File(String),
    /// An environment variable.
    Env(String),
}

impl fmt::Display for MaterialRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {path}"),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// What was read for each [`MaterialRef`], or one sentence why not. Never
/// quotes the bytes read.
#[derive(Debug, Clone, Default)]
pub struct Materials {
    entries: BTreeMap<MaterialRef, Result<Arc<AuthorityMaterial>, String>>,
}

impl Materials {
    /// Records what one reference resolved to.
    pub fn insert(
        &mut self,
        reference: MaterialRef,
        material: Result<Arc<AuthorityMaterial>, String>,
    ) {
        self.entries.insert(reference, material);
    }

    /// What `reference` resolved to; `None` if nobody tried.
    pub fn get(&self, reference: &MaterialRef) -> Option<&Result<Arc<AuthorityMaterial>, String>> {
        self.entries.get(reference)
    }
}
