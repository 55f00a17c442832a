//! Reads the trust material that policies refer to: keys, certificates and
//! trust roots, from files, folders, environment variables and – refreshed in
//! the background – from TUF repositories.
//!
//! Policies name roots; what a name means is said by the configuration of the
//! program ([`Configured`]). What cannot be had becomes one sentence in
//! [`Materials`], and the authority is then inconclusive – never trusted with
//! an older key or root. The one exception is a root from TUF, whose metadata
//! says for how long it may be used: it serves until that expires ([`tuf`]).
//! No error quotes what was read, since somebody may have named the wrong file.

mod configured;
mod file;
mod path;
pub mod tuf;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

pub use configured::{Configured, ConfiguredError};

use crate::trust::{Material, MaterialError, MaterialRef, Materials, PublicKey};

/// Reads each reference once. Nothing is fetched: a root from TUF is the one
/// that was verified last, if it may still be used at `now`.
pub fn read(references: &[MaterialRef], configured: &Configured, now: Timestamp) -> Materials {
    let mut materials = Materials::default();
    for reference in references {
        materials.insert(reference.clone(), material(reference, configured, now));
    }
    materials
}

fn material(
    reference: &MaterialRef,
    configured: &Configured,
    now: Timestamp,
) -> Result<Material, MaterialError> {
    let key = |text: &str| {
        PublicKey::from_pem(text)
            .map(Material::Key)
            .map_err(|error| error.to_string())
    };
    let root = |root| Material::Root(Arc::new(root));
    match reference {
        MaterialRef::File(path) => {
            file::text(Path::new(path), file::KEY).and_then(|text| key(&text))
        }
        MaterialRef::Env(name) => file::env(name, file::KEY).and_then(|text| key(&text)),
        MaterialRef::CertificatesFile(path) => file::text(Path::new(path), file::ROOT)
            .and_then(|pem| path::certificates(path, &pem))
            .map(root),
        MaterialRef::CertificatesEnv(name) => file::env(name, file::ROOT)
            .and_then(|pem| path::certificates(name, &pem))
            .map(root),
        MaterialRef::RootPath(path) => path::root(path, Path::new(path)).map(root),
        MaterialRef::Root(name) => return configured.resolve(name, now).map(Material::Root),
    }
    .map_err(|why| MaterialError::unavailable(format!("{reference}: {why}")))
}

#[cfg(test)]
mod tests;
