//! The whole pipeline over a registry that counts, stalls and lies: what is
//! asked, how often, what is kept, and what each answer is worth.

mod answers;
mod attestations;
mod attested;
mod families;
mod lifetimes;
mod limits;
mod many;
mod places;

use std::sync::Arc;
use std::time::{Duration, Instant};

use floe::oci::Reference;
use floe::policy::PolicySet;
use floe::source::registry::{Options, Registry};
use floe::verdict::{Decision, Subject, Verdict};
use floe::verifier::{Limits, Request, Tokio, Verifier};
use jiff::Timestamp;

use crate::support::authority::{Image, Key, KeyKind, RepositoryContents, raw_bundle};
use crate::support::hostile::{Behaviour, Hostile};
use crate::verifier::policies;

pub(crate) const REPOSITORY: &str = "team/app";

type Engine = Verifier<Registry, Tokio>;

/// A registry that serves `contents`.
pub(crate) async fn serve(contents: &RepositoryContents) -> Hostile {
    let registry = Hostile::start().await;
    fill(&registry, REPOSITORY, contents);
    registry
}

pub(crate) fn fill(registry: &Hostile, repository: &str, contents: &RepositoryContents) {
    for bytes in contents.blobs.values() {
        registry.push_blob(bytes.clone());
    }
    for (digest, (media_type, bytes)) in &contents.manifests {
        let tags: Vec<_> = contents.tags.iter().filter(|(_, d)| *d == digest).collect();
        registry.push_manifest(repository, None, media_type, bytes.clone());
        for (tag, _) in tags {
            registry.push_manifest(repository, Some(tag), media_type, bytes.clone());
        }
    }
}

pub(crate) fn engine_with(limits: Limits) -> Engine {
    let registry = Registry::new(Options::command_line()).expect("a client");
    Verifier::new(registry, Tokio, limits)
}

pub(crate) fn engine() -> Engine {
    engine_with(Limits::default())
}

pub(crate) struct Asked {
    reference: Reference,
    policies: PolicySet,
    subject: Subject,
}

impl Asked {
    pub(crate) fn new(
        registry: &Hostile,
        repository: &str,
        image: &Image,
        policies: PolicySet,
    ) -> Self {
        let reference = format!("{}/{repository}@{}", registry.host(), image.digest);
        Self {
            reference: reference.parse().expect("a reference"),
            policies,
            subject: Subject::default(),
        }
    }

    async fn within(&self, engine: &Engine, patience: Duration) -> Verdict {
        engine
            .verify(Request {
                reference: &self.reference,
                subject: &self.subject,
                policies: &self.policies,
                at: Timestamp::UNIX_EPOCH,
                deadline: Instant::now() + patience,
            })
            .await
    }

    pub(crate) async fn verify(&self, engine: &Engine) -> Verdict {
        self.within(engine, Duration::from_secs(20)).await
    }
}

pub(crate) fn one_key(key: &Key) -> PolicySet {
    policies(&[("ci", key)], serde_json::Value::Null)
}

pub(crate) fn codes(verdict: &Verdict) -> Vec<&'static str> {
    let mut codes: Vec<_> = verdict.all_findings().map(|f| f.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

pub(crate) fn assert_inconclusive(verdict: &Verdict, expected: &[&str]) {
    assert_eq!(verdict.decision(), Decision::Deny, "{verdict:?}");
    assert!(verdict.is_inconclusive(), "{verdict:?}");
    assert_eq!(codes(verdict), expected, "{verdict:?}");
}

pub(crate) fn signed(key: &Key) -> (RepositoryContents, Image) {
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_bundle(&image, key);
    (contents, image)
}

#[tokio::test]
async fn a_cold_image_costs_the_requests_of_the_bound_and_a_known_one_none() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    contents.sign_legacy(&image, &key);
    let registry = serve(&contents).await;
    let engine = engine();
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    // The listing, the fallback tag at most, the legacy tag with one layer, one
    // referrer with one bundle: 3 + R + B + L with R = B = L = 1.
    assert!(registry.requests().len() <= 6, "{:?}", registry.requests());
    // Nothing that only other policies ask for: the attestations, and what the
    // image is.
    assert_eq!(registry.count(".att"), 0);
    assert_eq!(registry.count(&format!("/manifests/{}", image.digest)), 0);

    // The location that was not needed may still be landing.
    settle(&engine, &asked).await;
    registry.forget_requests();
    for _ in 0..100 {
        assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    }
    assert_eq!(registry.requests(), []);
}

/// Waits until nothing is under way any more for an image that is known.
async fn settle(engine: &Engine, asked: &Asked) {
    let until = Instant::now() + Duration::from_secs(10);
    while engine.flights_under_way() > 0 {
        assert!(Instant::now() < until, "a flight never lands");
        tokio::task::yield_now().await;
    }
    assert_eq!(asked.verify(engine).await.decision(), Decision::Allow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_of_one_new_digest_ask_for_each_object_once() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let good = contents.image("good");
    contents.sign_bundle(&good, &key);
    let bare = contents.image("bare");
    for (image, decision) in [(good, Decision::Allow), (bare, Decision::Deny)] {
        let registry = serve(&contents).await;
        registry.delay(Duration::from_millis(30));
        let engine = engine();
        let asked = Arc::new(Asked::new(&registry, REPOSITORY, &image, one_key(&key)));
        let mut reviews = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let (engine, asked) = (engine.clone(), Arc::clone(&asked));
            reviews.spawn(async move { asked.verify(&engine).await.decision() });
        }
        while let Some(verdict) = reviews.join_next().await {
            assert_eq!(verdict.expect("no panic"), decision);
        }
        let requests = registry.requests();
        for request in &requests {
            let same = requests
                .iter()
                .filter(|other| other.method == request.method && other.path == request.path);
            assert_eq!(same.count(), 1, "{} {}", request.method, request.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_of_a_thousand_callers_leaves_and_the_others_are_served() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    registry.delay(Duration::from_millis(50));
    let engine = engine();
    let asked = Arc::new(Asked::new(&registry, REPOSITORY, &image, one_key(&key)));
    let first = {
        let (engine, asked) = (engine.clone(), Arc::clone(&asked));
        tokio::spawn(async move { asked.verify(&engine).await })
    };
    while engine.flights_under_way() == 0 {
        tokio::task::yield_now().await;
    }
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..999 {
        let (engine, asked) = (engine.clone(), Arc::clone(&asked));
        others.spawn(async move { asked.verify(&engine).await.decision() });
    }
    first.abort();
    while let Some(verdict) = others.join_next().await {
        assert_eq!(verdict.expect("no panic"), Decision::Allow);
    }
    assert_eq!(registry.count("/referrers/"), 1);
}

#[tokio::test]
async fn a_callers_own_deadline_ends_its_wait_and_not_the_flight() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    registry.delay(Duration::from_millis(200));
    let engine = engine();
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let hasty = asked.within(&engine, Duration::from_millis(20)).await;
    assert_inconclusive(&hasty, &["deadline-exceeded"]);
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    assert_eq!(registry.count("/referrers/"), 1, "the second caller joined");
}

#[tokio::test]
async fn every_obstacle_is_inconclusive_by_its_own_code_and_gone_with_its_cause() {
    let key = Key::generate(KeyKind::P256);
    let slow = "registry-timeout";
    for (behaviour, code) in [
        (Behaviour::status(401), "registry-access-denied"),
        (Behaviour::status(403), "registry-access-denied"),
        (Behaviour::status(429), "registry-rate-limited"),
        (Behaviour::status(500), "registry-error"),
        (Behaviour::html(), "registry-answer-malformed"),
        (Behaviour::Truncated, "registry-unreachable"),
        (Behaviour::Hang, slow),
        (Behaviour::Drip(Duration::from_millis(300)), slow),
    ] {
        let (contents, image) = signed(&key);
        let registry = serve(&contents).await;
        registry.behave("/v2/", behaviour.clone());
        let engine = engine_with(Limits {
            gather_budget: Duration::from_secs(2),
            ..Limits::default()
        });
        let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
        let verdict = asked.verify(&engine).await;
        assert_eq!(verdict.decision(), Decision::Deny, "{behaviour:?}");
        assert!(verdict.is_inconclusive(), "{behaviour:?} {verdict:?}");
        assert_eq!(codes(&verdict), [code], "{behaviour:?} {verdict:?}");

        registry.behave_well();
        let verdict = asked.verify(&engine).await;
        assert_eq!(
            verdict.decision(),
            Decision::Allow,
            "{behaviour:?} {verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_404_for_an_image_that_cannot_be_seen_is_not_the_absence_of_signatures() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    registry.behave("/v2/", Behaviour::status(404));
    let engine = engine();
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_inconclusive(&verdict, &["image-not-visible"]);
}

#[tokio::test]
async fn an_image_that_can_be_seen_and_has_nothing_attached_is_unsigned() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let registry = serve(&contents).await;
    let engine = engine();
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");
    assert!(!verdict.is_inconclusive());
    // Listing, referrers tag, legacy tag, and the image itself.
    assert_eq!(registry.requests().len(), 4, "{:?}", registry.requests());
    registry.forget_requests();
    asked.verify(&engine).await;
    assert_eq!(
        registry.requests(),
        [],
        "an absence counts for some seconds"
    );
}

#[tokio::test]
async fn an_absence_is_forgotten_when_its_time_is_over() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        absence_lifetime: Duration::ZERO,
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Deny);
    contents.sign_bundle(&image, &key);
    fill(&registry, REPOSITORY, &contents);
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
}

#[tokio::test]
async fn one_digest_is_judged_in_each_repository_by_what_that_one_shows() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let mut bare = RepositoryContents::new();
    assert_eq!(bare.image("v1").digest, image.digest);
    let registry = Hostile::start().await;
    for good in ["good/app", "slow/app", "forbidden/app"] {
        fill(&registry, good, &contents);
    }
    fill(&registry, "bare/app", &bare);
    registry.behave("/slow/app/", Behaviour::Hang);
    registry.behave("/forbidden/app/", Behaviour::status(403));
    let engine = engine_with(Limits {
        gather_budget: Duration::from_secs(2),
        ..Limits::default()
    });
    let ask = |repository| Asked::new(&registry, repository, &image, one_key(&key));
    let asked = [
        ask("good/app"),
        ask("bare/app"),
        ask("slow/app"),
        ask("forbidden/app"),
    ];
    let [good, bare, slow, forbidden] =
        futures_util::future::join_all(asked.iter().map(|asked| asked.verify(&engine)))
            .await
            .try_into()
            .expect("four verdicts");
    assert_eq!(good.decision(), Decision::Allow, "{good:?}");
    assert_eq!(codes(&bare), ["signature-missing"]);
    assert_inconclusive(&slow, &["registry-timeout"]);
    assert_inconclusive(&forbidden, &["registry-access-denied"]);
}

#[tokio::test]
async fn what_is_known_is_admitted_while_the_registry_is_gone_and_a_new_key_works_on_it() {
    let (old, new) = (
        Key::generate(KeyKind::P256),
        Key::generate(KeyKind::Ed25519),
    );
    let (contents, image) = signed(&new);
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        gather_budget: Duration::from_secs(2),
        ..Limits::default()
    });
    let before = Asked::new(&registry, REPOSITORY, &image, one_key(&old));
    assert_eq!(
        codes(&before.verify(&engine).await),
        ["signature-missing", "signature-not-by-authority"]
    );
    registry.behave("/v2/", Behaviour::Hang);
    // The same evidence, another key: a fact that was never established.
    let after = Asked::new(&registry, REPOSITORY, &image, one_key(&new));
    let verdict = after.verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    // And the key that was taken away is gone at once.
    let verdict = before.verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Deny, "{verdict:?}");
}

#[tokio::test]
async fn one_location_that_hangs_does_not_hold_up_what_the_other_proves() {
    let key = Key::generate(KeyKind::P256);
    for (stuck, legacy) in [("/referrers/", true), (".sig", false)] {
        let mut contents = RepositoryContents::new();
        let image = contents.image("v1");
        if legacy {
            contents.sign_legacy(&image, &key);
        } else {
            contents.sign_bundle(&image, &key);
        }
        let registry = serve(&contents).await;
        registry.behave(stuck, Behaviour::Hang);
        let engine = engine();
        let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
        // Nothing but the good location can answer before the patience ends.
        let verdict = asked.within(&engine, Duration::from_secs(8)).await;
        assert_eq!(verdict.decision(), Decision::Allow, "{stuck} {verdict:?}");
        assert!(engine.flights_under_way() > 0, "{stuck} is still out");
    }
}

#[tokio::test]
async fn a_referrer_that_names_another_subject_is_no_evidence() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let (image, other) = (contents.image("v1"), contents.image("v2"));
    contents.sign_bundle(&other, &key);
    let registry = serve(&contents).await;
    // The registry lists the other image's referrers for this one.
    registry.behave(
        &format!("/referrers/{}", image.digest),
        Behaviour::Body(contents.referrers_index(&other.digest).into()),
    );
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");
}

#[tokio::test]
async fn bytes_that_are_not_the_ones_asked_for_are_an_obstacle() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    registry.behave("/blobs/", Behaviour::Body("another bundle".into()));
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine()).await;
    assert_inconclusive(&verdict, &["content-digest-mismatch"]);
}

#[tokio::test]
async fn a_full_gate_refuses_new_images_at_once_and_still_answers_known_ones() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, known) = signed(&key);
    let fresh: Vec<_> = (0..4)
        .map(|n| contents.image(&format!("new-{n}")))
        .collect();
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        flights_per_registry: 4,
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &known, one_key(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    settle(&engine, &asked).await;
    registry.behave("/v2/", Behaviour::Hang);
    let waiting: Vec<_> = fresh[..2]
        .iter()
        .map(|image| Arc::new(Asked::new(&registry, REPOSITORY, image, one_key(&key))))
        .map(|asked| {
            let engine = engine.clone();
            tokio::spawn(async move { asked.verify(&engine).await })
        })
        .collect();
    while engine.flights_under_way() < 4 {
        tokio::task::yield_now().await;
    }
    let refused = Asked::new(&registry, REPOSITORY, &fresh[2], one_key(&key));
    let verdict = refused.verify(&engine).await;
    assert_inconclusive(&verdict, &["gather-capacity-exceeded"]);
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    for task in waiting {
        task.abort();
    }
}

#[tokio::test]
async fn one_namespace_cannot_use_up_what_all_share() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let images: Vec<_> = (0..3).map(|n| contents.image(&format!("v{n}"))).collect();
    contents.sign_bundle(&images[2], &key);
    let registry = serve(&contents).await;
    registry.behave(&images[0].digest.hex(), Behaviour::Hang);
    let engine = engine_with(Limits {
        flights_per_namespace: 2,
        ..Limits::default()
    });
    let ask = |image, namespace: &str| Asked {
        subject: Subject {
            namespace: Some(namespace.into()),
            channels: None,
        },
        ..Asked::new(&registry, REPOSITORY, image, one_key(&key))
    };
    let greedy = Arc::new(ask(&images[0], "greedy"));
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { greedy.verify(&engine).await })
    };
    while engine.flights_under_way() < 2 {
        tokio::task::yield_now().await;
    }
    let verdict = ask(&images[1], "greedy").verify(&engine).await;
    assert_inconclusive(&verdict, &["gather-capacity-exceeded"]);
    let verdict = ask(&images[2], "modest").verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    waiting.abort();
}

#[tokio::test]
async fn a_tag_costs_one_request_for_its_name_and_is_refused_with_the_verdict_for_it() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    let mut asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    asked.reference = format!("{}/{REPOSITORY}:v1", registry.host())
        .parse()
        .expect("a reference");
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["tag-not-pinned"], "{verdict:?}");
    assert_eq!(registry.count("/manifests/v1"), 1);
    let message = &verdict.outcomes()[0].findings[0].message;
    assert!(message.contains(&image.digest.to_string()), "{message}");

    registry.behave("/manifests/v1", Behaviour::status(500));
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["tag-not-pinned"], "only the text changes");
}

#[tokio::test]
async fn nothing_is_asked_about_an_image_that_no_policy_is_evaluated_for() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    let none = floe::policy::compile(&[])
        .expect("no documents")
        .bind(&floe::trust::Materials::default());
    let asked = Asked::new(&registry, REPOSITORY, &image, none);
    assert_eq!(asked.verify(&engine()).await.decision(), Decision::Deny);
    assert_eq!(registry.requests(), []);
}

#[tokio::test]
async fn old_evidence_is_looked_at_again_in_the_background_and_serves_meanwhile() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        soft_lifetime: Duration::ZERO,
        refresh_interval: Duration::from_secs(3600),
        gather_budget: Duration::from_secs(2),
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    registry.behave("/v2/", Behaviour::status(500));
    // The first review after that looks again in the background and meets an
    // obstacle: what was seen stays in use, and one look an interval is enough.
    settle(&engine, &asked).await;
    settle(&engine, &asked).await;
    assert!(registry.count("/referrers/") > 1, "nobody looked again");
    registry.forget_requests();
    for _ in 0..10 {
        settle(&engine, &asked).await;
    }
    assert_eq!(registry.requests(), []);
}
