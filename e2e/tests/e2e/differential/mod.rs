//! Generated signatures and cosign's own, judged by floe, cosign 2, cosign 3 and
//! sigstore-go.
//!
//! Each is good or not by how it was made, which is the strict reading that
//! floe has to share without exception. Where another judge differs from it, the
//! difference stands in a table with its reason; one that is not there is a
//! failure, and so is one that is there and does not occur.
//!
//! A hundred fixed ones are judged in each run, more than a thousand with
//! `FLOE_DIFFERENTIAL=full`.

mod artifact;
mod exceptions;
mod exhibit;
mod judges;

#[path = "../../../../tests/it/support/authority.rs"]
#[expect(dead_code, reason = "it is shared, and this is not its only user")]
mod authority;
#[path = "../../../../tests/it/support/sigstore/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "it is shared, and this is not its only user"
)]
mod sigstore;

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use floe_e2e::{cosign_opinion::Version, scratch::Scratch};

use exceptions::Expected;
use exhibit::{Exhibit, Workshop};
use judges::{Judge, Judgement};

use crate::keyless::signers;

#[test]
fn every_judge_says_of_each_signature_what_is_known_of_it() {
    let full = match env::var("FLOE_DIFFERENTIAL") {
        Ok(value) if value == "full" => true,
        Ok(value) => panic!("FLOE_DIFFERENTIAL is `{value}`; the only value is `full`"),
        Err(_) => false,
    };
    let artifacts = if full {
        artifact::all()
    } else {
        artifact::hundred()
    };
    let workshop = Workshop::new();
    let scratch = Scratch::new();
    let mut exhibits: Vec<_> = artifacts
        .iter()
        .enumerate()
        .map(|(number, artifact)| workshop.make(number, *artifact))
        .collect();
    let signers = signers();
    let signers = if full { &signers[..] } else { &signers[1..2] };
    exhibits.extend(exhibit::by_cosign(&scratch, signers));

    let judgements = in_parallel(&exhibits, |exhibit| Some(judges::floe(exhibit)));
    let mut problems = problems(Judge::Floe, &exhibits, &judgements);
    let judgements = judges::sigstore_go(&exhibits);
    problems.extend(self::problems(Judge::SigstoreGo, &exhibits, &judgements));
    for (judge, version) in [
        (Judge::Cosign2, Version::Two),
        (Judge::Cosign3, Version::Three),
    ] {
        let judgements = in_parallel(&exhibits, |exhibit| Some(judges::cosign(version, exhibit)));
        problems.extend(self::problems(judge, &exhibits, &judgements));
    }
    assert!(
        problems.is_empty(),
        "{} of {} are judged otherwise:\n{}",
        problems.len(),
        exhibits.len(),
        problems.join("\n")
    );
}

#[test]
fn every_exception_has_an_example() {
    let missing = exceptions::without_example(&artifact::all());
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Judgements that are not what was expected.
fn problems(judge: Judge, exhibits: &[Exhibit], judgements: &[Option<Judgement>]) -> Vec<String> {
    let mut problems = Vec::new();
    for (exhibit, judgement) in exhibits.iter().zip(judgements) {
        let Some(judgement) = judgement else {
            continue;
        };
        let (expected, why) = match &exhibit.artifact {
            Some(artifact) => exceptions::expected(judge, artifact),
            None if exhibit.good => (Expected::Accepts, ""),
            None => (Expected::Refuses, ""),
        };
        let fits = match expected {
            Expected::Accepts => judgement.is_ok(),
            Expected::Refuses => judgement.is_err(),
            Expected::Either => true,
        };
        if !fits {
            let said = match judgement {
                Ok(()) => "accepts it".to_owned(),
                Err(why) => format!("refuses it: {}", why.trim().replace('\n', " / ")),
            };
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(" ({why})")
            };
            problems.push(format!(
                "{judge:?} should: {expected:?}{why}, and {said}\n    {}",
                exhibit.title
            ));
        }
    }
    problems
}

/// As many at once as there are processors, in the order of the exhibits.
fn in_parallel<T: Send>(exhibits: &[Exhibit], judge: impl Fn(&Exhibit) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let judged = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(exhibit) = exhibits.get(number) else {
                        return;
                    };
                    let judgement = judge(exhibit);
                    judged.lock().unwrap().push((number, judgement));
                }
            });
        }
    });
    let mut judged = judged.into_inner().unwrap();
    judged.sort_by_key(|(number, _)| *number);
    judged.into_iter().map(|(_, judgement)| judgement).collect()
}
