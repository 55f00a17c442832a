//! Where a broad policy asks for less than a narrow one.
//!
//! Both apply where the narrow one does, so nothing is loosened there. But what
//! the narrow one is about can be had under another name, in another namespace
//! or channel, where only the broad one looks.

use std::fmt;

use super::require::ways;
use super::select::Matcher;
use super::{MaterialId, Policy, PolicySet};
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
    /// It accepts whom the other accepts, and others.
    Authorities,
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
            Less::Authorities => write!(f, "accepts more authorities than {narrow}")?,
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
                    && let Some(less) = less(weak, strong)
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

fn less(weak: &Policy, strong: &Policy) -> Option<Less> {
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
    let (weak_accepts, strong_accepts) = (accepted(weak)?, accepted(strong)?);
    let more = weak_accepts.len() > strong_accepts.len()
        && strong_accepts.iter().all(|id| weak_accepts.contains(id));
    (more && weak_signers == strong_signers).then_some(Less::Authorities)
}

/// How many signers satisfy a policy; `None` if it asks for no signature.
fn signers(policy: &Policy) -> Option<usize> {
    let ways = ways(policy.requirement.as_ref()?)?;
    ways.iter()
        .map(|way| way.iter().map(|demand| demand.k).sum())
        .min()
}

/// Whom a policy accepts, where all of that could be read.
fn accepted(policy: &Policy) -> Option<Vec<MaterialId>> {
    let materials = policy.authorities.iter().map(|a| a.material.clone().ok());
    materials.collect()
}
