//! Whose signature it is, and what else proves it: key or certificate, log,
//! timestamps.

use std::sync::Arc;

use super::certificate::{self, Leaf};
use super::root::TrustRoot;
use super::signed::{Signed, SignerKey};
use super::{
    AuthorityMaterial, Demand, KeyFingerprint, LogProof, Proof, PublicKey, Rejection,
    RejectionKind, Scheme, SignerId, Signers, TimestampProof, log, timestamp,
};
use crate::evidence::{BundleVersion, SignerMaterial};

/// Proves that `signed` was signed for an authority of this material.
///
/// # Errors
///
/// The first thing that is wrong. Where several roots are accepted, what is
/// wrong under the one that got furthest.
pub(super) fn prove(signed: &Signed<'_>, material: &AuthorityMaterial) -> Result<Proof, Rejection> {
    if signed.bundle == Some(BundleVersion::V0_3)
        && matches!(signed.material.signer, SignerMaterial::Chain(_))
    {
        return Err(Rejection::new(
            RejectionKind::CertificateChain,
            "the bundle says to be of version 0.3 and carries a certificate chain, which that \
             version does not have; sign again without --certificate-chain, and give the chain \
             to the verifier as trust root",
        ));
    }
    match material.signers() {
        Signers::Keys(keys) => by_key(signed, keys, material),
        Signers::Keyless => by_certificate(signed, material, None),
        Signers::Certificates(root) => by_certificate(signed, material, Some(root)),
    }
}

fn by_key(
    signed: &Signed<'_>,
    keys: &[PublicKey],
    material: &AuthorityMaterial,
) -> Result<Proof, Rejection> {
    // A bundle says by what its signature is to be verified. In a legacy
    // layout a certificate is one annotation among others.
    if signed.bundle.is_some() && signed.material.signer.leaf().is_some() {
        return Err(Rejection::new(
            RejectionKind::SignatureInvalid,
            "the bundle is to be verified with its certificate, and this authority accepts keys \
             only",
        ));
    }
    let (key, scheme) = key_of(signed, keys)?;
    let support = in_one_of(material, |root| {
        support(signed, &SignerKey::Managed(key), root, material)
    })?;
    Ok(Proof {
        log: support.log,
        timestamps: support.timestamps,
        ..Proof::of_key(key.fingerprint(), scheme)
    })
}

/// Finds the key that made the signature. A hint only says which to try first.
fn key_of<'k>(
    signed: &Signed<'_>,
    keys: &'k [PublicKey],
) -> Result<(&'k PublicKey, Scheme), Rejection> {
    let hint = match &signed.material.signer {
        SignerMaterial::PublicKey { hint } => hint.map(KeyFingerprint::from_bytes),
        SignerMaterial::Certificate(_) | SignerMaterial::Chain(_) => None,
    };
    let hinted = |key: &&PublicKey| hint == Some(key.fingerprint());
    let first = keys.iter().filter(hinted);
    let rest = keys.iter().filter(|key| !hinted(key));
    for key in first.chain(rest) {
        if let Some(scheme) = signed.by(key) {
            return Ok((key, scheme));
        }
    }
    let detail = match hint {
        _ if signed.material.signer.leaf().is_some() => {
            "the signature was made with a certificate, not with a key of this authority".to_owned()
        }
        Some(hint) if keys.iter().any(|key| key.fingerprint() == hint) => format!(
            "the signature names {hint}, a key of this authority, but that key did not make it"
        ),
        Some(hint) => format!("signature by unknown key {hint}"),
        None if keys.iter().all(PublicKey::is_ed25519) => "signature by an unknown key, or in \
            another variant of Ed25519: only the pure one is accepted, and cosign 2.6 and \
            later sign images with Ed25519ph"
            .into(),
        None => "signature by an unknown key".into(),
    };
    Err(Rejection::new(RejectionKind::SignatureInvalid, detail))
}

/// What was verified beside the signature.
#[derive(Debug, Default)]
struct Support {
    log: Vec<LogProof>,
    timestamps: Vec<TimestampProof>,
}

/// Checks log entries and timestamps as far as they are demanded.
fn support(
    signed: &Signed<'_>,
    signer: &SignerKey<'_>,
    root: Option<&TrustRoot>,
    material: &AuthorityMaterial,
) -> Result<Support, Rejection> {
    let demands = material.demands();
    let log = match demands.log {
        Demand::Ignored => Vec::new(),
        Demand::Required if signed.material.log_entries.is_empty() => {
            return Err(Rejection::new(
                RejectionKind::LogEntryMissing,
                "an entry of a transparency log is required, and the signature came without one",
            ));
        }
        Demand::Required | Demand::Checked => log::verify(signed, signer, usable(root)?)?,
    };
    let timestamps = match demands.timestamps {
        Demand::Ignored => Vec::new(),
        Demand::Required if signed.material.timestamps.is_empty() => {
            return Err(Rejection::new(
                RejectionKind::TimestampMissing,
                "a timestamp is required, and the signature came without one",
            ));
        }
        Demand::Required | Demand::Checked => {
            timestamp::verify(&signed.material.timestamps, signed.stamped, usable(root)?)?
        }
    };
    in_the_time_of_the_log(&log, &timestamps)?;
    Ok(Support { log, timestamps })
}

/// An entry whose time the log did not sign is as old as the signature is known
/// to be. Leaving that time out must not make an entry of a log count that had
/// ended.
fn in_the_time_of_the_log(
    log: &[LogProof],
    timestamps: &[TimestampProof],
) -> Result<(), Rejection> {
    let logged = log.iter().filter_map(|entry| entry.integrated);
    let stamped = timestamps.iter().map(|stamp| stamp.at);
    let times: Vec<_> = logged.chain(stamped).collect();
    for entry in log.iter().filter(|entry| entry.integrated.is_none()) {
        if let Some(time) = times.iter().find(|time| !entry.window.contains(**time)) {
            return Err(Rejection::new(
                RejectionKind::LogUnknown,
                format!(
                    "the key of the log was not trusted at {time}, when the signature was made"
                ),
            ));
        }
    }
    Ok(())
}

fn by_certificate(
    signed: &Signed<'_>,
    material: &AuthorityMaterial,
    own: Option<&TrustRoot>,
) -> Result<Proof, Rejection> {
    let Some(der) = signed.material.signer.leaf() else {
        return Err(Rejection::new(
            RejectionKind::SignatureInvalid,
            "the signature was made with a key, not with a certificate that this authority accepts",
        ));
    };
    let leaf = Leaf::parse(der)?;
    // Nothing that came with the signature is believed before it.
    let Some(scheme) = signed.by(&leaf.key) else {
        return Err(Rejection::new(
            RejectionKind::SignatureInvalid,
            "the signature was not made with the key of its certificate",
        ));
    };
    let above = signed.material.signer.above();
    if signed.bundle.is_some() {
        certificate::without_anchors(above)?;
    }
    let signer = SignerKey::Certificate(&leaf);
    in_one_of(material, |root| {
        let vouching = match own {
            Some(own) => own,
            None => usable(root)?,
        };
        let support = support(signed, &signer, root, material)?;
        let logged = support.log.iter().filter_map(|entry| entry.integrated);
        let stamped = support.timestamps.iter().map(|stamp| stamp.at);
        let times: Vec<_> = logged.chain(stamped).collect();
        let path = match (own, times.is_empty()) {
            (_, false) => certificate::path_at(&leaf, above, &vouching.authorities, &times)?,
            (Some(_), true) => certificate::path(&leaf, above, &vouching.authorities)?,
            (None, true) => {
                return Err(Rejection::new(
                    RejectionKind::TrustedTimeMissing,
                    "nothing that is trusted says when the signature was made: neither a log \
                     entry with a signed time nor a timestamp",
                ));
            }
        };
        let sct = match material.demands().sct {
            Demand::Ignored => None,
            Demand::Required | Demand::Checked => {
                Some(certificate::scts(&leaf, &path.issuer_spki, usable(root)?)?)
            }
        };
        let identity = leaf.identity(vouching.name());
        Ok(Proof {
            signer: signer_id(&identity, own.is_some()),
            scheme,
            window: times.is_empty().then_some(path.validity),
            identity: Some(Arc::new(identity)),
            log: support.log,
            sct,
            timestamps: support.timestamps,
        })
    })
}

/// Who it was. An issuer means something in certificates that are given for a
/// token; in those of one's own authority it is an extension like any other.
fn signer_id(identity: &super::CertificateIdentity, own: bool) -> SignerId {
    let mut names: Vec<_> = identity.names.iter().collect();
    names.sort();
    let names: Vec<_> = names.iter().map(|name| &*name.value).collect();
    SignerId::Certificate {
        issuer: identity.issuer.clone().filter(|_| !own),
        subject: names.join(" ").into(),
    }
}

/// Tries the roots of the authority in order, everything under one of them: a
/// log of one root says nothing about a certificate of another.
fn in_one_of<T>(
    material: &AuthorityMaterial,
    mut judge: impl FnMut(Option<&TrustRoot>) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    let [first, others @ ..] = material.roots() else {
        return judge(None);
    };
    let mut told = match judge(Some(first)) {
        Ok(value) => return Ok(value),
        Err(rejection) => rejection,
    };
    for root in others {
        match judge(Some(root)) {
            Ok(value) => return Ok(value),
            // What a root does not know says less than what is wrong under one
            // that does.
            Err(rejection) if is_unknown(told.kind) && !is_unknown(rejection.kind) => {
                told = rejection;
            }
            Err(_) => {}
        }
    }
    Err(told)
}

const fn is_unknown(kind: RejectionKind) -> bool {
    matches!(
        kind,
        RejectionKind::LogUnknown
            | RejectionKind::CertificateUntrusted
            | RejectionKind::TimestampInvalid
    )
}

fn usable(root: Option<&TrustRoot>) -> Result<&TrustRoot, Rejection> {
    root.ok_or_else(|| {
        Rejection::new(
            RejectionKind::RootMissing,
            "this authority names no trust root, and one is needed to check what it demands",
        )
    })
}
