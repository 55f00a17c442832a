//! What is not signed for this image by the policy's key is refused, each time
//! for the reason that is true.

use floe_e2e::{
    cosign::{self, KeyPair, Layout},
    gate::Gate,
    object,
    registry::{IMAGE_MANIFEST, Kind, Registry},
};
use serde_json::json;

use crate::signed::signed_image;

#[test]
fn a_tag_is_refused_and_the_message_shows_the_pinned_form() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let image = signed_image(kind, Layout::Bundle);
        Gate::enforcing().refuses(
            &object::pod(&image.tagged()),
            &[
                "tag-not-pinned",
                &image.pinned(),
                "spec.containers[0]",
                "\"web\"",
            ],
        );
    }
}

#[test]
fn an_unsigned_image_is_refused() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let image = Registry::shared(kind).push_fresh_image();
        Gate::enforcing().refuses(
            &object::pod(&image.pinned()),
            &["signature-missing", &image.pinned(), "release-key"],
        );
    }
}

#[test]
fn an_image_signed_with_another_key_is_refused() {
    for layout in [Layout::SignatureTag, Layout::Bundle] {
        let image = Registry::shared(Kind::Ferro).push_fresh_image();
        cosign::sign(layout, KeyPair::unknown(), &image);
        Gate::enforcing().refuses(
            &object::pod(&image.pinned()),
            &["signature-missing", "signature-not-by-authority"],
        );
    }
}

#[test]
fn a_signature_tag_copied_from_another_image_is_refused() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let registry = Registry::shared(kind);
        let signed = signed_image(kind, Layout::SignatureTag);
        let other = registry.push_image(&signed.repository);
        cosign::crane_copy(
            &format!("{}:{}", signed.name, signed.signature_tag()),
            &format!("{}:{}", other.name, other.signature_tag()),
        );
        let gate = Gate::enforcing();
        gate.admits(&object::pod(&signed.pinned()));
        gate.refuses(
            &object::pod(&other.pinned()),
            &["signature-missing", "subject-mismatch"],
        );
    }
}

#[test]
fn a_bundle_copied_from_another_image_is_refused() {
    let registry = Registry::shared(Kind::Ferro);
    let signed = signed_image(Kind::Ferro, Layout::Bundle);
    let other = registry.push_image(&signed.repository);
    let referrers = registry.referrers(&signed);
    let digest = referrers[0]["digest"].as_str().unwrap();
    let mut manifest = registry.manifest(&signed.repository, digest);
    let subject = manifest["subject"].clone();
    manifest["subject"] = json!({
        "mediaType": subject["mediaType"], "digest": other.digest,
        "size": registry.manifest_size(&other),
    });
    registry.put_by_digest(
        &signed.repository,
        IMAGE_MANIFEST,
        manifest.to_string().as_bytes(),
    );
    assert_eq!(registry.referrers(&other).len(), 1, "the copy is listed");
    let gate = Gate::enforcing();
    gate.admits(&object::pod(&signed.pinned()));
    gate.refuses(
        &object::pod(&other.pinned()),
        &["signature-missing", "subject-mismatch"],
    );
}

#[test]
fn an_image_that_only_has_a_signed_sbom_is_refused() {
    for kind in [Kind::Distribution, Kind::Ferro] {
        let image = Registry::shared(kind).push_fresh_image();
        cosign::attest_sbom(KeyPair::trusted(), &image);
        assert_eq!(
            Registry::shared(kind).referrers(&image).len(),
            1,
            "{kind:?}"
        );
        Gate::enforcing().refuses(
            &object::pod(&image.pinned()),
            &["signature-missing", "predicate-not-a-signature"],
        );
    }
}

#[test]
fn an_image_that_only_has_a_broken_bundle_is_refused() {
    let registry = Registry::shared(Kind::Ferro);
    let image = registry.push_fresh_image();
    registry.attach_bundle(&image, b"{ this is not a bundle");
    Gate::enforcing().refuses(
        &object::pod(&image.pinned()),
        &["signature-missing", "document-malformed"],
    );
}

#[test]
fn all_refused_images_of_one_pod_are_reported_at_once() {
    let registry = Registry::shared(Kind::Ferro);
    let (tagged, unsigned) = (registry.push_fresh_image(), registry.push_fresh_image());
    let mut pod = object::pod(&tagged.tagged());
    pod["spec"]["initContainers"] = json!([{"name": "setup", "image": unsigned.pinned()}]);
    Gate::enforcing().refuses(
        &pod,
        &[
            "spec.containers[0]",
            "tag-not-pinned",
            "spec.initContainers[0]",
            &unsigned.pinned(),
        ],
    );
}
