//! What each answer of a registry means.

use std::time::{Duration, Instant};

use floe::oci::{Descriptor, Digest, fallback_tag, media_type};
use floe::source::registry::{Limits, Options};
use floe::source::{ReferrersVia, Source, SourceError};

use super::{attach, client, image, kind, nowhere, once, soon};
use crate::support::hostile::{Behaviour, Hostile, entry, index};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[tokio::test]
async fn a_cold_image_costs_one_request_for_each_thing_that_is_read() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let bundle = attach(&registry, &image, BUNDLE);
    let client = client(once());
    let listing = client.referrers(&image, 10, soon()).await.expect("listed");
    assert_eq!(listing.via, ReferrersVia::Endpoint);
    assert!(!listing.truncated);
    assert_eq!(listing.entries, std::slice::from_ref(&bundle));
    let pinned = image.repository().pin(bundle.digest);
    let manifest = client.manifest(&pinned, soon()).await.expect("read");
    assert_eq!(manifest.digest(), bundle.digest);
    let config = Descriptor::new(media_type::EMPTY, Digest::sha256(b"{}"), 2);
    let blob = client.blob(image.repository(), &config, 100, soon()).await;
    assert_eq!(blob.expect("read").bytes().as_ref(), b"{}");
    assert_eq!(registry.requests().len(), 3);
    for request in registry.requests() {
        let headers = request.everything;
        assert!(
            headers.contains(r#""accept-encoding": "identity""#),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn a_tag_is_resolved_by_one_head_and_without_the_header_by_its_bytes() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    let tag = "v1".parse().expect("a tag");
    let repository = image.repository();
    let digest = client.resolve(repository, &tag, soon()).await;
    assert_eq!(digest, Ok(image.digest()));
    assert_eq!(registry.requests().len(), 1);
    assert_eq!(registry.requests()[0].method, "HEAD");
    for behaviour in [Behaviour::NoDigestHeader, Behaviour::status(405)] {
        registry.behave_times("/manifests/v1", 1, behaviour);
        let digest = client.resolve(repository, &tag, soon()).await;
        assert_eq!(digest, Ok(image.digest()));
    }
    let gone = "gone".parse().expect("a tag");
    let digest = client.resolve(repository, &gone, soon()).await;
    assert_eq!(kind(&digest), "not found");
    registry.behave("/manifests/", Behaviour::html());
    let digest = client.resolve(repository, &tag, soon()).await;
    assert_eq!(kind(&digest), "malformed");
}

#[tokio::test]
async fn only_404_means_that_a_manifest_is_not_there() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    let tag = "v1".parse().expect("a tag");
    for (status, expected) in [
        (404, "not found"),
        (401, "denied"),
        (403, "denied"),
        (429, "rate limited"),
        (500, "server"),
        (501, "server"),
        (502, "server"),
        (400, "server"),
        (405, "server"),
        (406, "server"),
        (410, "server"),
        (204, "server"),
        (206, "server"),
        (304, "server"),
    ] {
        registry.behave_well();
        registry.behave("/manifests/", Behaviour::status(status));
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), expected, "{status} by digest");
        let got = client
            .manifest_by_tag(image.repository(), &tag, soon())
            .await;
        assert_eq!(kind(&got), expected, "{status} by tag");
        let got = client.referrers_by_tag(&image, 10, soon()).await;
        let expected = if status == 404 { "ok" } else { expected };
        assert_eq!(kind(&got), expected, "{status} of the referrers tag");
    }
}

#[tokio::test]
async fn probing_tells_an_image_that_is_not_there_from_one_that_cannot_be_seen() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    assert_eq!(client.probe(&image, soon()).await, Ok(()));
    let gone = image.repository().pin(nowhere());
    assert_eq!(kind(&client.probe(&gone, soon()).await), "not found");
    registry.behave_times("/manifests/", 1, Behaviour::status(405));
    assert_eq!(client.probe(&image, soon()).await, Ok(()));
    registry.behave("/manifests/", Behaviour::status(403));
    assert_eq!(kind(&client.probe(&image, soon()).await), "denied");
}

#[tokio::test]
async fn five_statuses_of_the_referrers_endpoint_lead_to_the_tag_and_no_other() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let bundle = attach(&registry, &image, BUNDLE);
    let tag = fallback_tag(&image.digest());
    let listing = index(&[entry(&bundle, BUNDLE)]);
    registry.push_manifest("app", Some(tag.as_str()), media_type::IMAGE_INDEX, listing);
    let client = client(once());
    for status in [400, 404, 405, 406, 501] {
        registry.behave_well();
        registry.behave("/referrers/", Behaviour::status(status));
        let got = client.referrers(&image, 10, soon()).await.expect("listed");
        assert_eq!(got.via, ReferrersVia::Tag, "{status}");
        assert_eq!(got.entries.len(), 1, "{status}");
    }
    for (status, expected) in [
        (401, "denied"),
        (403, "denied"),
        (429, "rate limited"),
        (500, "server"),
        (503, "server"),
        (410, "server"),
        (204, "server"),
        (416, "server"),
    ] {
        registry.behave_well();
        registry.behave("/referrers/", Behaviour::status(status));
        let got = client.referrers(&image, 10, soon()).await;
        assert_eq!(kind(&got), expected, "{status}");
    }
}

#[tokio::test]
async fn a_referrers_answer_that_is_no_image_index_is_malformed() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    for behaviour in [
        Behaviour::html(),
        Behaviour::Type("application/json"),
        Behaviour::Body("{}".into()),
        Behaviour::Body("[".into()),
        Behaviour::Gzip,
    ] {
        registry.behave_well();
        registry.behave("/referrers/", behaviour.clone());
        let got = client.referrers(&image, 10, soon()).await;
        assert_eq!(kind(&got), "malformed", "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_referrers_tag_that_gives_the_image_itself_lists_nothing() {
    let registry = Hostile::start().await;
    let config = registry.push_blob(&b"{}"[..]);
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{config}","size":2}},"layers":[]}}"#,
        media_type::EMPTY
    );
    let digest = Digest::sha256(manifest.as_bytes());
    let tag = fallback_tag(&digest);
    let push = |tag: &str, bytes: String| {
        registry.push_manifest("app", Some(tag), media_type::IMAGE_MANIFEST, bytes)
    };
    push(tag.as_str(), manifest.clone());
    registry.offer_referrers(false);
    let client = client(once());
    let image = registry.pinned("app", digest);
    let got = client.referrers(&image, 10, soon()).await.expect("listed");
    assert_eq!((got.entries.len(), got.truncated), (0, false));
    // Another image there is no list of anything.
    push(tag.as_str(), manifest.replace("\"layers\"", " \"layers\""));
    let got = client.referrers(&image, 10, soon()).await;
    assert_eq!(kind(&got), "malformed");
}

#[tokio::test]
async fn pages_are_followed_until_the_limit_and_a_circle_is_noticed() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    attach(&registry, &image, BUNDLE);
    let client = client(once());
    let next = format!("/v2/app/referrers/{}?page=2", image.digest());
    registry.behave_times("/referrers/", 1, Behaviour::NextPage(next.clone()));
    let got = client.referrers(&image, 10, soon()).await.expect("listed");
    assert_eq!((got.entries.len(), got.truncated), (2, false));

    registry.behave("/referrers/", Behaviour::EndlessPages);
    let got = client.referrers(&image, 10, soon()).await.expect("listed");
    assert_eq!((got.entries.len(), got.truncated), (10, true));
    registry.forget_requests();
    let got = client
        .referrers(&image, 1000, soon())
        .await
        .expect("listed");
    assert!(got.truncated);
    assert_eq!(registry.count("/referrers/"), Limits::default().pages);

    registry.behave_well();
    registry.behave("/referrers/", Behaviour::LoopedPages);
    let got = client.referrers(&image, 10, soon()).await;
    assert_eq!(kind(&got), "malformed");

    // A page that was promised and is gone is no reason to look elsewhere.
    registry.behave_well();
    registry.behave("page=2", Behaviour::status(404));
    registry.behave("/referrers/", Behaviour::NextPage(next));
    let got = client.referrers(&image, 10, soon()).await;
    assert_eq!(kind(&got), "server");
}

#[tokio::test]
async fn bytes_that_are_not_those_asked_for_are_never_content() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    let config = Descriptor::new(media_type::EMPTY, Digest::sha256(b"{}"), 2);
    for (behaviour, manifest, blob) in [
        (
            Behaviour::Body("[]".into()),
            "digest mismatch",
            "digest mismatch",
        ),
        (
            Behaviour::Body("".into()),
            "digest mismatch",
            "digest mismatch",
        ),
        (
            Behaviour::Body("{} ".into()),
            "digest mismatch",
            "digest mismatch",
        ),
        (Behaviour::Endless, "too large", "digest mismatch"),
        (Behaviour::Truncated, "unreachable", "unreachable"),
        (Behaviour::Gzip, "malformed", "malformed"),
        (Behaviour::html(), "malformed", "malformed"),
    ] {
        registry.behave_well();
        registry.behave("/v2/", behaviour.clone());
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), manifest, "{behaviour:?}");
        let got = client.blob(image.repository(), &config, 100, soon()).await;
        assert_eq!(kind(&got), blob, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_blob_that_says_it_is_over_the_bound_is_not_asked_for() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    let huge = Descriptor::new(media_type::EMPTY, Digest::sha256(b"{}"), 101);
    let got = client.blob(image.repository(), &huge, 100, soon()).await;
    assert_eq!(kind(&got), "too large");
    let gone = Descriptor::new(media_type::EMPTY, nowhere(), 2);
    assert_eq!(registry.requests().len(), 0);
    let got = client.blob(image.repository(), &gone, 100, soon()).await;
    assert_eq!(kind(&got), "not found");
}

#[tokio::test]
async fn a_registry_that_hangs_or_drips_costs_the_deadline_and_no_more() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(Options::command_line());
    for behaviour in [Behaviour::Hang, Behaviour::Drip(Duration::from_millis(100))] {
        registry.behave_well();
        registry.behave("/v2/", behaviour.clone());
        let began = Instant::now();
        let deadline = began + Duration::from_millis(300);
        let got = client.manifest(&image, deadline).await;
        assert_eq!(kind(&got), "timed out", "{behaviour:?}");
        assert!(began.elapsed() >= Duration::from_millis(290));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(Options::command_line());
    for behaviour in [
        Behaviour::status(500),
        Behaviour::status(503),
        Behaviour::status(429),
        Behaviour::Truncated,
    ] {
        registry.forget_requests();
        registry.behave_times("/manifests/", 2, behaviour.clone());
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), "ok", "{behaviour:?}");
        assert_eq!(registry.count("/manifests/"), 3, "{behaviour:?}");
    }
    registry.forget_requests();
    registry.behave("/manifests/", Behaviour::status(500));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "server");
    assert_eq!(registry.count("/manifests/"), 3);
    registry.behave_well();
    registry.forget_requests();
    registry.behave("/manifests/", Behaviour::status(403));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "denied");
    assert_eq!(registry.count("/manifests/"), 1);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_reported_at_once_with_its_length() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(Options::command_line());
    for (status, expected) in [(429, "rate limited"), (503, "server")] {
        registry.behave_well();
        registry.forget_requests();
        registry.behave(
            "/manifests/",
            Behaviour::Answer {
                status,
                headers: vec![("retry-after", "3600".into())],
                body: bytes::Bytes::new(),
            },
        );
        let began = Instant::now();
        let got = client.manifest(&image, soon()).await;
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(kind(&got), expected);
        let (Err(SourceError::RateLimited { retry_after, .. })
        | Err(SourceError::Server { retry_after, .. })) = got
        else {
            panic!("{got:?}");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(3600)));
        assert_eq!(registry.count("/manifests/"), 1);
    }
}

#[tokio::test]
async fn a_registry_that_is_gone_is_unreachable_and_is_back_when_it_is_back() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    let gone = Hostile::start().await;
    let elsewhere = gone.pinned("app", image.digest());
    drop(gone);
    assert_eq!(
        kind(&client.manifest(&elsewhere, soon()).await),
        "unreachable"
    );
    registry.behave_times("/manifests/", 1, Behaviour::status(500));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "server");
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
}
