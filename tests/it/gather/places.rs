//! Images in mirrors, and signatures that are kept apart from the images.

use floe::policy::{ImagePattern, PolicyDocument, compile};
use floe::source::registry::{Credential, HostOptions, Secret};
use floe::source::{Mirror, Mirrors};
use floe::trust::Materials;
use floe::verifier::{SignatureStore, Whereabouts};
use serde_json::json;

use super::*;
use crate::support::authority::{cosign_legacy, legacy, simple_signing_payload};
use crate::support::hostile::Auth;

fn engine_at(whereabouts: Whereabouts) -> Engine {
    let registry = Registry::new(Options::command_line()).expect("a client");
    Verifier::located(registry, Tokio, Limits::default(), whereabouts)
}

fn mirrored(registry: &Hostile, mirror: &str, of: &str) -> Whereabouts {
    let named = |path: &str| format!("{}/{path}", registry.host());
    let mirror = Mirror {
        mirror: named(mirror).parse().expect("a prefix"),
        of: named(of).parse().expect("a prefix"),
    };
    let mirrors = Mirrors::new(vec![mirror]).expect("usable");
    Whereabouts::new(mirrors, Vec::new()).expect("usable")
}

fn stored(repository: Option<&str>, prefix: &str) -> Whereabouts {
    let store = SignatureStore {
        images: ImagePattern::parse("**").expect("a pattern"),
        repository: repository.map(|name| name.parse().expect("a repository")),
        tag_prefix: prefix.parse().expect("a prefix"),
    };
    Whereabouts::new(Mirrors::default(), vec![store]).expect("usable")
}

/// A policy for `images`, with one key.
fn policy_for(images: &str, key: &Key, signed_for: bool) -> PolicySet {
    let mut spec = json!({
        "match": {"images": [images]},
        "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
    });
    if signed_for {
        spec["signedFor"] = json!("repository");
    }
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: json!({
            "apiVersion": "floe.dev/v1", "kind": "TrustPolicy",
            "metadata": {"name": "prod"}, "spec": spec,
        })
        .to_string(),
    };
    let compiled = compile(&[document]).expect("a policy");
    compiled.bind(&Materials::default())
}

#[tokio::test]
async fn an_image_in_a_mirror_is_judged_as_the_origins() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    let origin = format!("{}/{REPOSITORY}", registry.host());
    let engine = || engine_at(mirrored(&registry, "cache", "team"));
    let ask = |images: &str| {
        let policies = policy_for(&format!("{}/{images}", registry.host()), &key, false);
        Asked::new(&registry, "cache/app", &image, policies)
    };
    let verdict = ask("team/**").verify(&engine()).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    let written = verdict.reference().expect("a reference").to_string();
    assert_eq!(
        written,
        format!("{}/cache/app@{}", registry.host(), image.digest)
    );
    let judged = verdict.pinned().expect("pinned").to_string();
    assert_eq!(judged, format!("{origin}@{}", image.digest));
    assert_eq!(registry.count("/cache/"), 0, "the mirror is asked nothing");

    // A policy for the mirror's name is not for what is in it.
    let verdict = ask("cache/**").verify(&engine()).await;
    assert_eq!(codes(&verdict), ["no-policy-matches"], "{verdict:?}");
    // Without the mapping it is the other way round.
    let verdict = ask("team/**").verify(&super::engine()).await;
    assert_eq!(codes(&verdict), ["no-policy-matches"], "{verdict:?}");
}

#[tokio::test]
async fn a_signature_in_the_mirror_alone_is_none() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = Hostile::start().await;
    fill(&registry, "cache/app", &contents);
    let mut bare = RepositoryContents::new();
    assert_eq!(bare.image("v1").digest, image.digest);
    fill(&registry, REPOSITORY, &bare);
    let engine = engine_at(mirrored(&registry, "cache", "team"));
    let asked = Asked::new(&registry, "cache/app", &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");
}

#[tokio::test]
async fn a_signature_for_one_repository_names_the_origin_and_not_the_mirror() {
    let key = Key::generate(KeyKind::P256);
    for (named, expected) in [("team/app", Decision::Allow), ("cache/app", Decision::Deny)] {
        let registry = Hostile::start().await;
        let mut contents = RepositoryContents::new();
        let image = contents.image("v1");
        let payload = simple_signing_payload(
            &image.digest.to_string(),
            &format!("{}/{named}", registry.host()),
        );
        let signature = key.sign(payload.as_bytes());
        contents.attach(&image, &legacy(payload, &signature));
        fill(&registry, REPOSITORY, &contents);
        let policies = policy_for("**", &key, true);
        let asked = Asked::new(&registry, "cache/app", &image, policies);
        let engine = engine_at(mirrored(&registry, "cache", "team"));
        let verdict = asked.verify(&engine).await;
        assert_eq!(verdict.decision(), expected, "{named} {verdict:?}");
        if expected == Decision::Deny {
            let found = codes(&verdict);
            assert!(
                found.contains(&"signature-for-another-repository"),
                "{found:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_tag_of_a_mirror_is_what_the_mirror_would_be_pulled_for() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    // The origin's tag has moved on.
    let mut mirror = RepositoryContents::new();
    assert_eq!(mirror.image("v1").digest, image.digest);
    fill(&registry, "cache/app", &mirror);
    registry.behave(
        &format!("/{REPOSITORY}/manifests/v1"),
        Behaviour::status(500),
    );
    let mut asked = Asked::new(&registry, "cache/app", &image, one_key(&key));
    asked.reference = format!("{}/cache/app:v1", registry.host())
        .parse()
        .expect("a reference");
    let engine = engine_at(mirrored(&registry, "cache", "team"));
    let verdict = asked.verify(&engine).await;
    assert_eq!(codes(&verdict), ["tag-not-pinned"], "{verdict:?}");
    let message = &verdict.outcomes()[0].findings[0].message;
    let deploy = format!("deploy {}/cache/app@{}", registry.host(), image.digest);
    assert!(message.contains(&deploy), "{message}");
    assert_eq!(registry.count("/cache/app/manifests/v1"), 1);
}

#[tokio::test]
async fn a_name_in_a_mirror_that_is_none_in_the_origin_is_refused_unasked() {
    let key = Key::generate(KeyKind::P256);
    let (contents, image) = signed(&key);
    let registry = serve(&contents).await;
    let long = "a/".repeat(100) + "a";
    let engine = engine_at(mirrored(&registry, "m", &long));
    let name = format!("m/{}", "b".repeat(60));
    let asked = Asked::new(&registry, &name, &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_eq!(codes(&verdict), ["reference-invalid"], "{verdict:?}");
    assert_eq!(registry.requests(), []);
}

#[tokio::test]
async fn signatures_that_are_kept_apart_are_found_there_and_only_there() {
    let key = Key::generate(KeyKind::P256);
    type Sign = fn(&mut RepositoryContents, &Image, &Key);
    let layouts: [(&str, bool, Sign); 3] = [
        ("referrers", true, |contents, image, key| {
            contents.sign_bundle(image, key);
        }),
        ("the referrers tag", false, |contents, image, key| {
            contents.sign_bundle(image, key);
            contents.tag_referrers(image);
        }),
        ("the signature tag", true, |contents, image, key| {
            contents.sign_legacy(image, key);
        }),
    ];
    for (name, endpoint, sign) in layouts {
        let registry = Hostile::start().await;
        registry.offer_referrers(endpoint);
        let (mut images, mut signatures) = (RepositoryContents::new(), RepositoryContents::new());
        let image = images.image("v1");
        signatures.image("something else");
        sign(&mut signatures, &image, &key);
        fill(&registry, REPOSITORY, &images);
        fill(&registry, "signatures", &signatures);
        let apart = format!("{}/signatures", registry.host());
        let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
        let verdict = asked.verify(&engine_at(stored(Some(&apart), ""))).await;
        assert_eq!(verdict.decision(), Decision::Allow, "{name} {verdict:?}");
        assert_eq!(registry.count(REPOSITORY), 0, "{name}");
        let verdict = asked.verify(&engine()).await;
        assert_eq!(codes(&verdict), ["signature-missing"], "{name} {verdict:?}");

        // Beside the image it is not looked for.
        let registry = Hostile::start().await;
        registry.offer_referrers(endpoint);
        sign(&mut images, &image, &key);
        fill(&registry, REPOSITORY, &images);
        let mut others = RepositoryContents::new();
        others.image("something else");
        fill(&registry, "signatures", &others);
        let apart = format!("{}/signatures", registry.host());
        let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
        let verdict = asked.verify(&engine_at(stored(Some(&apart), ""))).await;
        assert_eq!(codes(&verdict), ["signature-missing"], "{name} {verdict:?}");
    }
}

#[tokio::test]
async fn absence_counts_only_if_image_and_signatures_could_be_seen() {
    let key = Key::generate(KeyKind::P256);
    let mut images = RepositoryContents::new();
    let image = images.image("v1");
    let registry = Hostile::start().await;
    fill(&registry, REPOSITORY, &images);
    let apart = format!("{}/signatures", registry.host());
    let engine = || engine_at(stored(Some(&apart), ""));
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    // Nothing was ever pushed there, or the name is wrong: nobody can tell.
    assert_inconclusive(&asked.verify(&engine()).await, &["signatures-not-visible"]);
    let mut others = RepositoryContents::new();
    others.image("something else");
    fill(&registry, "signatures", &others);
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");
    assert!(!verdict.is_inconclusive());
    for (part, status, code) in [
        ("/signatures/tags/", 403, "signatures-not-visible"),
        ("/signatures/tags/", 500, "registry-error"),
        ("/manifests/sha256:", 404, "image-not-visible"),
    ] {
        registry.behave_well();
        registry.behave(part, Behaviour::status(status));
        assert_inconclusive(&asked.verify(&engine()).await, &[code]);
    }
}

#[tokio::test]
async fn a_tag_prefix_belongs_to_the_tags_and_to_what_is_known() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let manifest = contents.attach(&image, &cosign_legacy(&key, &image));
    let tag = format!("sha256-{}.sig", image.digest.hex());
    assert_eq!(contents.tags.remove(&tag), Some(manifest));
    contents.tags.insert(format!("prod-{tag}"), manifest);
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    for (prefix, expected) in [("prod-", Decision::Allow), ("prod", Decision::Deny)] {
        let verdict = asked.verify(&engine_at(stored(None, prefix))).await;
        assert_eq!(verdict.decision(), expected, "{prefix} {verdict:?}");
    }
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");

    // One digest under two names whose signatures are kept in one repository
    // under different tags: what is known of one says nothing about the other.
    fill(&registry, "other/app", &contents);
    let store = |images: &str, prefix: &str| SignatureStore {
        images: ImagePattern::parse(&format!("{}/{images}", registry.host())).expect("a pattern"),
        repository: Some(registry.repository(REPOSITORY)),
        tag_prefix: prefix.parse().expect("a prefix"),
    };
    let stores = vec![store("team/**", "prod-"), store("other/**", "test-")];
    let engine = engine_at(Whereabouts::new(Mirrors::default(), stores).expect("usable"));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    let other = Asked::new(&registry, "other/app", &image, one_key(&key));
    let verdict = other.verify(&engine).await;
    assert_eq!(codes(&verdict), ["signature-missing"], "{verdict:?}");
}

#[tokio::test]
async fn credentials_are_those_of_the_repository_that_is_asked() {
    let key = Key::generate(KeyKind::P256);
    let (signatures, image) = signed(&key);
    let (images, apart) = (Hostile::start().await, Hostile::start().await);
    let mut bare = RepositoryContents::new();
    bare.image("v1");
    fill(&images, REPOSITORY, &bare);
    fill(&apart, "signatures", &signatures);
    images.require(Auth::Basic("puller", "one"));
    apart.require(Auth::Basic("reader", "two"));
    let mut options = Options::command_line();
    for (registry, user, password) in [(&images, "puller", "one"), (&apart, "reader", "two")] {
        let host = HostOptions {
            credentials: Some(Credential::Password {
                username: user.into(),
                password: Secret::new(password),
            }),
            ..HostOptions::default()
        };
        options
            .hosts
            .insert(registry.host().parse().expect("a registry"), host);
    }
    let store = format!("{}/signatures", apart.host());
    let source = Registry::new(options).expect("a client");
    let engine = Verifier::located(source, Tokio, Limits::default(), stored(Some(&store), ""));
    let asked = Asked::new(&images, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert_eq!(
        images.requests(),
        [],
        "nothing is asked of the image's registry"
    );
    assert!(apart.requests().len() > 1);
}
