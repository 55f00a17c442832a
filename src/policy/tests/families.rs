//! Indexes against what "every entry, by the same signers" means, written down
//! a second time in the most obvious way.

use std::sync::Arc;

use proptest::prelude::*;

use super::combining::{facts, gap, obvious, outcome, policy, requirement, signer};
use crate::oci::Digest;
use crate::policy::Requirement::{AnyOf, Authority as Is};
use crate::policy::{Child, Facts, Family, MultiArch, Policy, Requirement};
use crate::verdict::Status::{Inconclusive, Satisfied, Violated};
use crate::verdict::{Code, FindingKind, Outcome, Status};

/// Who signed one entry for each authority, and whether something about it could
/// not be looked at.
type Entry = (Vec<Vec<u8>>, bool);

fn family(entries: &[Entry]) -> Facts {
    let children = entries
        .iter()
        .enumerate()
        .map(|(at, (signers, gaps))| Child {
            digest: Digest::sha256(&[u8::try_from(at).expect("few")]),
            platform: Some(Arc::from("linux/amd64")),
            facts: facts(signers, *gaps),
        });
    Facts {
        family: Family::Index {
            children: children.collect(),
            empty: None,
        },
        ..Facts::default()
    }
}

fn every_child(count: usize, requirement: Requirement) -> Policy {
    Policy {
        multi_arch: MultiArch::EveryChild,
        ..policy(count, &[], requirement)
    }
}

fn run(requirement: &Requirement, entries: &[Entry]) -> Outcome {
    let count = entries[0].0.len();
    outcome(every_child(count, requirement.clone()), &family(entries))
}

/// For each authority, who signed all of `entries`.
fn shared(entries: &[&Entry], count: usize) -> Vec<Vec<u8>> {
    let all = |at: usize, signer: u8| entries.iter().all(|(s, _)| s[at].contains(&signer));
    (0..count)
        .map(|at| (0..=u8::MAX).filter(|signer| all(at, *signer)).collect())
        .collect()
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let signers = proptest::collection::vec(proptest::collection::vec(1..4_u8, 0..3), 4);
    proptest::collection::vec((signers, prop::bool::weighted(0.2)), 1..4)
}

proptest! {
    #[test]
    fn an_index_is_satisfied_by_exactly_the_signers_of_all_its_entries(
        requirement in requirement(),
        entries in entries(),
    ) {
        let found = run(&requirement, &entries);
        let all: Vec<_> = entries.iter().collect();
        let read: Vec<_> = entries.iter().filter(|(_, gaps)| !gaps).collect();
        let met = |entries: &[&Entry]| obvious(&requirement, &shared(entries, 4));
        if met(&all) {
            prop_assert_eq!(found.status, Some(Satisfied));
            let of_all = shared(&all, 4);
            for by in &found.signers {
                let name = &*by.authority;
                let at = ["a", "b", "c", "d"].iter().position(|n| *n == name).expect("known");
                let signed = of_all[at].iter().any(|n| super::combining::signer(*n) == by.signer);
                prop_assert!(signed, "{} did not sign every entry", by.signer);
            }
        } else if read.len() == all.len() || (!read.is_empty() && !met(&read)) {
            prop_assert_eq!(found.status, Some(Violated));
            let bad = found.findings.iter().any(|f| f.kind == FindingKind::Violation);
            prop_assert!(bad, "{:?}", found.findings);
        } else {
            prop_assert_ne!(found.status, Some(Satisfied));
            if found.status == Some(Inconclusive) {
                prop_assert!(found.findings.iter().any(|f| f.is_obstacle()));
            }
        }
    }
}

#[test]
fn two_accepted_signers_that_share_no_entry_are_not_one() {
    let any = AnyOf(vec![Is(0), Is(1)]);
    let a: Entry = (vec![vec![1], vec![]], false);
    let b: Entry = (vec![vec![], vec![2]], false);
    let both: Entry = (vec![vec![1], vec![2]], false);
    let found = run(&any, &[a.clone(), b.clone()]);
    assert_eq!(found.status, Some(Violated));
    assert_eq!(found.findings[0].code, Code::ChildSignersDiffer);
    let found = run(&any, &[both, b]);
    assert_eq!(found.status, Some(Satisfied));
    let [by] = &found.signers[..] else {
        panic!("{:?}", found.signers);
    };
    assert_eq!((&*by.authority, &by.signer), ("b", &signer(2)));
    // One key under two authorities is not the same authority.
    let other: Entry = (vec![vec![], vec![1]], false);
    let found = run(&any, &[a, other]);
    assert_eq!(found.findings[0].code, Code::ChildSignersDiffer);
}

#[test]
fn a_gap_in_one_entry_leaves_open_what_only_that_one_could_show() {
    let one = Is(0);
    let signed: Entry = (vec![vec![1]], false);
    let hidden: Entry = (vec![vec![]], true);
    let bare: Entry = (vec![vec![]], false);
    let of = |entries: &[Entry]| run(&one, entries).status.expect("evaluated");
    assert_eq!(of(&[signed.clone(), hidden.clone()]), Inconclusive);
    assert_eq!(of(&[hidden.clone(), hidden.clone()]), Inconclusive);
    assert_eq!(of(&[signed.clone(), hidden, bare]), Violated);
    let seen: Entry = (vec![vec![1]], true);
    assert_eq!(of(&[signed.clone(), seen]), Satisfied);
    // Signed by somebody, and whether by the one who signed the other is open.
    let other: Entry = (vec![vec![2]], true);
    let found = run(&one, &[signed, other]);
    assert_eq!(found.status, Some(Inconclusive));
    assert!(found.findings[0].is_obstacle(), "{:?}", found.findings);
}

#[test]
fn what_nobody_looked_at_satisfies_neither_way_of_asking() {
    for multi_arch in [MultiArch::EveryChild, MultiArch::Child] {
        let status = |family: Family| -> Status {
            let policy = Policy {
                multi_arch,
                ..policy(1, &[], Is(0))
            };
            let facts = Facts {
                family,
                // The image itself is signed, which says nothing about the rest.
                ..facts(&[vec![1]], false)
            };
            outcome(policy, &facts).status.expect("evaluated")
        };
        assert_eq!(status(Family::NotAsked), Inconclusive);
        assert_eq!(status(Family::Unknown(gap())), Inconclusive);
        assert_eq!(status(Family::Image), Satisfied);
        let nothing = Family::Index {
            children: Vec::new(),
            empty: Some(Digest::sha256(b"index")),
        };
        assert_eq!(status(nothing), Violated);
    }
}

#[test]
fn many_entries_that_fail_are_counted_and_not_all_named() {
    let entries: Vec<Entry> = (0..20).map(|_| (vec![vec![]], false)).collect();
    let found = run(&Is(0), &entries);
    assert_eq!(found.findings.len(), 9);
    assert!(
        found
            .findings
            .iter()
            .all(|f| f.code == Code::ChildNotSigned)
    );
    assert_eq!(
        found.findings[8].message,
        "and 12 more entries of the index"
    );
}
