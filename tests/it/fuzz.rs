//! The fuzz targets on the stable compiler: the bodies of `fuzz/bodies.rs` over
//! the kept corpus and its mutations.
//!
//! Usually every case of the corpus and a few mutations run. With
//! `FLOE_FUZZ_SECONDS` each target runs for that long. The random numbers of a
//! round follow from its number, and the number of the next round is kept in
//! `target/fuzz-rounds`, so that a run that was stopped goes on where it was.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::total::mutate;

#[path = "../../fuzz/bodies.rs"]
mod bodies;
mod corpus;

/// Mutations of a round: some milliseconds of the slowest target.
const ROUND: u32 = 64;

/// The most memory that a process which only fuzzes may have had, in KiB. The
/// largest input is a few hundred KiB.
const MAX_RESIDENT: u64 = 1 << 20;

macro_rules! targets {
    ($($name:ident,)*) => { $(
        #[test]
        fn $name() {
            run(stringify!($name));
        }
    )* };
}

targets! {
    reference,
    manifest,
    dsse,
    bundle,
    simple_signing,
    certificate_identity,
    policy,
    admission_review,
}

#[expect(clippy::print_stdout, reason = "how far a long run came is its result")]
fn run(name: &str) {
    let (_, body) = *bodies::TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let mut seeds = Vec::new();
    let mut accepted = 0;
    for (case, seed) in corpus(name) {
        let was = call(name, body, &seed);
        accepted += u32::from(was);
        let (verb, _) = case.split_once('-').expect("a case says what comes of it");
        assert!(
            match verb {
                "accepted" => was,
                "refused" => !was,
                // What was found once must not do it again.
                verb => verb == "found",
            },
            "{name}: {case} was accepted: {was}"
        );
        seeds.push(seed);
    }
    assert!(accepted > 0, "{name}: no case of the corpus is accepted");
    let Some(seconds) = std::env::var("FLOE_FUZZ_SECONDS").ok() else {
        round(name, body, &seeds, 0);
        return;
    };
    let seconds = seconds.parse().expect("FLOE_FUZZ_SECONDS is a number");
    let until = Instant::now() + Duration::from_secs(seconds);
    let state = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .with_file_name("fuzz-rounds")
        .join(name);
    fs::create_dir_all(state.parent().expect("a folder")).expect("a folder");
    let first: u64 = fs::read_to_string(&state)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    let mut next = first;
    while Instant::now() < until {
        round(name, body, &seeds, next);
        next += 1;
        fs::write(&state, next.to_string()).expect("the number is kept");
    }
    println!(
        "fuzz {name}: rounds {first} to {next}, {} mutations, {} KiB at most",
        (next - first) * u64::from(ROUND),
        resident().unwrap_or(0)
    );
    if let Some(resident) = resident() {
        assert!(resident < MAX_RESIDENT, "{name}: {resident} KiB of memory");
    }
}

fn round(name: &str, body: fn(&[u8]) -> bool, seeds: &[Vec<u8>], number: u64) {
    let mut random = [0; 32];
    random[..8].copy_from_slice(&number.to_le_bytes());
    random[8..][..name.len().min(24)].copy_from_slice(&name.as_bytes()[..name.len().min(24)]);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &random);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let changes = mutate::changes();
    for _ in 0..ROUND {
        let ops = changes.new_tree(&mut runner).expect("a change").current();
        call(name, body, &mutate::apply(seeds, &ops));
    }
}

/// Calls the body; what makes it panic is kept.
#[expect(
    clippy::print_stderr,
    reason = "beside the panic it must be said where its cause is"
)]
fn call(name: &str, body: fn(&[u8]) -> bool, bytes: &[u8]) -> bool {
    match catch_unwind(AssertUnwindSafe(|| body(bytes))) {
        Ok(accepted) => accepted,
        Err(panic) => {
            let folder = root().join("fuzz/artifacts").join(name);
            fs::create_dir_all(&folder).expect("a folder");
            let hash = floe::oci::Digest::sha256(bytes).hex();
            let path = folder.join(&hash[..16]);
            fs::write(&path, bytes).expect("the case is kept");
            eprintln!("{name}: kept as {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
}

/// The cases of a target by name, which says what comes of them: `accepted-…`,
/// `refused-…`, or `found-…` for what a run once found.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("fuzz/corpus").join(name);
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), fs::read(&path).expect("a case"))
        })
        .collect();
    cases.sort();
    cases
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The most memory that this process has had, in KiB, where the system says so.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
