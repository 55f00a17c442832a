//! Image indexes: what has to be signed, what is read for it, and how often.

use serde_json::{Value, json};

use floe::policy::{PolicyDocument, compile};
use floe::trust::Materials;

use super::*;
use crate::support::authority::{INDEX, MANIFEST};

/// The policies of `documents`, each a name, an enforcement and what is added
/// to the specification; all of them with these keys.
fn policies_with(keys: &[&Key], documents: &[(&str, &str, Value)]) -> PolicySet {
    let authorities: Vec<_> = keys
        .iter()
        .zip(["a", "b", "c"])
        .map(|(key, name)| json!({"name": name, "key": {"pem": key.pem()}}))
        .collect();
    let documents: Vec<_> = documents
        .iter()
        .map(|(name, enforcement, more)| {
            let mut spec = json!({
                "match": {}, "enforcement": enforcement, "authorities": authorities,
            });
            for (field, value) in more.as_object().expect("fields") {
                spec[field] = value.clone();
            }
            PolicyDocument {
                origin: format!("{name}.yaml").into(),
                text: json!({
                    "apiVersion": "floe.dev/v1", "kind": "TrustPolicy",
                    "metadata": {"name": name}, "spec": spec,
                })
                .to_string(),
            }
        })
        .collect();
    let compiled = compile(&documents).expect("policies that compile");
    compiled.bind(&Materials::default())
}

fn policy(keys: &[&Key], more: Value) -> PolicySet {
    policies_with(keys, &[("prod", "enforce", more)])
}

fn every_child(key: &Key) -> PolicySet {
    policy(&[key], json!({"multiArch": "everyChild"}))
}

/// An entry of an index, for `platform` unless that is empty.
pub(super) fn entry(image: &Image, media_type: &str, platform: &str) -> Value {
    let mut entry = json!({
        "mediaType": media_type, "digest": image.digest.to_string(), "size": image.size,
    });
    if let Some((os, architecture)) = platform.split_once('/') {
        entry["platform"] = json!({"os": os, "architecture": architecture});
    }
    entry
}

pub(super) fn index(contents: &mut RepositoryContents, entries: &[Value]) -> Image {
    let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    contents.manifest(INDEX, text.to_string())
}

/// An index as builders make it: two platforms, an attestation manifest of
/// BuildKit, and a nested index of one more.
struct Build {
    contents: RepositoryContents,
    index: Image,
    /// Everything that the index lists, with what it is.
    below: Vec<(&'static str, Image)>,
}

impl Build {
    fn new() -> Self {
        let mut contents = RepositoryContents::new();
        let [amd64, arm64, attestation, riscv] =
            ["amd64", "arm64", "attestation", "riscv"].map(|name| contents.image(name));
        let nested = index(&mut contents, &[entry(&riscv, MANIFEST, "linux/riscv64")]);
        let entries = [
            entry(&amd64, MANIFEST, "linux/amd64"),
            entry(&arm64, MANIFEST, "linux/arm64"),
            entry(&attestation, MANIFEST, "unknown/unknown"),
            entry(&nested, INDEX, ""),
        ];
        Self {
            index: index(&mut contents, &entries),
            below: vec![
                ("linux/amd64", amd64),
                ("linux/arm64", arm64),
                ("unknown/unknown", attestation),
                ("the nested index", nested),
                ("linux/riscv64", riscv),
            ],
            contents,
        }
    }

    fn sign_below(&mut self, key: &Key, but: Option<usize>) {
        for (at, (_, image)) in self.below.iter().enumerate() {
            if Some(at) != but {
                self.contents.sign_bundle(image, key);
            }
        }
    }

    async fn verdict(&self, image: &Image, policies: PolicySet) -> Verdict {
        let registry = serve(&self.contents).await;
        let asked = Asked::new(&registry, REPOSITORY, image, policies);
        asked.verify(&engine()).await
    }
}

#[tokio::test]
async fn a_signed_index_speaks_for_a_child_only_where_the_index_is_referenced() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.contents.sign_bundle(&build.index, &key);
    let policies = || policy(&[&key], json!({}));
    let verdict = build.verdict(&build.index, policies()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    let child = build.below[0].1.clone();
    let verdict = build.verdict(&child, policies()).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");

    let mut build = Build::new();
    build.sign_below(&key, None);
    let verdict = build.verdict(&build.index, policies()).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");
    let verdict = build.verdict(&child, policies()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[tokio::test]
async fn with_every_child_each_entry_counts_nested_and_unknown_ones_too() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.sign_below(&key, None);
    let verdict = build.verdict(&build.index, every_child(&key)).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    let signers = &verdict.outcomes()[0].signers;
    assert_eq!(signers.len(), 1, "{signers:?}");
    assert_eq!(&*signers[0].authority, "a");

    for at in 0..build.below.len() {
        let mut build = Build::new();
        build.sign_below(&key, Some(at));
        let (name, image) = build.below[at].clone();
        let verdict = build.verdict(&build.index, every_child(&key)).await;
        assert_eq!(codes(&verdict), ["child-not-signed"], "{name} {verdict:?}");
        assert!(!verdict.is_inconclusive(), "{name}");
        let message = &verdict.outcomes()[0].findings[0].message;
        assert!(message.contains(&image.digest.to_string()), "{message}");
        if name.contains('/') {
            assert!(message.starts_with(name), "{message}");
        }
    }
    // That of the index is not theirs.
    let mut build = Build::new();
    build.contents.sign_bundle(&build.index, &key);
    let verdict = build.verdict(&build.index, every_child(&key)).await;
    assert_eq!(codes(&verdict), ["child-not-signed"], "{verdict:?}");
}

#[tokio::test]
async fn every_child_is_signed_by_the_same_signers_or_does_not_count() {
    let keys = [Key::generate(KeyKind::P256), Key::generate(KeyKind::P256)];
    let [a, b] = &keys;
    let any = || policy(&[a, b], json!({"multiArch": "everyChild"}));
    let mut build = Build::new();
    for (at, (_, image)) in build.below.iter().enumerate() {
        build.contents.sign_bundle(image, &keys[at % 2]);
    }
    let verdict = build.verdict(&build.index, any()).await;
    assert_eq!(codes(&verdict), ["child-signers-differ"], "{verdict:?}");
    assert!(!verdict.is_inconclusive());

    // One of them signed all; the other's signatures beside that hurt nothing.
    build.sign_below(b, None);
    let verdict = build.verdict(&build.index, any()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert_eq!(&*verdict.outcomes()[0].signers[0].authority, "b");

    let both = || {
        let all = json!({"multiArch": "everyChild", "require": {"allOf": ["a", "b"]}});
        policy(&[a, b], all)
    };
    let verdict = build.verdict(&build.index, both()).await;
    assert_eq!(codes(&verdict), ["child-not-signed"], "{verdict:?}");
    build.sign_below(a, None);
    let verdict = build.verdict(&build.index, both()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert_eq!(verdict.outcomes()[0].signers.len(), 2);
}

#[tokio::test]
async fn an_image_is_its_own_only_child() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    let bare = contents.image("bare");
    let registry = serve(&contents).await;
    for mode in ["everyChild", "child"] {
        let policies = || policy(&[&key], json!({"multiArch": mode}));
        let asked = Asked::new(&registry, REPOSITORY, &image, policies());
        let verdict = asked.verify(&engine()).await;
        assert_eq!(verdict.decision(), Decision::Allow, "{mode} {verdict:?}");
        let asked = Asked::new(&registry, REPOSITORY, &bare, policies());
        let verdict = asked.verify(&engine()).await;
        assert_eq!(codes(&verdict), ["signature-missing"], "{mode} {verdict:?}");
    }
}

#[tokio::test]
async fn where_only_images_are_accepted_an_index_is_refused_with_what_to_deploy() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.contents.sign_bundle(&build.index, &key);
    build.sign_below(&key, None);
    let policies = policy(&[&key], json!({"multiArch": "child"}));
    let verdict = build.verdict(&build.index, policies).await;
    assert_eq!(codes(&verdict), ["index-not-accepted"], "{verdict:?}");
    assert!(!verdict.is_inconclusive());
    let message = &verdict.outcomes()[0].findings[0].message;
    for (name, image) in &build.below {
        let named = message.contains(&image.digest.to_string());
        assert_eq!(named, *name != "unknown/unknown", "{name} {message}");
    }
}

#[tokio::test]
async fn an_index_that_lists_nothing_proves_nothing() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let empty = index(&mut contents, &[]);
    let outer = index(&mut contents, &[entry(&empty, INDEX, "")]);
    contents.sign_bundle(&empty, &key);
    contents.sign_bundle(&outer, &key);
    let registry = serve(&contents).await;
    for image in [empty, outer] {
        let asked = Asked::new(&registry, REPOSITORY, &image, every_child(&key));
        let verdict = asked.verify(&engine()).await;
        assert_eq!(codes(&verdict), ["index-empty"], "{verdict:?}");
        assert!(!verdict.is_inconclusive());
    }
}

#[tokio::test]
async fn an_index_that_is_listed_as_an_image_hides_nothing_it_lists() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let unsigned = contents.image("unsigned");
    let nested = index(&mut contents, &[entry(&unsigned, MANIFEST, "linux/amd64")]);
    let outer = index(&mut contents, &[entry(&nested, MANIFEST, "linux/amd64")]);
    contents.sign_bundle(&nested, &key);
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &outer, every_child(&key));
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["child-not-signed"], "{verdict:?}");
}

#[tokio::test]
async fn an_index_beyond_the_bounds_is_an_obstacle_that_names_the_cure() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.sign_below(&key, None);
    let registry = serve(&build.contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &build.index, every_child(&key));
    let limits = |index_manifests, index_depth| Limits {
        index_manifests,
        index_depth,
        ..Limits::default()
    };
    for limits in [limits(4, 4), limits(64, 1)] {
        let verdict = asked.verify(&engine_with(limits)).await;
        assert_inconclusive(&verdict, &["index-too-large"]);
        let message = &verdict.outcomes()[0].findings[0].message;
        assert!(message.contains("sign the index itself"), "{message}");
    }
    let verdict = asked.verify(&engine_with(limits(5, 2))).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[tokio::test]
async fn what_cannot_be_read_of_an_index_is_an_obstacle_with_its_own_code() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.sign_below(&key, None);
    let child = build.below[1].1.digest;
    for (part, behaviour, code) in [
        (
            build.index.digest,
            Behaviour::status(404),
            "image-not-visible",
        ),
        (
            build.index.digest,
            Behaviour::status(403),
            "image-not-visible",
        ),
        (child, Behaviour::status(404), "content-missing"),
        (child, Behaviour::status(403), "registry-access-denied"),
        (child, Behaviour::status(429), "registry-rate-limited"),
        (
            child,
            Behaviour::Body("{}".into()),
            "content-digest-mismatch",
        ),
    ] {
        let registry = serve(&build.contents).await;
        registry.behave(&format!("/manifests/{part}"), behaviour.clone());
        let asked = Asked::new(&registry, REPOSITORY, &build.index, every_child(&key));
        let verdict = asked.verify(&answers::asking_once()).await;
        assert_inconclusive(&verdict, &[code]);
        // An obstacle is not kept.
        registry.behave_well();
        let verdict = asked.verify(&engine()).await;
        assert_eq!(verdict.decision(), Decision::Allow, "{code} {verdict:?}");
    }
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_bundle(&image, &key);
    let mut lie = entry(&image, MANIFEST, "linux/amd64");
    lie["size"] = json!(image.size + 1);
    let index = index(&mut contents, &[lie]);
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &index, every_child(&key));
    let verdict = asked.verify(&engine()).await;
    assert_inconclusive(&verdict, &["content-digest-mismatch"]);
}

#[tokio::test]
async fn one_child_that_cannot_be_looked_at_leaves_the_index_undecided() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.sign_below(&key, Some(1));
    let hidden = build.below[1].1.digest;
    let registry = serve(&build.contents).await;
    registry.behave(&format!("/referrers/{hidden}"), Behaviour::status(403));
    let asked = Asked::new(&registry, REPOSITORY, &build.index, every_child(&key));
    let verdict = asked.verify(&engine()).await;
    assert_inconclusive(&verdict, &["registry-access-denied"]);
    // A child that is certainly not signed decides it, whatever the others are.
    let mut build = Build::new();
    build.sign_below(&key, Some(0));
    let registry = serve(&build.contents).await;
    registry.behave(&format!("/referrers/{hidden}"), Behaviour::status(403));
    let asked = Asked::new(&registry, REPOSITORY, &build.index, every_child(&key));
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["child-not-signed"], "{verdict:?}");
    assert!(!verdict.is_inconclusive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_read_each_manifest_of_an_index_once_and_later_ones_none() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.sign_below(&key, None);
    let registry = serve(&build.contents).await;
    registry.delay(Duration::from_millis(20));
    let engine = engine();
    let asked = Asked::new(&registry, REPOSITORY, &build.index, every_child(&key));
    let asked = Arc::new(asked);
    let mut reviews = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (engine, asked) = (engine.clone(), Arc::clone(&asked));
        reviews.spawn(async move { asked.verify(&engine).await.decision() });
    }
    while let Some(verdict) = reviews.join_next().await {
        assert_eq!(verdict.expect("no panic"), Decision::Allow);
    }
    let requests = registry.requests();
    for request in &requests {
        let same = requests.iter().filter(|other| other.path == request.path);
        assert_eq!(same.count(), 1, "{}", request.path);
    }
    // Nothing was asked about what is attached to the index itself.
    assert_eq!(
        registry.count(&format!("/referrers/{}", build.index.digest)),
        0
    );

    settle(&engine, &asked).await;
    registry.forget_requests();
    registry.behave("/v2/", Behaviour::Hang);
    for _ in 0..10 {
        assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    }
    assert_eq!(registry.requests(), []);
}

#[tokio::test]
async fn a_warning_about_children_does_not_hold_up_what_the_index_proves() {
    let key = Key::generate(KeyKind::P256);
    let mut build = Build::new();
    build.contents.sign_bundle(&build.index, &key);
    let registry = serve(&build.contents).await;
    let both = policies_with(
        &[&key],
        &[
            ("prod", "enforce", json!({})),
            ("soon", "warn", json!({"multiArch": "everyChild"})),
        ],
    );
    let engine = engine();
    let known = Asked::new(
        &registry,
        REPOSITORY,
        &build.index,
        policy(&[&key], json!({})),
    );
    assert_eq!(known.verify(&engine).await.decision(), Decision::Allow);
    settle(&engine, &known).await;
    registry.behave("/v2/", Behaviour::Hang);
    let asked = Asked::new(&registry, REPOSITORY, &build.index, both);
    let began = Instant::now();
    let verdict = asked.verify(&engine).await;
    assert!(began.elapsed() < Duration::from_secs(8), "held up");
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert!(verdict.warns());
    assert_eq!(codes(&verdict), ["deadline-exceeded"]);

    // And each policy is judged by its own rule.
    registry.behave_well();
    let verdict = asked.verify(&super::engine()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert_eq!(codes(&verdict), ["child-not-signed"]);
}
