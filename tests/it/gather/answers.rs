//! What each status of each endpoint means for the verdict.

use floe::source::registry;

use super::*;

/// An engine that asks once, so that no answer is waited for.
pub(super) fn asking_once() -> Engine {
    let mut options = Options::command_line();
    options.limits = registry::Limits {
        attempts: 1,
        ..options.limits
    };
    let registry = Registry::new(options).expect("a client");
    Verifier::new(registry, Tokio, Limits::default())
}

/// Statuses that a registry may answer with instead of 200.
const STATUSES: &[u16] = &[
    201, 202, 203, 204, 206, 300, 304, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 416,
    418, 422, 425, 429, 451, 500, 501, 502, 503, 504, 507, 599,
];

/// The obstacle that a status is where it has no meaning of its own.
fn obstacle(status: u16) -> &'static str {
    match status {
        401 | 403 => "registry-access-denied",
        429 => "registry-rate-limited",
        _ => "registry-error",
    }
}

/// Where a status comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Referrers,
    ReferrersTag,
    SignatureTag,
    Image,
    Referrer,
    Blob,
}

impl Endpoint {
    const ALL: [Self; 6] = [
        Self::Referrers,
        Self::ReferrersTag,
        Self::SignatureTag,
        Self::Image,
        Self::Referrer,
        Self::Blob,
    ];

    /// What an unsigned image is refused for, or one whose only bundle cannot
    /// be had, when this endpoint answers so.
    fn expected(self, status: u16) -> &'static str {
        match (self, status) {
            (Self::Referrers, 400 | 404 | 405 | 406 | 501)
            | (Self::ReferrersTag | Self::SignatureTag, 404) => "signature-missing",
            (Self::Image, 401 | 403 | 404) => "image-not-visible",
            (Self::Referrer | Self::Blob, 404) => "content-missing",
            _ => obstacle(status),
        }
    }
}

#[tokio::test]
async fn each_status_of_each_endpoint_has_one_meaning() {
    let key = Key::generate(KeyKind::P256);
    for endpoint in Endpoint::ALL {
        let mut contents = RepositoryContents::new();
        let image = contents.image("v1");
        let mut part = match endpoint {
            Endpoint::Referrers => "/referrers/".to_owned(),
            Endpoint::SignatureTag => ".sig".to_owned(),
            Endpoint::ReferrersTag => format!("/manifests/sha256-{}", image.digest.hex()),
            Endpoint::Image => format!("/manifests/{}", image.digest),
            Endpoint::Referrer | Endpoint::Blob => String::new(),
        };
        if part.is_empty() {
            let referrer = contents.sign_bundle(&image, &key);
            part = match endpoint {
                Endpoint::Blob => "/blobs/".to_owned(),
                _ => format!("/manifests/{referrer}"),
            };
        }
        let registry = serve(&contents).await;
        let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
        for &status in STATUSES {
            registry.behave_well();
            // The path of one tag begins with that of the other.
            if endpoint == Endpoint::ReferrersTag {
                registry.behave(".sig", Behaviour::status(404));
            }
            registry.behave(&part, Behaviour::status(status));
            let verdict = asked.verify(&asking_once()).await;
            let expected = endpoint.expected(status);
            assert_eq!(codes(&verdict), [expected], "{status} of {endpoint:?}");
            assert_eq!(
                verdict.is_inconclusive(),
                expected != "signature-missing",
                "{status} of {endpoint:?}"
            );
        }
        assert!(registry.count(&part) >= STATUSES.len(), "{endpoint:?}");
    }
}

#[tokio::test]
async fn a_listing_under_the_referrers_tag_counts_where_the_api_is_empty_or_absent() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, image) = signed(&key);
    contents.tag_referrers(&image);
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let empty = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#,
        crate::support::authority::INDEX
    );
    for behaviour in [Behaviour::Body(empty.into()), Behaviour::status(404)] {
        registry.behave_well();
        registry.behave("/referrers/", behaviour.clone());
        let verdict = asked.verify(&asking_once()).await;
        assert_eq!(verdict.decision(), Decision::Allow, "{behaviour:?}");
    }
}
