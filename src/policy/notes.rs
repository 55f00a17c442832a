//! What is said about documents that do not count.

use std::collections::BTreeSet;

use super::accept::{Case, Unaccepted};
use crate::trust::{AttestationClaim, Claim, Rejection, RejectionKind, SignerId};
use crate::verdict::{Code, Finding, Outcome, Status};

/// Documents that do not count are explained up to here. Anyone who can push
/// can attach any number of them; the first few tell what is going on.
const MAX_NOTES: usize = 8;
/// Longest predicate type that is shown, in characters.
const MAX_SHOWN: usize = 120;

/// Why one document counts for no authority of a policy.
#[derive(Debug)]
pub(super) enum Why<'f> {
    /// It did not verify.
    Rejected(&'f Rejection),
    /// It verified, and is not by whom or when the policy says.
    Unaccepted(Unaccepted),
    /// It is by an authority, and no signature.
    Attestation(&'f AttestationClaim, &'f SignerId),
}

impl Why<'_> {
    /// Whether it is by somebody whom the policy does not name.
    pub(super) fn is_by_somebody_else(&self) -> bool {
        self.telling() <= 3
    }

    fn code(&self) -> Code {
        match self {
            Self::Rejected(rejection) => Code::Rejection(rejection.kind),
            Self::Unaccepted(unaccepted) => unaccepted.code(),
            Self::Attestation(..) => Code::Rejection(RejectionKind::NotASignature),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Rejected(rejection) => rejection.detail.clone(),
            Self::Unaccepted(unaccepted) => unaccepted.to_string(),
            Self::Attestation(claim, signer) => format!(
                "found an attestation of type {:?} by {signer}; an attestation is not a signature",
                claim
                    .predicate_type
                    .chars()
                    .take(MAX_SHOWN)
                    .collect::<String>()
            ),
        }
    }

    /// How much it says. Under every authority but its signer's a good document
    /// looks like somebody else's; how it is broken, or too late, is seen only
    /// under the right one.
    fn telling(&self) -> u8 {
        match self {
            Self::Rejected(rejection) => match rejection.kind {
                RejectionKind::SignatureInvalid => 0,
                RejectionKind::CertificateUntrusted | RejectionKind::LogUnknown => 1,
                _ => 4,
            },
            Self::Unaccepted(unaccepted) => match unaccepted.code() {
                Code::IssuerMismatch => 2,
                Code::IdentityMismatch => 3,
                _ => 5,
            },
            Self::Attestation(..) => 6,
        }
    }
}

/// For each document that counts for no authority of the policy, why: what says
/// most.
pub(super) fn unused<'a>(case: Case<'a>) -> Vec<Why<'a>> {
    let authorities = &case.policy.authorities;
    let columns = || authorities.iter().map(|a| (a, case.column(a)));
    let documents = columns().map(|(_, column)| column.len()).max().unwrap_or(0);
    let mut found = Vec::new();
    for document in 0..documents {
        let mut best: Option<Why<'a>> = None;
        let mut counts = false;
        for (authority, column) in columns() {
            let Some(established) = column.get(document) else {
                continue;
            };
            let why = match &**established {
                Err(rejection) => Why::Rejected(rejection),
                Ok(verified) => match (case.accept(authority, verified), verified.claim()) {
                    (Err(unaccepted), _) => Why::Unaccepted(unaccepted),
                    (Ok(()), Claim::Signature(_)) => {
                        counts = true;
                        break;
                    }
                    (Ok(()), Claim::Attestation(claim)) => {
                        Why::Attestation(claim, &verified.proof().signer)
                    }
                },
            };
            if best.as_ref().is_none_or(|b| b.telling() < why.telling()) {
                best = Some(why);
            }
        }
        if !counts {
            found.extend(best);
        }
    }
    found
}

/// Adds a note for each of `unused`, up to a bound. Attestations are what many
/// images have; that they are no signatures is said only where one is missing.
pub(super) fn write(unused: &[Why<'_>], status: Status, outcome: &mut Outcome) {
    let mut seen = BTreeSet::new();
    let mut more: Option<(Code, usize)> = None;
    for why in unused {
        if matches!(why, Why::Attestation(..)) && status == Status::Satisfied {
            continue;
        }
        let (code, message) = (why.code(), why.message());
        if !seen.insert((code, message.clone())) {
            continue;
        }
        if seen.len() <= MAX_NOTES {
            outcome.findings.push(Finding::remark(code, message));
        } else {
            let (code, count) = more.unwrap_or((code, 0));
            more = Some((code, count + 1));
        }
    }
    if let Some((code, count)) = more {
        let detail = format!("and {count} more attached documents that do not count");
        outcome.findings.push(Finding::remark(code, detail));
    }
}
