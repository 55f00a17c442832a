//! Where a broad policy asks for less than a narrow one.
//!
//! Both apply where the narrow one does, so nothing is loosened there. But what
//! the narrow one is about can be had under another name, in another namespace
//! or channel, where only the broad one looks.

use std::fmt;
use std::sync::Arc;

use super::require::ways;
use super::select::Matcher;
use super::{Authority, MultiArch, Policy, PolicySet};
use crate::trust::{AuthorityMaterial, Demand, Demands, OldBundles, Signers, TrustRoot};
use crate::verdict::{Enforcement, PolicyName};

/// A pair of policies of which the broader asks for less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weaker {
    /// The policy that covers more.
    pub broad: PolicyName,
    /// The policy that asks for more.
    pub narrow: PolicyName,
    /// In what the broad one asks for less.
    pub less: Less,
}

/// In what one policy asks for less than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Less {
    /// It warns where the other enforces.
    Warns,
    /// It asks for no signature.
    NoSignature,
    /// Fewer signers satisfy it.
    Signers {
        /// It.
        broad: usize,
        /// The other.
        narrow: usize,
    },
    /// It accepts whom the other accepts, and others, or the same with less
    /// beside their signatures.
    Authorities,
    /// It asks for fewer attestations.
    Attestations,
    /// It lets signatures count that name no repository, or another one.
    AnyRepository,
    /// A signature of the index is enough, where the other asks for those of
    /// its entries.
    IndexOnly,
}

impl fmt::Display for Weaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            broad,
            narrow,
            less,
        } = self;
        write!(
            f,
            "policy {broad} covers all that {narrow} does and more, and "
        )?;
        match less {
            Less::Warns => write!(f, "only warns where {narrow} enforces")?,
            Less::NoSignature => write!(f, "asks for no signature as {narrow} does")?,
            Less::Signers {
                broad: fewer,
                narrow: more,
            } => write!(
                f,
                "is satisfied by {fewer} of the {more} signers of {narrow}"
            )?,
            Less::Authorities => write!(f, "accepts more signers than {narrow}")?,
            Less::Attestations => {
                write!(f, "does not ask for every attestation that {narrow} does")?;
            }
            Less::AnyRepository => write!(
                f,
                "accepts signatures for any repository, where {narrow} asks for signatures that \
                 name theirs"
            )?,
            Less::IndexOnly => write!(
                f,
                "asks for a signature of an image index only, where {narrow} asks for its entries"
            )?,
        }
        write!(
            f,
            ": the same image under a name that only {broad} covers is judged by that alone"
        )
    }
}

impl PolicySet {
    /// Every pair of policies of which the broader asks for less.
    ///
    /// Policies that are `off` admit nothing and are left out, and so is what
    /// cannot be evaluated. Two policies that cover the same, or that accept
    /// other people, are no such pair.
    pub fn weaker(&self) -> Vec<Weaker> {
        let counts =
            |policy: &Policy| policy.enforcement != Enforcement::Off && policy.broken.is_none();
        let mut found = Vec::new();
        for (broad, weak) in &self.policies {
            for (narrow, strong) in &self.policies {
                if counts(weak)
                    && counts(strong)
                    && covers(broad, narrow)
                    && !covers(narrow, broad)
                    && let Some(less) = less(weak, strong, self)
                {
                    found.push(Weaker {
                        broad: weak.name.clone(),
                        narrow: strong.name.clone(),
                        less,
                    });
                }
            }
        }
        found
    }
}

/// Whether `broad` matches everything that `narrow` matches. An empty list
/// matches everything.
fn covers(broad: &Matcher, narrow: &Matcher) -> bool {
    fn each<T>(broad: &[T], narrow: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
        broad.is_empty()
            || (!narrow.is_empty()
                && narrow
                    .iter()
                    .all(|narrow| broad.iter().any(|broad| covers(broad, narrow))))
    }
    let everything = |matcher: &Matcher| matcher.images.iter().any(|p| p.covers_everything());
    (everything(broad)
        || each(&broad.images, &narrow.images, |broad, narrow| {
            broad.covers(narrow)
        }))
        && each(&broad.namespaces, &narrow.namespaces, |broad, narrow| {
            broad.covers(narrow)
        })
        && each(&broad.channels, &narrow.channels, |broad, narrow| {
            broad == narrow
        })
}

fn less(weak: &Policy, strong: &Policy, set: &PolicySet) -> Option<Less> {
    if weak.enforcement == Enforcement::Warn && strong.enforcement == Enforcement::Enforce {
        return Some(Less::Warns);
    }
    if weak.enforcement != strong.enforcement {
        return None;
    }
    let strong_signers = signers(strong)?;
    let Some(weak_signers) = signers(weak) else {
        return Some(Less::NoSignature);
    };
    if weak_signers < strong_signers {
        return Some(Less::Signers {
            broad: weak_signers,
            narrow: strong_signers,
        });
    }
    if weak_signers > strong_signers {
        return None;
    }
    let (weak_accepts, strong_accepts) = (accepted(weak, set)?, accepted(strong, set)?);
    let covered = |some: &[Accepted<'_>], by: &[Accepted<'_>]| {
        some.iter().all(|one| by.iter().any(|by| by.covers(one)))
    };
    if !covered(&strong_accepts, &weak_accepts) {
        return None;
    }
    if !covered(&weak_accepts, &strong_accepts) {
        return Some(Less::Authorities);
    }
    if fewer_attestations(weak, strong) {
        return Some(Less::Attestations);
    }
    if strong.signed_for_repository && !weak.signed_for_repository {
        return Some(Less::AnyRepository);
    }
    let index_only = strong.multi_arch != MultiArch::Index && weak.multi_arch == MultiArch::Index;
    index_only.then_some(Less::IndexOnly)
}

/// How many signers satisfy a policy; `None` if it asks for no signature.
fn signers(policy: &Policy) -> Option<usize> {
    let ways = ways(policy.requirement.as_ref()?)?;
    ways.iter()
        .map(|way| way.iter().map(|demand| demand.k).sum())
        .min()
}

/// Whom an authority accepts.
struct Accepted<'s> {
    authority: &'s Authority,
    material: &'s AuthorityMaterial,
}

/// Whether there is a type of statement that only `strong` asks for. Of two
/// demands for one type, which of them is the stronger is not told.
fn fewer_attestations(weak: &Policy, strong: &Policy) -> bool {
    strong.attestations.iter().any(|wanted| {
        let mut asked = weak.attestations.iter();
        !asked.any(|asked| asked.predicate_type == wanted.predicate_type)
    })
}

/// Whose signatures a policy accepts, where all of that could be read. An
/// authority that is there for attestations alone signs nothing.
fn accepted<'s>(policy: &'s Policy, set: &'s PolicySet) -> Option<Vec<Accepted<'s>>> {
    let ways = ways(policy.requirement.as_ref()?)?;
    let signs = |at: usize| ways.iter().flatten().any(|demand| demand.of.contains(&at));
    let authorities = policy.authorities.iter().enumerate();
    let authorities = authorities.filter(|(at, _)| signs(*at));
    let accepted = authorities.map(|(_, authority)| {
        let id = authority.material.as_ref().ok()?;
        Some(Accepted {
            authority,
            material: set.material(*id),
        })
    });
    accepted.collect()
}

impl Accepted<'_> {
    /// Whether every signature that counts for `other` counts for this. Says no
    /// where that cannot be told.
    fn covers(&self, other: &Self) -> bool {
        let signers = match (self.material.signers(), other.material.signers()) {
            (Signers::Keys(all), Signers::Keys(other)) => other.iter().all(|k| all.contains(k)),
            (Signers::Keyless, Signers::Keyless) => true,
            (Signers::Certificates(all), Signers::Certificates(other)) => {
                all.digest() == other.digest()
            }
            _ => false,
        };
        let identity = match (&self.authority.identity, &other.authority.identity) {
            (None, None) => true,
            (Some(rule), Some(other)) => rule.covers(other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let known = |root: &Arc<TrustRoot>| {
            let mut roots = self.material.roots().iter();
            roots.any(|mine| mine.digest() == root.digest())
        };
        let (mine, others) = (self.material.demands(), other.material.demands());
        // With nothing demanded, no root of the other is looked at.
        let roots = mine == Demands::NONE || other.material.roots().iter().all(known);
        let dates = self.authority.validity;
        let within = dates.intersect(&other.authority.validity) == Some(other.authority.validity);
        signers && identity && roots && within && demands_no_more(mine, others)
    }
}

/// Whether what satisfies `other` satisfies `mine`.
fn demands_no_more(mine: Demands, other: Demands) -> bool {
    let no_more = |mine: Demand, other: Demand| match (mine, other) {
        (Demand::Ignored, _) | (_, Demand::Required) => true,
        (Demand::Checked, other) => other == Demand::Checked,
        (Demand::Required, _) => false,
    };
    no_more(mine.log, other.log)
        && no_more(mine.timestamps, other.timestamps)
        && no_more(mine.sct, other.sct)
        && (mine.old_bundles == OldBundles::Accepted || other.old_bundles == OldBundles::Refused)
}
