//! What a verifier must know of this Sigstore, and named versions of it that
//! are not enough.

use std::path::{Path, PathBuf};

use super::{Keys, Sigstore};
use crate::{cosign, object::fresh_name};

/// Name of Rekor v1, the origin of its checkpoints.
pub(super) const REKOR1: &str = "rekor1.test";
/// Name of Rekor v2, likewise.
pub(super) const REKOR2: &str = "rekor2.test";

/// When the services began to be trusted: before any test signs.
pub(super) const BEGIN: &str = "2024-02-01T00:00:00Z";
/// A time since then at which one can have ended.
const END: &str = "2024-03-01T00:00:00Z";

/// A service that a trusted root names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Fulcio.
    CertificateAuthority,
    /// The certificate log.
    CertificateLog,
    /// Rekor v1.
    RekorV1,
    /// Rekor v2.
    RekorV2,
    /// The timestamp authority.
    TimestampAuthority,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::CertificateAuthority,
        Self::CertificateLog,
        Self::RekorV1,
        Self::RekorV2,
        Self::TimestampAuthority,
    ];
}

/// How a trusted root differs from the one that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It does not name the service.
    Without(Service),
    /// It names one of the same address with another key.
    Foreign(Service),
    /// It says that the service was no longer trusted when the tests signed.
    Ended(Service),
}

impl Sigstore {
    /// The `trusted_root.json` that fits.
    pub fn trusted_root(&self) -> &Path {
        &self.trusted_root
    }

    /// A `trusted_root.json` with these changes.
    ///
    /// # Panics
    ///
    /// cosign refuses to write it.
    pub fn trusted_root_with(&self, changes: &[Change]) -> PathBuf {
        self.write_trusted_root(changes)
    }

    pub(super) fn write_trusted_root(&self, changes: &[Change]) -> PathBuf {
        let strangers = Keys::generate();
        let path = self.scratch.path().join(fresh_name("trusted-root.json"));
        let mut command = cosign::cosign("cosign3");
        command.args(["trusted-root", "create", "--out"]).arg(&path);
        for service in Service::ALL {
            if changes.contains(&Change::Without(service)) {
                continue;
            }
            let foreign = changes.contains(&Change::Foreign(service));
            let keys = if foreign { &strangers } else { &self.keys };
            let mut entry = self.entry(service, keys);
            if changes.contains(&Change::Ended(service)) {
                entry.push_str(&format!(",end-time={END}"));
            }
            command.arg(entry);
        }
        cosign::run(&mut command);
        path
    }

    /// How cosign wants to be told of a service.
    fn entry(&self, service: Service, keys: &Keys) -> String {
        let file = |text: String| self.scratch.write(&fresh_name("service.pem"), text);
        let chain = |text: &String| format!("certificate-chain={}", file(text.clone()).display());
        let key = |pem: String| format!("public-key={}", file(pem).display());
        let (flag, host, material) = match service {
            Service::CertificateAuthority => ("fulcio", "fulcio.test", chain(&keys.fulcio_chain)),
            Service::CertificateLog => ("ctfe", "ct.test", key(keys.ct.public_key_pem())),
            Service::RekorV1 => ("rekor", REKOR1, key(keys.rekor1.public_key_pem())),
            Service::RekorV2 => ("rekor", REKOR2, key(keys.rekor2.public_key_pem())),
            Service::TimestampAuthority => ("tsa", "timestamps.test", chain(&keys.timestamp_chain)),
        };
        let origin = if service == Service::RekorV2 {
            format!(",origin={REKOR2}")
        } else {
            String::new()
        };
        format!("--{flag}=url=http://{host},{material},start-time={BEGIN}{origin}")
    }

    /// What tells a signer which services to use, of the four that there are.
    pub(super) fn signing_config(&self, log: Option<Service>, timestamps: bool) -> PathBuf {
        let path = self.scratch.path().join(fresh_name("signing-config.json"));
        let service = |flag: &str, url: &str, version: u8| {
            format!("--{flag}=url={url},api-version={version},start-time={BEGIN},operator=test")
        };
        let mut command = cosign::cosign("cosign3");
        command
            .args(["signing-config", "create", "--out"])
            .arg(&path)
            .arg(service("fulcio", &self.urls.fulcio, 1));
        match log {
            Some(Service::RekorV2) => {
                command.arg(service("rekor", &self.urls.rekor2, 2));
            }
            Some(_) => {
                command.arg(service("rekor", &self.urls.rekor1, 1));
            }
            None => {}
        }
        if log.is_some() {
            command.arg("--rekor-config=ANY");
        }
        if timestamps {
            command
                .arg(service("tsa", &self.urls.timestamps, 1))
                .arg("--tsa-config=ANY");
        }
        cosign::run(&mut command);
        path
    }
}
