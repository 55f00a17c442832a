//! Which verified documents count for an authority, and why others do not.
//!
//! That a document verifies under the material of an authority says that
//! somebody signed it whom these roots or keys vouch for. Whether that is whom
//! the policy asks for, and at a time that counts, is a question about the
//! policy and the time of the decision, and is answered here each time anew.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Authority, Facts, Mismatch, Policy};
use crate::oci::{Reference, Repository};
use crate::trust::{Claim, Established, Proof, SignatureClaim, SignerId, Verified, Window};
use crate::verdict::Code;

/// The annotation by which a signer names the repository that a signature is
/// for, where the payload has no field for it. It is called as that field is.
const REPOSITORY_ANNOTATION: &str = "docker-reference";

/// One policy about one artifact at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) policy: &'a Policy,
    pub(super) facts: &'a Facts,
    /// The repository under whose name the artifact is judged; a file has none.
    pub(super) repository: Option<&'a Repository>,
    /// The time of the decision.
    pub(super) at: Timestamp,
}

/// Why a verified document does not count for an authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unaccepted {
    #[error(transparent)]
    Identity(#[from] Mismatch),
    /// A certificate where a key is expected, or the other way round.
    #[error("signed by {found}, which is not of the kind that the policy names")]
    Kind { found: String },
    #[error(
        "signed by {signer} at {then}, which is later than now ({at}); if the signature is new, \
         check the clock"
    )]
    Future {
        signer: String,
        then: Timestamp,
        at: Timestamp,
    },
    #[error(
        "signed by {signer} {}, and the key counts {}",
        when.map_or_else(|| format!("at no known time, which counts as now ({at})"), |t| format!("at {t}")),
        between(window)
    )]
    KeyWindow {
        signer: String,
        /// The trusted time outside the window.
        when: Option<Timestamp>,
        at: Timestamp,
        window: Window,
    },
    #[error(
        "signed by {signer} at no known time, so that the certificate must be valid now ({at}); \
         it is valid {}",
        between(window)
    )]
    CertificateWindow {
        signer: String,
        at: Timestamp,
        window: Window,
    },
    #[error("signed by {signer} {}; the policy asks for {expected}", named_for(found.as_deref()))]
    AnotherRepository {
        signer: String,
        found: Option<String>,
        expected: String,
    },
}

impl Unaccepted {
    /// The stable code.
    pub(super) const fn code(&self) -> Code {
        match self {
            Self::Identity(Mismatch::Issuer { .. }) => Code::IssuerMismatch,
            Self::Identity(_) | Self::Kind { .. } => Code::IdentityMismatch,
            Self::Future { .. } => Code::SignedInTheFuture,
            Self::KeyWindow { .. } => Code::KeyNotValidThen,
            Self::CertificateWindow { .. } => Code::CertificateNotValidNow,
            Self::AnotherRepository { .. } => Code::SignatureForAnotherRepository,
        }
    }
}

impl<'a> Case<'a> {
    /// Who made the signatures that count for an authority; one signer may have
    /// made several.
    pub(super) fn signers(self, authority: usize) -> impl Iterator<Item = &'a SignerId> {
        self.signatures(authority).map(|proof| &proof.signer)
    }

    /// What proves the signatures that count for an authority.
    pub(super) fn signatures(self, authority: usize) -> impl Iterator<Item = &'a Arc<Proof>> {
        self.accepted(authority)
            // An attestation is not a signature.
            .filter(|verified| verified.claim().as_signature().is_some())
            .map(Verified::proof)
    }

    /// The documents that count for an authority, signatures and attestations.
    pub(super) fn accepted(self, authority: usize) -> impl Iterator<Item = &'a Verified<Claim>> {
        let authority = self.policy.authorities.get(authority);
        authority.into_iter().flat_map(move |authority| {
            let verified = self.column(authority).iter();
            let verified = verified.filter_map(|established| (**established).as_ref().ok());
            verified.filter(move |verified| self.accept(authority, verified).is_ok())
        })
    }

    /// What each document is worth under the material of an authority; nothing
    /// where the material could not be had.
    pub(super) fn column(self, authority: &Authority) -> &'a [Arc<Established>] {
        match &authority.material {
            Ok(material) => self.facts.under(*material),
            Err(_) => &[],
        }
    }

    /// Whether a verified document counts for an authority.
    pub(super) fn accept(
        self,
        authority: &Authority,
        verified: &Verified<Claim>,
    ) -> Result<(), Unaccepted> {
        let proof = verified.proof();
        match (&authority.identity, &proof.identity) {
            (Some(rule), Some(identity)) => rule.judge(identity)?,
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                let found = proof.signer.to_string();
                return Err(Unaccepted::Kind { found });
            }
        }
        self.in_time(authority, proof)?;
        match verified.claim() {
            Claim::Signature(claim) if self.policy.signed_for_repository => {
                self.for_repository(claim, proof)
            }
            Claim::Signature(_) | Claim::Attestation(_) => Ok(()),
        }
    }

    fn in_time(self, authority: &Authority, proof: &Proof) -> Result<(), Unaccepted> {
        let at = self.at;
        let signer = || proof.signer.to_string();
        // What is not yet so cannot have been seen. A key of a log that is
        // trusted later is the same: nothing says when it took the entry.
        let since = proof.log.iter().filter_map(|entry| entry.trusted_since);
        if let Some(then) = proof.trusted_times().chain(since).find(|then| *then > at) {
            let signer = signer();
            return Err(Unaccepted::Future { signer, then, at });
        }
        let window = authority.validity;
        let timeless = proof.signed_at().is_none();
        let outside = proof.trusted_times().find(|then| !window.contains(*then));
        if outside.is_some() || (timeless && !window.contains(at)) {
            return Err(Unaccepted::KeyWindow {
                signer: signer(),
                when: outside,
                at,
                window,
            });
        }
        match proof.window {
            Some(window) if !window.contains(at) => Err(Unaccepted::CertificateWindow {
                signer: signer(),
                at,
                window,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the signer named the repository: in the payload, or in an
    /// annotation.
    fn for_repository(self, claim: &SignatureClaim, proof: &Proof) -> Result<(), Unaccepted> {
        let annotated = claim.annotations.get(REPOSITORY_ANNOTATION);
        let mut named = claim.docker_reference.iter().chain(annotated);
        let is_this = |text: &String| {
            text.parse::<Reference>()
                .is_ok_and(|reference| Some(reference.repository()) == self.repository)
        };
        if named.clone().any(is_this) {
            return Ok(());
        }
        Err(Unaccepted::AnotherRepository {
            signer: proof.signer.to_string(),
            found: named.next().map(|text| text.chars().take(200).collect()),
            expected: self
                .repository
                .map_or_else(|| "a repository".to_owned(), ToString::to_string),
        })
    }
}

fn between(window: &Window) -> String {
    match (window.start, window.end) {
        (Some(start), Some(end)) => format!("from {start} to {end}"),
        (Some(start), None) => format!("from {start}"),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "always".to_owned(),
    }
}

fn named_for(found: Option<&str>) -> String {
    match found {
        Some(found) => format!("for {found}"),
        None => "without the name of a repository".to_owned(),
    }
}
