//! Load on the real server, `floe webhook` as it is shipped, and in the same
//! run on servers of the same stack that only parse, or do not even parse.
//!
//! ```text
//! cargo bench --bench http              # three minutes
//! cargo bench --bench http -- --quick   # forty seconds, rougher
//! ```
//!
//! Needs `h2load` (Debian: nghttp2-client) and two cores: servers run on one,
//! the load comes from the other. Figures are per second of the server's own
//! processor time, and rounds are interleaved, so that neighbours on the
//! machine weigh on all servers alike.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing figures is what it is for"
)]

mod cold;
mod load;
mod process;
#[path = "../support/reviews.rs"]
mod reviews;
mod serve;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "files of the server, of which this program needs a part"
)]
mod stack;
#[path = "../../tests/it/support"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests use all of it, this program a part"
)]
mod support {
    pub(crate) mod authority;
    pub(crate) mod hostile;
    pub(crate) mod tls;
}
mod world;

// The files in `stack` name these as the server does.
use floe::{admission, config, source, telemetry, verifier};

use std::process::ExitCode;
use std::time::Duration;

use load::{Protocol, Run, median};
use process::Server;
use reviews::Detail;
use world::{Load, World};

/// How much time there is.
struct Plan {
    rounds: usize,
    headline: Duration,
    others: Duration,
    hanging: Duration,
}

const FULL: Plan = Plan {
    rounds: 5,
    headline: Duration::from_millis(1200),
    others: Duration::from_millis(700),
    hanging: Duration::from_millis(1200),
};
const QUICK: Plan = Plan {
    rounds: 3,
    headline: Duration::from_millis(500),
    others: Duration::from_millis(200),
    hanging: Duration::from_millis(400),
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--serve") {
        return serve::main(&arguments[1..]);
    }
    // `cargo test --benches` starts it too, and means something else.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("run by cargo bench --bench http");
        return ExitCode::SUCCESS;
    }
    if let Err(missing) = load::check_programs() {
        eprintln!("{missing}");
        return ExitCode::FAILURE;
    }
    let plan = if arguments.iter().any(|argument| argument == "--quick") {
        QUICK
    } else {
        FULL
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(bench(&plan));
    ExitCode::SUCCESS
}

async fn bench(plan: &Plan) {
    let world = World::new().await;
    let images = world.signed_images("app", 20);
    let headline = world.load("six-images", &images[..6], Detail::Short);
    let others = [
        world.load("one-image", &images[..1], Detail::Full),
        world.load("twenty-images", &images, Detail::Full),
    ];
    start_and_memory(&world).await;

    let servers = [
        Server::floe(world.folder()),
        Server::own("floe, no log line", "gate", world.folder()),
        Server::own("parse only", "parse", world.folder()),
        Server::own("constant", "constant", world.folder()),
    ];
    warm(&world, &servers, plan, &headline, plan.headline).await;
    for load in &others {
        warm(&world, &servers, plan, load, plan.others).await;
    }

    let trip = cold::one_trip(&world).await;
    println!("\ncold, registry answers after 20 ms (one request to it takes {trip:.1} ms)");
    for count in [1, 10] {
        let trips = cold::round_trips(&world, &servers[0], count).await;
        println!(
            "  {count:>2} new images   {trips:>5.2} x 20 ms to the verdict   target <= 3.3   ({:.2} real trips)",
            trips * 20.0 / trip
        );
    }
    let (most, objects) = cold::stampede(&world, &servers[0], 1000).await;
    println!(
        "  1,000 reviews of 1 new image: each of {objects} objects requested at most {most} times   target 1"
    );
    let (without, with, waiting) =
        cold::beside_hanging(&world, &servers[0], &headline, 1000, plan.hanging).await;
    println!(
        "  registry hangs, {waiting} cold reviews waiting: warm p99 {with:.0} us, {without:.0} us without them, ratio {:.2}   target 1",
        with / without
    );
    println!(
        "  resident after all this: {:.1} MiB",
        servers[0].resident()
    );
}

/// Start and idle memory of fresh processes.
async fn start_and_memory(world: &World) {
    let mut ready = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..5 {
        let server = Server::floe(world.folder());
        ready.push(server.ready_after.as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(200)).await;
        resident.push(server.resident());
    }
    println!("start");
    println!(
        "  exec to ready  {:>6.1} ms    target <= 100",
        median(ready)
    );
    println!(
        "  idle memory    {:>6.1} MiB   target <= 20",
        median(resident)
    );
}

/// Interleaved rounds over all servers, medians.
async fn warm(world: &World, servers: &[Server; 4], plan: &Plan, load: &Load, time: Duration) {
    for protocol in Protocol::ALL {
        let mut runs: [Vec<Run>; 4] = Default::default();
        for round in 0..=plan.rounds {
            for (server, runs) in servers.iter().zip(&mut runs) {
                // The registry lives in this process and must be able to
                // answer meanwhile.
                let run = tokio::task::block_in_place(|| {
                    load::run(server, protocol, load, time, world.folder())
                });
                // The first round brings the facts into memory.
                if round > 0 {
                    runs.push(run);
                }
            }
        }
        let [floe, quiet, parsing, constant] = runs;
        let of = |part: &[Run], base: &[Run], value: fn(&Run) -> f64| {
            // Ratios within a round, so that a disturbance hits both sides.
            median(part.iter().zip(base).map(|(a, b)| value(a) / value(b)))
        };
        let rate: fn(&Run) -> f64 = |run| run.per_second;
        let p99: fn(&Run) -> f64 = |run| run.p99;
        println!("\n{}, {} bytes, {}", load.name, load.bytes, protocol.name());
        println!("  requests per second of processor time, and p99:");
        for (server, runs) in servers.iter().zip([&floe, &quiet, &parsing, &constant]) {
            println!(
                "    {:<18} {:>7.0}   {:>6.0} us",
                server.name,
                median(runs.iter().map(rate)),
                median(runs.iter().map(p99)),
            );
        }
        println!(
            "  floe / parse only  {:>5.1} %   target >= 90 %   (without the log line {:.1} %)",
            100.0 * of(&floe, &parsing, rate),
            100.0 * of(&quiet, &parsing, rate),
        );
        println!(
            "  floe / constant    {:>5.1} %   target >= 60 %   (without the log line {:.1} %)",
            100.0 * of(&floe, &constant, rate),
            100.0 * of(&quiet, &constant, rate),
        );
        println!(
            "  p99, floe to parse only {:.2}, to constant {:.2}   target <= 1.5",
            of(&floe, &parsing, p99),
            of(&floe, &constant, p99),
        );
    }
}
