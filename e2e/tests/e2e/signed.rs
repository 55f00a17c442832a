//! What cosign signed is admitted, in both layouts and both kinds of registry.

use floe_e2e::{
    cosign::{self, KeyPair, Layout},
    gate::Gate,
    object,
    registry::{Image, Kind, Registry},
};

/// A new image that the trusted key signed.
pub(crate) fn signed_image(kind: Kind, layout: Layout) -> Image {
    let image = Registry::shared(kind).push_fresh_image();
    cosign::sign(layout, KeyPair::trusted(), &image);
    image
}

#[track_caller]
fn admitted(kind: Kind, layout: Layout) {
    let image = signed_image(kind, layout);
    let gate = Gate::enforcing();
    let pod = object::pod(&image.pinned());
    gate.admits(&pod);
    assert!(gate.exists(&pod));
}

#[test]
fn a_bundle_by_cosign_3_is_admitted_from_a_registry_with_the_referrers_api() {
    admitted(Kind::Ferro, Layout::Bundle);
}

#[test]
fn a_bundle_by_cosign_3_is_admitted_from_a_registry_without_the_referrers_api() {
    admitted(Kind::Distribution, Layout::Bundle);
}

#[test]
fn a_signature_tag_by_cosign_2_is_admitted_from_a_registry_with_the_referrers_api() {
    admitted(Kind::Ferro, Layout::SignatureTag);
}

#[test]
fn a_signature_tag_by_cosign_2_is_admitted_from_a_registry_without_the_referrers_api() {
    admitted(Kind::Distribution, Layout::SignatureTag);
}

#[test]
fn a_reference_with_tag_and_digest_is_judged_by_its_digest() {
    let image = signed_image(Kind::Ferro, Layout::Bundle);
    let gate = Gate::enforcing();
    gate.admits(&object::pod(&format!(
        "{}@{}",
        image.tagged(),
        image.digest
    )));
    let unsigned = Registry::shared(Kind::Ferro).push_image(&image.repository);
    gate.refuses(
        &object::pod(&format!("{}@{}", image.tagged(), unsigned.digest)),
        &["signature-missing"],
    );
}

#[test]
fn a_broken_bundle_beside_a_good_one_does_no_harm() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let registry = Registry::shared(kind);
        let image = registry.push_fresh_image();
        registry.attach_bundle(&image, b"{ this is not a bundle");
        cosign::sign(Layout::Bundle, KeyPair::trusted(), &image);
        assert_eq!(registry.referrers(&image).len(), 2, "{kind:?}");
        Gate::enforcing().admits(&object::pod(&image.pinned()));
    }
}

#[test]
fn a_signature_by_an_unknown_key_beside_a_good_one_does_no_harm() {
    for layout in [Layout::SignatureTag, Layout::Bundle] {
        let image = Registry::shared(Kind::Distribution).push_fresh_image();
        cosign::sign(layout, KeyPair::unknown(), &image);
        cosign::sign(layout, KeyPair::trusted(), &image);
        Gate::enforcing().admits(&object::pod(&image.pinned()));
    }
}

#[test]
fn an_sbom_in_a_bundle_does_not_hide_a_signature_tag() {
    let image = signed_image(Kind::Ferro, Layout::SignatureTag);
    cosign::attest_sbom(KeyPair::unknown(), &image);
    Gate::enforcing().admits(&object::pod(&image.pinned()));
}
