//! Requirements against what strong Kleene logic and distinct signers mean,
//! written down a second time in the most obvious way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::evidence::{Obstacle, ObstacleKind};
use crate::oci::Digest;
use crate::policy::Requirement::{AllOf, AnyOf, Authority as Is, Threshold};
use crate::policy::{
    Applies, Authority, Facts, MaterialId, Pinning, Policy, Requirement, Selected, Selection, Tags,
    Unavailable, decide,
};
use crate::trust::{
    Claim, Established, KeyFingerprint, Proof, Rejection, RejectionKind, Scheme, SignatureClaim,
    SignatureLayout, SignerId, Verified, Window,
};
use crate::verdict::Status::{Inconclusive, Satisfied, Violated};
use crate::verdict::{Code, Enforcement, NoMatch, Outcome, PolicyName, Status};

pub(super) fn signer(number: u8) -> SignerId {
    SignerId::Key(KeyFingerprint::from_bytes([number; 32]))
}

pub(super) fn signed(number: u8) -> Arc<Established> {
    Arc::new(Ok(Verified::for_test(
        Claim::Signature(SignatureClaim {
            subject: Digest::sha256(b"image"),
            layout: SignatureLayout::Bundle,
            docker_reference: None,
            annotations: BTreeMap::new(),
        }),
        Proof::of_key(KeyFingerprint::from_bytes([number; 32]), Scheme::Ed25519),
    )))
}

pub(super) fn rejected(kind: RejectionKind, detail: &str) -> Arc<Established> {
    Arc::new(Err(Rejection::new(kind, detail)))
}

pub(super) fn gap() -> Obstacle {
    Obstacle::new(ObstacleKind::Unreachable, "no connection")
}

/// A policy with authorities `a`, `b`, …, each with material of its own unless
/// it is among `unavailable`.
pub(super) fn policy(count: usize, unavailable: &[usize], requirement: Requirement) -> Policy {
    Policy {
        name: PolicyName("p".into()),
        enforcement: Enforcement::Enforce,
        tags: Tags::Deny,
        authorities: (0..count)
            .map(|at| Authority {
                name: ["a", "b", "c", "d"][at].into(),
                material: if unavailable.contains(&at) {
                    Err(Unavailable {
                        code: Code::KeyUnavailable,
                        why: "no such file".into(),
                    })
                } else {
                    Ok(MaterialId(at))
                },
                identity: None,
                validity: Window::default(),
            })
            .collect(),
        requirement: Some(requirement),
        attestations: Vec::new(),
        multi_arch: crate::policy::MultiArch::Index,
        signed_for_repository: false,
        old_bundles: crate::trust::OldBundles::Refused,
        known_good_for: Duration::ZERO,
        broken: None,
    }
}

pub(super) fn outcome(policy: Policy, facts: &Facts) -> Outcome {
    let reference = "registry.example.com/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        .parse::<crate::oci::Reference>()
        .expect("legal");
    let pinning = Pinning::Digest(reference.pinned().expect("pinned"));
    let selection = Selection {
        policies: vec![Selected {
            policy: Arc::new(policy),
            applies: Applies::Yes,
        }],
        no_match: NoMatch::Deny,
    };
    let verdict = decide(
        &reference,
        &pinning,
        &selection,
        facts,
        jiff::Timestamp::UNIX_EPOCH,
    );
    verdict.outcomes()[0].clone()
}

/// Who signed for each authority, and what could not be looked at.
pub(super) fn facts(signers: &[Vec<u8>], gaps: bool) -> Facts {
    Facts {
        established: signers
            .iter()
            .enumerate()
            .map(|(at, numbers)| (MaterialId(at), numbers.iter().map(|n| signed(*n)).collect()))
            .collect(),
        gaps: gaps.then(gap).into_iter().collect(),
        ..Facts::default()
    }
}

fn judge(requirement: &Requirement, signers: &[Vec<u8>], gaps: bool) -> Status {
    let policy = policy(signers.len(), &[], requirement.clone());
    outcome(policy, &facts(signers, gaps))
        .status
        .expect("evaluated")
}

/// Strong Kleene logic over the status of each authority.
fn kleene(requirement: &Requirement, of: &[Status]) -> Status {
    let at_least = |k: usize, children: &[Requirement]| {
        let all: Vec<_> = children.iter().map(|child| kleene(child, of)).collect();
        let count = |status| all.iter().filter(|s| **s == status).count();
        if count(Satisfied) >= k {
            Satisfied
        } else if count(Satisfied) + count(Inconclusive) < k {
            Violated
        } else {
            Inconclusive
        }
    };
    match requirement {
        Is(at) => of[*at],
        AnyOf(children) => at_least(1, children),
        AllOf(children) => at_least(children.len(), children),
        Threshold { k, of } => at_least(*k, of),
    }
}

fn leaves(of: &[usize]) -> Vec<Requirement> {
    of.iter().map(|at| Is(*at)).collect()
}

fn trees() -> Vec<Requirement> {
    let mut trees = vec![
        Is(0),
        AnyOf(leaves(&[0])),
        AnyOf(leaves(&[0, 1, 2])),
        AllOf(leaves(&[0])),
        AllOf(leaves(&[0, 1, 2])),
        AnyOf(vec![Is(0), AllOf(leaves(&[1, 2]))]),
        AllOf(vec![Is(0), AnyOf(leaves(&[1, 2]))]),
        Threshold {
            k: 2,
            of: vec![Is(0), AnyOf(leaves(&[1])), AllOf(leaves(&[2]))],
        },
    ];
    trees.extend((1..=3).map(|k| Threshold {
        k,
        of: leaves(&[0, 1, 2]),
    }));
    trees
}

#[test]
fn every_combination_of_three_authorities_is_as_in_strong_kleene_logic() {
    let statuses = [Satisfied, Violated, Inconclusive];
    for requirement in trees() {
        for a in statuses {
            for b in statuses {
                for c in statuses {
                    let of = [a, b, c];
                    let unavailable: Vec<_> = (0..3).filter(|i| of[*i] == Inconclusive).collect();
                    let signers: Vec<Vec<u8>> = (0..3)
                        .map(|i| {
                            if of[i] == Satisfied {
                                vec![i as u8]
                            } else {
                                vec![]
                            }
                        })
                        .collect();
                    let policy = policy(3, &unavailable, requirement.clone());
                    assert_eq!(
                        outcome(policy, &facts(&signers, false)).status,
                        Some(kleene(&requirement, &of)),
                        "{requirement:?} of {of:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn any_of_and_all_of_are_each_others_mirror() {
    let mirrored = |status| match status {
        Satisfied => Violated,
        Violated => Satisfied,
        Inconclusive => Inconclusive,
    };
    let run = |requirement: Requirement, of: [Status; 2]| {
        let unavailable: Vec<_> = (0..2).filter(|i| of[*i] == Inconclusive).collect();
        let signers: Vec<Vec<u8>> = (0..2)
            .map(|i| {
                (of[i] == Satisfied)
                    .then_some(i as u8)
                    .into_iter()
                    .collect()
            })
            .collect();
        let policy = policy(2, &unavailable, requirement);
        outcome(policy, &facts(&signers, false))
            .status
            .expect("evaluated")
    };
    let statuses = [Satisfied, Violated, Inconclusive];
    for a in statuses {
        for b in statuses {
            assert_eq!(
                run(AnyOf(leaves(&[0, 1])), [a, b]),
                mirrored(run(AllOf(leaves(&[0, 1])), [mirrored(a), mirrored(b)])),
            );
        }
    }
}

#[test]
fn a_gap_makes_what_is_missing_inconclusive_and_never_what_is_there() {
    let both = AllOf(leaves(&[0, 1]));
    assert_eq!(judge(&both, &[vec![1], vec![]], false), Violated);
    assert_eq!(judge(&both, &[vec![1], vec![]], true), Inconclusive);
    assert_eq!(judge(&both, &[vec![1], vec![2]], true), Satisfied);
}

#[test]
fn signers_are_matched_and_not_taken_greedily() {
    // a accepts 1 and 2, b accepts 1 only: a has to take 2.
    let both = AllOf(leaves(&[0, 1]));
    let policy = policy(2, &[], both.clone());
    let found = outcome(policy, &facts(&[vec![1, 2], vec![1]], false));
    assert_eq!(found.status, Some(Satisfied));
    let signers: Vec<_> = found
        .signers
        .iter()
        .map(|by| (&*by.authority, by.signer.clone()))
        .collect();
    assert_eq!(signers, [("a", signer(2)), ("b", signer(1))]);
    for by in &found.signers {
        let proof = by.proof.as_ref().expect("one signature");
        assert_eq!(proof.signer, by.signer);
    }
}

#[test]
fn one_signer_never_counts_for_two() {
    for requirement in [
        AllOf(leaves(&[0, 1])),
        Threshold {
            k: 2,
            of: leaves(&[0, 1]),
        },
        AllOf(vec![AnyOf(leaves(&[0])), AnyOf(leaves(&[1]))]),
    ] {
        assert_eq!(
            judge(&requirement, &[vec![1, 1], vec![1]], false),
            Violated,
            "{requirement:?}"
        );
        assert_eq!(judge(&requirement, &[vec![1], vec![2]], false), Satisfied);
    }
}

/// Tries every choice and every signer.
pub(super) fn obvious(requirement: &Requirement, signers: &[Vec<u8>]) -> bool {
    fn run(
        requirement: &Requirement,
        signers: &[Vec<u8>],
        used: &mut Vec<u8>,
        then: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    ) -> bool {
        match requirement {
            Is(at) => signers[*at].iter().any(|signer| {
                if used.contains(signer) {
                    return false;
                }
                used.push(*signer);
                let met = then(used);
                used.pop();
                met
            }),
            AnyOf(children) => some(1, children, signers, used, then),
            AllOf(children) => some(children.len(), children, signers, used, then),
            Threshold { k, of } => some(*k, of, signers, used, then),
        }
    }
    fn some(
        k: usize,
        children: &[Requirement],
        signers: &[Vec<u8>],
        used: &mut Vec<u8>,
        then: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    ) -> bool {
        if k == 0 {
            return then(used);
        }
        let Some((first, rest)) = children.split_first() else {
            return false;
        };
        let with = run(first, signers, used, &mut |used| {
            some(k - 1, rest, signers, used, then)
        });
        with || some(k, rest, signers, used, then)
    }
    run(requirement, signers, &mut Vec::new(), &mut |_| true)
}

pub(super) fn requirement() -> impl Strategy<Value = Requirement> {
    let leaf = (0..4_usize).prop_map(Is);
    leaf.prop_recursive(2, 10, 3, |inner| {
        let children = proptest::collection::vec(inner, 1..4);
        (0..3, 1..4_usize, children).prop_map(|(which, k, of)| match which {
            0 => AnyOf(of),
            1 => AllOf(of),
            _ => Threshold {
                k: k.min(of.len()),
                of,
            },
        })
    })
}

fn signers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(0..5_u8, 0..4), 4)
}

proptest! {
    #[test]
    fn the_matching_agrees_with_trying_everything(
        requirement in requirement(), signers in signers(),
    ) {
        let expected = if obvious(&requirement, &signers) { Satisfied } else { Violated };
        prop_assert_eq!(judge(&requirement, &signers, false), expected);
    }

    #[test]
    fn another_signature_never_spoils_what_is_satisfied(
        requirement in requirement(), signers in signers(), gaps: bool,
        at in 0..4_usize, more in 0..6_u8,
    ) {
        let before = judge(&requirement, &signers, gaps);
        let mut signers = signers;
        signers[at].push(more);
        if before == Satisfied {
            prop_assert_eq!(judge(&requirement, &signers, gaps), Satisfied);
        }
    }

    #[test]
    fn looking_completely_only_refines_what_a_gap_left_open(
        requirement in requirement(), signers in signers(),
    ) {
        let (open, closed) = (
            judge(&requirement, &signers, true),
            judge(&requirement, &signers, false),
        );
        prop_assert!(open == closed || (open, closed) == (Inconclusive, Violated));
    }

    #[test]
    fn every_signer_reported_is_distinct(requirement in requirement(), signers in signers()) {
        let policy = policy(4, &[], requirement);
        let mut found: Vec<_> = outcome(policy, &facts(&signers, false))
            .signers.into_iter().map(|by| by.signer).collect();
        let count = found.len();
        found.sort();
        found.dedup();
        prop_assert_eq!(found.len(), count);
    }
}
