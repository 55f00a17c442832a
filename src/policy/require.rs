//! How authorities combine: reading `require`, and the plan behind it.

use serde_json::Value;

use super::fields::{Walk, join, kind_of};
use super::select::Requirement;

/// Ways in which a requirement may be met, at most. Each is tried when a review
/// is not satisfied by the first, so there are few of them.
const MAX_WAYS: usize = 256;
/// Deepest nesting of anyOf, allOf and threshold.
const MAX_DEPTH: usize = 5;

/// At least `k` of these authorities, by distinct signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) k: usize,
    pub(super) of: Vec<usize>,
}

/// One way to meet a requirement: every demand, no signer counted twice.
pub(super) type Way = Vec<Demand>;

/// `require` where it is not written: any of all authorities.
pub(super) fn any_of_all(count: usize) -> Requirement {
    match count {
        1 => Requirement::Authority(0),
        _ => Requirement::AnyOf((0..count).map(Requirement::Authority).collect()),
    }
}

/// Reads `spec.require`. An authority that it does not name is one too many,
/// unless it is used elsewhere.
pub(super) fn read(
    walk: &mut Walk<'_>,
    value: &Value,
    names: &[&str],
    used_elsewhere: &dyn Fn(usize) -> bool,
) -> Option<Requirement> {
    let before = walk.complaints.len();
    let mut used = vec![false; names.len()];
    let requirement = node(walk, "spec.require", value, names, &mut used, 0);
    for (at, (name, used)) in names.iter().zip(used).enumerate() {
        if !used && !used_elsewhere(at) && walk.complaints.len() == before {
            walk.complain(
                "spec.require",
                format!("authority `{name}` is never used; name it here or remove it"),
            );
        }
    }
    let requirement = requirement?;
    if walk.complaints.len() == before && ways(&requirement).is_none() {
        walk.complain(
            "spec.require",
            format!("can be met in more than {MAX_WAYS} ways; simplify it or split the policy"),
        );
    }
    Some(requirement)
}

fn node(
    walk: &mut Walk<'_>,
    path: &str,
    value: &Value,
    names: &[&str],
    used: &mut [bool],
    depth: usize,
) -> Option<Requirement> {
    if let Value::String(name) = value {
        let Some(at) = names.iter().position(|known| known == name) else {
            let name: String = name.chars().take(80).collect();
            walk.complain(path, format!("unknown authority `{name}`"));
            return None;
        };
        used[at] = true;
        return Some(Requirement::Authority(at));
    }
    if !value.is_object() {
        let message = format!(
            "must be the name of an authority, anyOf, allOf or threshold, not {}",
            kind_of(value)
        );
        walk.complain(path, message);
        return None;
    }
    if depth >= MAX_DEPTH {
        walk.complain(path, format!("nested more than {MAX_DEPTH} deep"));
        return None;
    }
    let object = walk.object(path, value, &["anyOf", "allOf", "threshold", "of"])?;
    let written: Vec<_> = ["anyOf", "allOf", "threshold", "of"]
        .into_iter()
        .filter(|field| object.has(field))
        .collect();
    let field = match written[..] {
        ["anyOf"] => "anyOf",
        ["allOf"] => "allOf",
        ["threshold", "of"] => "of",
        _ => {
            walk.complain(path, "write one of anyOf, allOf, or threshold with of");
            return None;
        }
    };
    if object.get(field).is_none() {
        walk.complain(object.path_of(field), "is null; it must name authorities");
        return None;
    }
    let items = walk.list(
        &object,
        field,
        "is empty; it could never, or always, be met",
    )?;
    let list_path = join(path, field);
    let mut children = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{list_path}[{index}]");
        let child = node(walk, &path, item, names, used, depth + 1);
        if let Some(Requirement::Authority(at)) = &child
            && children.contains(&child)
        {
            walk.complain(path, format!("authority `{}` is named twice", names[*at]));
        }
        children.push(child);
    }
    let count = children.len();
    let children: Option<Vec<_>> = children.into_iter().collect();
    match field {
        "anyOf" => Some(Requirement::AnyOf(children?)),
        "allOf" => Some(Requirement::AllOf(children?)),
        _ => {
            let k = object
                .get("threshold")
                .and_then(Value::as_u64)
                .and_then(|k| usize::try_from(k).ok())
                .filter(|k| (1..=count).contains(k));
            let Some(k) = k else {
                walk.complain(
                    object.path_of("threshold"),
                    format!("must be a whole number from 1 to {count}, the length of `of`"),
                );
                return None;
            };
            Some(Requirement::Threshold { k, of: children? })
        }
    }
}

/// Every way to meet `requirement`; `None` if there are too many to try.
pub(super) fn ways(requirement: &Requirement) -> Option<Vec<Way>> {
    match requirement {
        Requirement::Authority(at) => Some(vec![vec![Demand {
            k: 1,
            of: vec![*at],
        }]]),
        Requirement::AnyOf(children) => at_least(1, children),
        Requirement::AllOf(children) => at_least(children.len(), children),
        Requirement::Threshold { k, of } => at_least(*k, of),
    }
}

fn at_least(k: usize, children: &[Requirement]) -> Option<Vec<Way>> {
    let leaves: Option<Vec<usize>> = children
        .iter()
        .map(|child| match child {
            Requirement::Authority(at) => Some(*at),
            _ => None,
        })
        .collect();
    if let Some(of) = leaves {
        return Some(vec![vec![Demand { k, of }]]);
    }
    let children: Vec<Vec<Way>> = children.iter().map(ways).collect::<Option<_>>()?;
    // found[n]: the ways to meet n of the children looked at so far.
    let mut found: Vec<Vec<Way>> = vec![Vec::new(); k + 1];
    found[0].push(Vec::new());
    for child in &children {
        for n in (0..k).rev() {
            let mut more = Vec::new();
            for before in &found[n] {
                for way in child {
                    more.push([before.as_slice(), way].concat());
                }
            }
            found[n + 1].extend(more);
            if found[n + 1].len() > MAX_WAYS {
                return None;
            }
        }
    }
    found.pop()
}

/// Whether a way can be met: each demand by `k` of its authorities, no signer
/// used twice in all of it. `signers` gives the signers of an authority as
/// numbers below `count`. Returns who signs for whom.
///
/// A maximum flow, not a greedy choice: with signers `{1, 2}` for `a` and `{1}`
/// for `b`, `a` must take 2.
pub(super) fn assign(
    way: &Way,
    signers: &dyn Fn(usize) -> Vec<usize>,
    count: usize,
) -> Option<Vec<(usize, usize)>> {
    // A slot is one place that an authority could fill in a demand.
    let slots: Vec<(usize, usize, Vec<usize>)> = way
        .iter()
        .enumerate()
        .flat_map(|(demand, d)| d.of.iter().map(move |at| (demand, *at)))
        .map(|(demand, at)| (demand, at, signers(at)))
        .collect();
    // Unit by unit along augmenting paths; when one cannot grow, none could.
    let mut owner: Vec<Option<usize>> = vec![None; count];
    let mut filled: Vec<Option<usize>> = vec![None; slots.len()];
    for (demand, d) in way.iter().enumerate() {
        for _ in 0..d.k {
            let mut seen_slots = vec![false; slots.len()];
            let mut seen_signers = vec![false; count];
            let grown = grow(
                demand,
                &slots,
                &mut owner,
                &mut filled,
                &mut seen_slots,
                &mut seen_signers,
            );
            if !grown {
                return None;
            }
        }
    }
    Some(
        slots
            .iter()
            .zip(filled)
            .filter_map(|((_, at, _), signer)| Some((*at, signer?)))
            .collect(),
    )
}

/// Fills one more slot of `demand`, moving others where that helps.
fn grow(
    demand: usize,
    slots: &[(usize, usize, Vec<usize>)],
    owner: &mut [Option<usize>],
    filled: &mut [Option<usize>],
    seen_slots: &mut [bool],
    seen_signers: &mut [bool],
) -> bool {
    for (slot, (of, _, signers)) in slots.iter().enumerate() {
        if *of != demand || filled[slot].is_some() || seen_slots[slot] {
            continue;
        }
        seen_slots[slot] = true;
        for &signer in signers {
            if seen_signers[signer] {
                continue;
            }
            seen_signers[signer] = true;
            let free = match owner[signer] {
                None => true,
                Some(other) => {
                    // The other slot lets go. Its demand is then one short, and
                    // fills it, or another of its slots, with another signer.
                    filled[other] = None;
                    let moved = grow(
                        slots[other].0,
                        slots,
                        owner,
                        filled,
                        seen_slots,
                        seen_signers,
                    );
                    if !moved {
                        filled[other] = Some(signer);
                    }
                    moved
                }
            };
            if free {
                owner[signer] = Some(slot);
                filled[slot] = Some(signer);
                return true;
            }
        }
    }
    false
}
