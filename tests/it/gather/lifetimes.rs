//! How long what was seen is used, on a clock that the test moves.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use floe::policy::{PolicyDocument, compile};
use floe::trust::Materials;
use floe::verifier::Runtime;
use serde_json::json;

use super::*;

/// The real clock, so many seconds ahead.
#[derive(Debug, Clone, Default)]
struct Ahead(Arc<AtomicU64>);

impl Ahead {
    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

impl Runtime for Ahead {
    fn now(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep_until(&self, deadline: Instant) {
        let rest = deadline.saturating_duration_since(self.now());
        tokio::time::sleep(rest).await;
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A signed image that was seen, a registry that is down from now on, and the
/// clock.
struct Outage {
    clock: Ahead,
    engine: Verifier<Registry, Ahead>,
    registry: Hostile,
    asked: Asked,
}

impl Outage {
    async fn new(known_good_for: Option<&str>) -> Self {
        let key = Key::generate(KeyKind::P256);
        let (contents, image) = signed(&key);
        let registry = serve(&contents).await;
        let mut spec = json!({
            "match": {},
            "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
        });
        if let Some(time) = known_good_for {
            spec["outage"] = json!({"knownGoodFor": time});
        }
        let document = json!({
            "apiVersion": "floe.dev/v1", "kind": "TrustPolicy",
            "metadata": {"name": "prod"}, "spec": spec,
        });
        let documents = [PolicyDocument {
            origin: "policy.yaml".into(),
            text: document.to_string(),
        }];
        let policies = compile(&documents).expect("a policy");
        let policies = policies.bind(&Materials::default());
        let clock = Ahead::default();
        let mut options = Options::command_line();
        options.limits.attempts = 1;
        let source = Registry::new(options).expect("a client");
        let outage = Self {
            engine: Verifier::new(source, clock.clone(), Limits::default()),
            asked: Asked::new(&registry, REPOSITORY, &image, policies),
            clock,
            registry,
        };
        assert_eq!(outage.codes().await, [""; 0]);
        outage.registry.behave("/v2/", Behaviour::status(503));
        outage
    }

    /// The codes of the verdict now; none if it is admitted.
    async fn codes(&self) -> Vec<&'static str> {
        let verdict = self
            .engine
            .verify(Request {
                reference: &self.asked.reference,
                subject: &self.asked.subject,
                policies: &self.asked.policies,
                at: Timestamp::UNIX_EPOCH,
                deadline: self.engine.now() + Duration::from_secs(8),
            })
            .await;
        assert_eq!(
            verdict.decision() == Decision::Allow,
            codes(&verdict).is_empty()
        );
        codes(&verdict)
    }

    /// Waits until nothing is being looked up.
    async fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.engine.flights_under_way() > 0 {
            assert!(Instant::now() < until, "a flight never lands");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_was_seen_is_used_in_an_outage_for_as_long_as_the_policy_says() {
    for (written, lifetime) in [(None, 24 * HOUR), (Some("90m"), 90 * MINUTE)] {
        let outage = Outage::new(written).await;
        outage.clock.pass(lifetime - MINUTE);
        assert_eq!(outage.codes().await, [""; 0], "{written:?}");
        outage.settle().await;
        outage.clock.pass(2 * MINUTE);
        assert_eq!(outage.codes().await, ["registry-error"], "{written:?}");
        // The registry is back, and so is the image.
        outage.registry.behave_well();
        assert_eq!(outage.codes().await, [""; 0], "{written:?}");
    }
}

#[tokio::test]
async fn without_grace_every_review_looks_again() {
    let outage = Outage::new(Some("0")).await;
    outage.clock.pass(Duration::from_secs(1));
    assert_eq!(outage.codes().await, ["registry-error"]);
}

#[tokio::test]
async fn what_is_older_than_ten_minutes_is_looked_at_again_while_it_is_used() {
    let outage = Outage::new(None).await;
    outage.settle().await;
    outage.registry.behave_well();
    outage.registry.forget_requests();
    outage.clock.pass(9 * MINUTE);
    assert_eq!(outage.codes().await, [""; 0]);
    outage.settle().await;
    assert_eq!(outage.registry.requests(), []);
    outage.clock.pass(2 * MINUTE);
    assert_eq!(outage.codes().await, [""; 0]);
    outage.settle().await;
    assert!(outage.registry.count("/referrers/") > 0);
    // The signature is gone from the registry: known after the next look.
    outage
        .registry
        .behave("/referrers/", Behaviour::status(404));
    outage
        .registry
        .behave("/manifests/sha256-", Behaviour::status(404));
    outage.clock.pass(11 * MINUTE);
    assert_eq!(outage.codes().await, [""; 0]);
    outage.settle().await;
    assert_eq!(outage.codes().await, ["signature-missing"]);
}
