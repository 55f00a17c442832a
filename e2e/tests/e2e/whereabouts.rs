//! Signatures that cosign put somewhere else are found where floe is told to
//! look, and nowhere without that.

use floe_e2e::{
    cosign::{self, KeyPair, Layout, Placing},
    floe::{self, Verified},
    object::fresh_name,
    registry::{Image, Kind, Registry},
    scratch::Scratch,
};
use serde_json::json;

/// What `floe verify` says of an image under a policy that wants the trusted
/// key's signature.
fn verified(image: &str, flags: &[&str]) -> Verified {
    let scratch = Scratch::new();
    let policy = json!({
        "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "key"},
        "spec": {"match": {}, "authorities": [
            {"name": "ci", "key": {"pem": KeyPair::trusted().public_pem()}},
        ]},
    });
    let policy = scratch.write("policy.yaml", policy.to_string());
    floe::verify(&policy, None, &[&[image], flags].concat())
}

#[track_caller]
fn admitted(said: &Verified) {
    assert_eq!(said.code, 0, "{}", said.text);
}

#[track_caller]
fn refused(said: &Verified, codes: &[&str]) {
    assert_eq!(said.code, 6, "{}", said.text);
    assert_eq!(said.distinct_codes(), codes, "{}", said.text);
}

/// A repository for signatures in the same registry.
fn signature_repository(registry: &Registry) -> String {
    format!("{}/{}", registry.host(), fresh_name("signatures"))
}

fn signed_elsewhere(layout: Layout, kind: Kind, key: &KeyPair) -> (Image, String) {
    let registry = Registry::shared(kind);
    let image = registry.push_fresh_image();
    let repository = signature_repository(registry);
    let placing = Placing {
        repository: Some(&repository),
        ..Placing::default()
    };
    cosign::sign_placed(layout, key, &image, placing);
    (image, repository)
}

#[test]
fn signatures_in_a_repository_of_their_own_are_found_there_and_only_if_it_is_named() {
    for layout in [Layout::SignatureTag, Layout::Bundle] {
        for kind in [Kind::Ferro, Kind::Distribution] {
            let (image, repository) = signed_elsewhere(layout, kind, KeyPair::trusted());
            let there = ["--signature-repository", &repository];
            admitted(&verified(&image.pinned(), &there));
            refused(&verified(&image.pinned(), &[]), &["signature-missing"]);

            let (image, repository) = signed_elsewhere(layout, kind, KeyPair::unknown());
            let there = ["--signature-repository", &repository];
            refused(
                &verified(&image.pinned(), &there),
                &["signature-missing", "signature-not-by-authority"],
            );
        }
    }
}

#[test]
fn a_signature_beside_the_image_does_not_count_where_a_repository_is_named() {
    let registry = Registry::shared(Kind::Ferro);
    for layout in [Layout::SignatureTag, Layout::Bundle] {
        let (_, repository) = signed_elsewhere(layout, Kind::Ferro, KeyPair::trusted());
        let image = crate::signed::signed_image(Kind::Ferro, layout);
        assert!(image.name.starts_with(registry.host()));
        let there = ["--signature-repository", &repository];
        refused(&verified(&image.pinned(), &there), &["signature-missing"]);
    }
}

#[test]
fn signatures_under_tags_with_a_prefix_are_found_only_with_the_same_prefix() {
    for kind in [Kind::Ferro, Kind::Distribution] {
        let image = Registry::shared(kind).push_fresh_image();
        let placing = Placing {
            tag_prefix: Some("prod-"),
            ..Placing::default()
        };
        cosign::sign_placed(Layout::SignatureTag, KeyPair::trusted(), &image, placing);
        let tag = format!("prod-{}", image.signature_tag());
        assert!(Registry::shared(kind).has_tag(&image.repository, &tag));
        let with = |prefix| verified(&image.pinned(), &["--signature-tag-prefix", prefix]);
        admitted(&with("prod-"));
        refused(&with("test-"), &["signature-missing"]);
        refused(&verified(&image.pinned(), &[]), &["signature-missing"]);
    }
}

#[test]
fn a_copy_in_a_mirror_is_judged_by_the_signatures_of_the_origin() {
    let (origin, mirror) = (
        Registry::shared(Kind::Ferro),
        Registry::shared(Kind::Distribution),
    );
    let mapping = format!("{}={}", mirror.host(), origin.host());
    for layout in [Layout::SignatureTag, Layout::Bundle] {
        let image = crate::signed::signed_image(Kind::Ferro, layout);
        let copy = Image {
            name: format!("{}/{}", mirror.host(), image.repository),
            ..image.clone()
        };
        cosign::crane_copy(&image.pinned(), &copy.tagged());
        admitted(&verified(&copy.pinned(), &["--mirror", &mapping]));
        refused(&verified(&copy.pinned(), &[]), &["signature-missing"]);

        // What is signed in the mirror only is not signed by that.
        let image = origin.push_fresh_image();
        let copy = Image {
            name: format!("{}/{}", mirror.host(), image.repository),
            ..image.clone()
        };
        cosign::crane_copy(&image.pinned(), &copy.tagged());
        cosign::sign(layout, KeyPair::trusted(), &copy);
        admitted(&verified(&copy.pinned(), &[]));
        refused(
            &verified(&copy.pinned(), &["--mirror", &mapping]),
            &["signature-missing"],
        );
    }
}
