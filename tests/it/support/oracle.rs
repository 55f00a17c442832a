//! Another verifier of Sigstore bundles, which shares no decision with floe:
//! what it refuses, floe must not accept.

use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Artifact, Bundle, DerPublicKey, Sha256Hash};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, verify};

/// What the other verifier is told to demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) log: bool,
    pub(crate) sct: bool,
}

impl Demand {
    pub(crate) const ALL: Self = Self {
        log: true,
        sct: true,
    };
}

/// Judges a bundle made with a certificate, over an artifact with this digest.
pub(crate) fn judge(
    bundle: &str,
    digest: [u8; 32],
    identity: &str,
    issuer: Option<&str>,
    root: &str,
    demand: Demand,
) -> Result<(), String> {
    let mut policy = VerificationPolicy::any_identity().require_identity(identity);
    if let Some(issuer) = issuer {
        policy = policy.require_issuer(issuer);
    }
    if !demand.log {
        policy = policy.skip_tlog_unsafe();
    }
    if !demand.sct {
        policy = policy.skip_sct();
    }
    let root = TrustedRoot::from_json(root).map_err(|e| format!("trusted root: {e}"))?;
    let bundle = Bundle::from_json(bundle).map_err(|e| format!("bundle: {e}"))?;
    let artifact = Artifact::from(Sha256Hash::new(digest));
    verify(artifact, &bundle, &policy, &root)
        .map(|_| ())
        .map_err(|e| e.to_string())
}

/// Judges a bundle made with a managed key.
pub(crate) fn judge_key(
    bundle: &str,
    digest: [u8; 32],
    spki: &[u8],
    root: &str,
    log: bool,
) -> Result<(), String> {
    let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(spki.to_vec()));
    if !log {
        policy = policy.skip_tlog_unsafe();
    }
    let root = TrustedRoot::from_json(root).map_err(|e| format!("trusted root: {e}"))?;
    let bundle = Bundle::from_json(bundle).map_err(|e| format!("bundle: {e}"))?;
    let artifact = Artifact::from(Sha256Hash::new(digest));
    verify(artifact, &bundle, &policy, &root)
        .map(|_| ())
        .map_err(|e| e.to_string())
}
