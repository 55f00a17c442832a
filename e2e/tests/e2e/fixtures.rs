//! The fixtures are what the other tests take them for.

use floe_e2e::{
    cosign::{self, KeyPair, Layout},
    object,
    registry::{Kind, Registry},
};

use crate::signed::signed_image;

#[test]
fn cosign_3_lists_a_bundle_under_the_image_in_both_kinds_of_registry() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let registry = Registry::shared(kind);
        let image = signed_image(kind, Layout::Bundle);
        let referrers = registry.referrers(&image);
        assert_eq!(referrers.len(), 1, "{kind:?}: {referrers:?}");
        let digest = referrers[0]["digest"].as_str().unwrap();
        let manifest = registry.manifest(&image.repository, digest);
        assert_eq!(
            manifest["subject"]["digest"],
            image.digest.as_str(),
            "{kind:?}"
        );
        let media_type = manifest["layers"][0]["mediaType"].as_str().unwrap();
        assert_eq!(
            media_type, "application/vnd.dev.sigstore.bundle.v0.3+json",
            "{kind:?}"
        );
    }
}

#[test]
fn only_ferro_offers_the_referrers_api() {
    let image = signed_image(Kind::Distribution, Layout::Bundle);
    let registry = Registry::shared(Kind::Distribution);
    assert!(registry.has_tag(&image.repository, &image.fallback_tag()));
    let image = signed_image(Kind::Ferro, Layout::Bundle);
    let registry = Registry::shared(Kind::Ferro);
    assert!(!registry.has_tag(&image.repository, &image.fallback_tag()));
}

#[test]
fn cosign_2_signs_under_a_tag() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let image = signed_image(kind, Layout::SignatureTag);
        let registry = Registry::shared(kind);
        let signature = registry.manifest(&image.repository, &image.signature_tag());
        assert_eq!(
            signature["layers"][0]["mediaType"], "application/vnd.dev.cosign.simplesigning.v1+json",
            "{kind:?}"
        );
    }
}

#[test]
fn cosign_accepts_what_was_signed_with_the_key_and_nothing_else() {
    for layout in [Layout::SignatureTag, Layout::Bundle] {
        let image = signed_image(Kind::Ferro, layout);
        assert!(
            cosign::verifies(layout, KeyPair::trusted(), &image),
            "{layout:?}"
        );
        assert!(
            !cosign::verifies(layout, KeyPair::unknown(), &image),
            "{layout:?}"
        );
        let unsigned = Registry::shared(Kind::Ferro).push_fresh_image();
        assert!(
            !cosign::verifies(layout, KeyPair::trusted(), &unsigned),
            "{layout:?}"
        );
    }
}

#[test]
fn names_of_objects_are_never_used_twice() {
    assert_ne!(object::fresh_name("pod"), object::fresh_name("pod"));
}
