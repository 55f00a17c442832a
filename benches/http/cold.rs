//! What is not warm: verdicts that need the registry, many reviews of one new
//! image, a registry that hangs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::load::{self, Protocol, median};
use crate::process::Server;
use crate::reviews::{self, Detail};
use crate::support::hostile::Behaviour;
use crate::world::{Load, NAMESPACE, World};

/// What a far registry takes for each answer.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A caller with warm connections.
struct Caller {
    client: reqwest::Client,
    url: String,
}

impl Caller {
    /// Connects, so that a thousand requests share one connection as those of
    /// the API server do.
    async fn new(server: &Server) -> Self {
        let client = reqwest::Client::builder()
            // The certificate was made a moment ago by the server itself.
            .tls_danger_accept_invalid_certs(true)
            .no_proxy()
            .build()
            .expect("a client");
        let base = format!("https://{}", server.address);
        let hello = client.get(format!("{base}/healthz")).send().await;
        let version = hello.expect("an answer").version();
        assert_eq!(version, reqwest::Version::HTTP_2);
        Self {
            client,
            url: format!("{base}/validate?timeout=10s"),
        }
    }

    /// Whether the review was admitted.
    async fn review(&self, body: String) -> bool {
        let request = self.client.post(&self.url);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.expect("a body");
        text.contains(r#""allowed":true"#)
    }
}

/// What one request to the slow registry takes, in milliseconds: a little more
/// than it waits, because its timer has whole milliseconds.
pub(crate) async fn one_trip(world: &World) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client");
    let url = format!("http://{}/v2/", world.registry.host());
    world.registry.delay(ROUND_TRIP);
    let mut measured = Vec::new();
    for _ in 0..12 {
        let begun = Instant::now();
        client.get(&url).send().await.expect("an answer");
        measured.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    world.registry.delay(Duration::ZERO);
    median(measured.into_iter().skip(1))
}

/// How long the verdict about `count` new images takes, in units of 20 ms.
pub(crate) async fn round_trips(world: &World, server: &Server, count: usize) -> f64 {
    const ROUNDS: usize = 7;
    let caller = Caller::new(server).await;
    world.registry.delay(ROUND_TRIP);
    let mut measured = Vec::new();
    for round in 0..=ROUNDS {
        let images = world.signed_images(&format!("cold-{count}-{round}"), count);
        let body = reviews::pod(NAMESPACE, &images, Detail::Short);
        let begun = Instant::now();
        assert!(caller.review(body).await, "refused");
        measured.push(begun.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64());
    }
    world.registry.delay(Duration::ZERO);
    // The first round opened the connections.
    median(measured.into_iter().skip(1))
}

/// How often the object that was requested most was requested, when this many
/// reviews of one new image come at once; and how many objects there were.
pub(crate) async fn stampede(world: &World, server: &Server, reviews: usize) -> (usize, usize) {
    let caller = Caller::new(server).await;
    world.registry.delay(ROUND_TRIP);
    world.registry.forget_requests();
    let image = [world.signed_image("stampede")];
    let body = reviews::pod(NAMESPACE, &image, Detail::Full);
    let answers = join_all((0..reviews).map(|_| caller.review(body.clone()))).await;
    assert!(answers.iter().all(|allowed| *allowed), "refused");
    world.registry.delay(Duration::ZERO);
    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.registry.requests() {
        *requests.entry(request.path).or_default() += 1;
    }
    let most = requests.values().max().copied().unwrap_or(0);
    (most, requests.len())
}

/// The p99 of warm reviews in microseconds, without and with this many cold
/// reviews that wait for a registry which does not answer.
pub(crate) async fn beside_hanging(
    world: &World,
    server: &Server,
    warm: &Load,
    reviews: usize,
    time: Duration,
) -> (f64, f64, usize) {
    /// As many as the bounds for one registry and one namespace let through.
    const IMAGES: usize = 120;
    let p99 = |rounds: usize| {
        let runs =
            (0..rounds).map(|_| load::run(server, Protocol::Http1, warm, time, world.folder()).p99);
        median(runs)
    };
    let without = p99(3);
    let images = world.signed_images("hanging", IMAGES);
    world.registry.behave("/shop/hanging-", Behaviour::Hang);
    let mut waiting = JoinSet::new();
    let caller = Arc::new(Caller::new(server).await);
    for image in images.iter().cycle().take(reviews) {
        let caller = Arc::clone(&caller);
        let body = reviews::pod(NAMESPACE, std::slice::from_ref(image), Detail::Full);
        waiting.spawn(async move { caller.review(body).await });
    }
    // All are under way when the registry has been asked about every image.
    let begun = Instant::now();
    while world.registry.count("/shop/hanging-") < 2 * IMAGES
        && begun.elapsed() < Duration::from_secs(4)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let with = tokio::task::block_in_place(|| p99(3));
    let still = waiting.len() - {
        let mut ended = 0;
        while waiting.try_join_next().is_some() {
            ended += 1;
        }
        ended
    };
    world.registry.behave_well();
    waiting.abort_all();
    (without, with, still)
}
