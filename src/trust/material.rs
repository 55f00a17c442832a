//! The keys and roots of an authority, resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{PublicKey, TrustRoot};
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

/// Who may sign for an authority. Whom a certificate has to name is not part of
/// it: facts are shared by all authorities with the same roots, and policy
/// compares the identity that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signers {
    /// The holders of these keys.
    Keys(Vec<PublicKey>),
    /// Holders of certificates of the certificate authorities of
    /// [`AuthorityMaterial::roots`], each judged with the logs and timestamp
    /// authorities of the same root.
    Keyless,
    /// Holders of certificates of these certificate authorities; logs and
    /// timestamp authorities are those of [`AuthorityMaterial::roots`].
    Certificates(Arc<TrustRoot>),
}

/// What is demanded of one kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// At least one must be there, and each that is there must verify.
    Required,
    /// None need be there; each that is there must verify, and then counts as
    /// a trusted time.
    Checked,
    /// What is there is not looked at, and proves nothing.
    Ignored,
}

/// Which versions of the bundle format are read where a registry gave the
/// document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OldBundles {
    /// Version 0.3 only.
    #[default]
    Refused,
    /// 0.1 and 0.2 too: the policy says so.
    Accepted,
}

/// What is demanded beside the signature itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Demands {
    /// Entries of a transparency log.
    pub log: Demand,
    /// RFC 3161 timestamps.
    pub timestamps: Demand,
    /// Signed certificate timestamps; [`Demand::Ignored`] for keys.
    pub sct: Demand,
    /// Old versions of the bundle format.
    pub old_bundles: OldBundles,
}

impl Demands {
    /// What is demanded of keys and of certificates of one's own authority,
    /// unless the policy says more: nothing.
    pub const NONE: Self = Self {
        log: Demand::Ignored,
        timestamps: Demand::Ignored,
        sct: Demand::Ignored,
        old_bundles: OldBundles::Refused,
    };

    /// What is demanded of keyless signatures unless the policy says otherwise:
    /// a log entry and a signed certificate timestamp. The time comes from the
    /// log or from a timestamp.
    pub const KEYLESS: Self = Self {
        log: Demand::Required,
        timestamps: Demand::Checked,
        sct: Demand::Required,
        old_bundles: OldBundles::Refused,
    };
}

/// What an authority's signatures are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityMaterial {
    signers: Signers,
    roots: Vec<Arc<TrustRoot>>,
    demands: Demands,
    fingerprint: Fingerprint,
}

impl AuthorityMaterial {
    /// Material of `signers`, with the trust roots that the authority names, in
    /// order, and what it demands beside a signature.
    pub fn new(signers: Signers, roots: Vec<Arc<TrustRoot>>, demands: Demands) -> Self {
        let mut bytes = b"floe authority v2\0".to_vec();
        match &signers {
            Signers::Keys(keys) => {
                bytes.push(0);
                bytes.extend_from_slice(&(keys.len() as u64).to_be_bytes());
                for key in keys {
                    bytes.extend_from_slice(key.fingerprint().as_bytes());
                }
            }
            Signers::Keyless => bytes.push(1),
            Signers::Certificates(root) => {
                bytes.push(2);
                push_root(&mut bytes, root);
            }
        }
        bytes.extend_from_slice(&(roots.len() as u64).to_be_bytes());
        for root in &roots {
            push_root(&mut bytes, root);
        }
        for demand in [demands.log, demands.timestamps, demands.sct] {
            bytes.push(demand as u8);
        }
        bytes.push(demands.old_bundles as u8);
        Self {
            signers,
            roots,
            demands,
            fingerprint: Fingerprint(Digest::sha256(&bytes)),
        }
    }

    /// Material of one managed key, of which nothing but a signature is
    /// demanded.
    pub fn key(key: PublicKey) -> Self {
        Self::new(Signers::Keys(vec![key]), Vec::new(), Demands::NONE)
    }

    /// Who may sign.
    pub const fn signers(&self) -> &Signers {
        &self.signers
    }

    /// The keys, any of which may sign; none where certificates do.
    pub fn keys(&self) -> &[PublicKey] {
        match &self.signers {
            Signers::Keys(keys) => keys,
            Signers::Keyless | Signers::Certificates(_) => &[],
        }
    }

    /// The trust roots that are accepted, in order.
    pub fn roots(&self) -> &[Arc<TrustRoot>] {
        &self.roots
    }

    /// What is demanded beside the signature.
    pub const fn demands(&self) -> Demands {
        self.demands
    }

    /// Identity of this material.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// The name is part of what is proven: it stands in reports.
fn push_root(bytes: &mut Vec<u8>, root: &TrustRoot) {
    bytes.extend_from_slice(&(root.name().len() as u64).to_be_bytes());
    bytes.extend_from_slice(root.name().as_bytes());
    bytes.extend_from_slice(root.digest().as_bytes());
}

/// Where a policy says that material is to be had. Reading it is I/O and
/// happens outside the pure core.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaterialRef {
    /// A public key in a file, absolute or relative to the folder of the policy
    /// document.
    File(String),
    /// A public key in an environment variable.
    Env(String),
    /// Certificates (PEM) in a file, as for [`Self::File`].
    CertificatesFile(String),
    /// Certificates (PEM) in an environment variable.
    CertificatesEnv(String),
    /// The trust root of this name, from the configuration of the program.
    Root(String),
    /// A trust root in a file or folder, as for [`Self::File`].
    RootPath(String),
}

impl fmt::Display for MaterialRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::CertificatesFile(path) => write!(f, "file {path}"),
            Self::Env(name) | Self::CertificatesEnv(name) => {
                write!(f, "environment variable {name}")
            }
            Self::Root(name) => write!(f, "trust root {name}"),
            Self::RootPath(path) => write!(f, "trust root in {path}"),
        }
    }
}

/// What one [`MaterialRef`] resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// A public key.
    Key(PublicKey),
    /// A trust root, or certificates as one.
    Root(Arc<TrustRoot>),
}

/// Why material cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaterialErrorKind {
    /// It is not there, cannot be read, or is not what it should be.
    Unavailable,
    /// It was there, and the metadata that vouches for it has expired.
    Expired,
}

/// Material that cannot be used now. Never quotes the bytes read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MaterialError {
    /// Which kind, which gives the reason code.
    pub kind: MaterialErrorKind,
    /// One sentence that begins with the reference.
    pub why: String,
}

impl MaterialError {
    /// Material that cannot be had.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self {
            kind: MaterialErrorKind::Unavailable,
            why: why.into(),
        }
    }

    /// Material whose metadata has expired.
    pub fn expired(why: impl Into<String>) -> Self {
        Self {
            kind: MaterialErrorKind::Expired,
            why: why.into(),
        }
    }
}

/// What was read for each [`MaterialRef`], or why not.
#[derive(Debug, Clone, Default)]
pub struct Materials {
    entries: BTreeMap<MaterialRef, Result<Material, MaterialError>>,
}

impl Materials {
    /// Records what one reference resolved to.
    pub fn insert(&mut self, reference: MaterialRef, material: Result<Material, MaterialError>) {
        self.entries.insert(reference, material);
    }

    /// What `reference` resolved to; `None` if nobody tried.
    pub fn get(&self, reference: &MaterialRef) -> Option<&Result<Material, MaterialError>> {
        self.entries.get(reference)
    }
}
