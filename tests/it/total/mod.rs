//! Every reader is total and bounded: whatever it is given, it answers, and
//! what it accepts means what it says.
//!
//! Each reader has a body `fn(&[u8])` that holds a property for any bytes. The
//! bytes are seeds that the test makes itself, changed by [`mutate`]: structure
//! first (keys, types, nesting, numbers, escapes), then bytes. Where a document
//! can be read in several ways, an oracle that knows nothing of floe reads it in
//! each of them ([`tree`]).

mod bounds;
mod files;
mod hosts;
mod keys;
pub(crate) mod mutate;
mod names;
mod oracle;
mod policies;
mod reviews;
mod signatures;
mod tree;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use mutate::{Op, changes};

/// How many times more cases than usual are run, with other random numbers each
/// time; without it the same few cases each time.
const MULTIPLIER: &str = "FLOE_TOTAL";

/// Calls `target` with changed `seeds`. Each seed is also given as it is.
///
/// `target` says whether the bytes were accepted, and panics where its property
/// does not hold. A run in which nothing changed is accepted has shown little,
/// so that at least one seed must be.
fn holds(cases: u32, seeds: &[Vec<u8>], target: impl Fn(&[u8]) -> bool) {
    let accepted_seeds = seeds.iter().filter(|seed| target(seed)).count();
    assert!(accepted_seeds > 0, "no seed is accepted");

    let multiplier: Option<u32> = std::env::var(MULTIPLIER)
        .ok()
        .map(|text| text.parse().expect("FLOE_TOTAL is a number"));
    let config = Config {
        cases: cases.saturating_mul(multiplier.unwrap_or(1)),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let mut runner = match multiplier {
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        Some(_) => TestRunner::new(config),
    };
    let accepted = Cell::new(0_u32);
    let apply = |ops: &[Op]| mutate::apply(seeds, ops);
    let outcome = runner.run(&changes(), |ops| {
        let bytes = apply(&ops);
        match catch_unwind(AssertUnwindSafe(|| target(&bytes))) {
            Ok(was_accepted) => {
                accepted.set(accepted.get() + u32::from(was_accepted));
                Ok(())
            }
            Err(panic) => Err(TestCaseError::fail(words(&*panic))),
        }
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, ops)) => {
            let bytes = apply(&ops);
            panic!(
                "{why}\nafter {ops:?}\nfor {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(4_000)])
            );
        }
        Err(other) => panic!("{other}"),
    }
    assert!(accepted.get() > 0, "nothing changed was accepted");
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic".to_owned())
}
