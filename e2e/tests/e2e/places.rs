//! Every place of an object that makes a node pull an image is looked at.

use floe_e2e::{
    cosign::Layout,
    gate::Gate,
    object,
    registry::{Image, Kind, Registry},
};
use serde_json::json;

use crate::signed::signed_image;

/// A signed image and an unsigned one.
fn images() -> (Image, Image) {
    let signed = signed_image(Kind::Ferro, Layout::Bundle);
    (signed, Registry::shared(Kind::Ferro).push_fresh_image())
}

#[test]
fn an_init_container_is_judged_like_any_other() {
    let (signed, unsigned) = images();
    let gate = Gate::enforcing();
    let with_init = |image: &Image| {
        let mut pod = object::pod(&signed.pinned());
        pod["spec"]["initContainers"] = json!([{"name": "setup", "image": image.pinned()}]);
        pod
    };
    gate.admits(&with_init(&signed));
    gate.refuses(
        &with_init(&unsigned),
        &["spec.initContainers[0]", "\"setup\"", "signature-missing"],
    );
}

#[test]
fn an_image_volume_is_judged_like_a_container() {
    let (signed, unsigned) = images();
    let gate = Gate::enforcing();
    let with_volume = |image: &Image| {
        let mut pod = object::pod(&signed.pinned());
        pod["spec"]["volumes"] = json!([{"name": "model", "image": {"reference": image.pinned()}}]);
        pod
    };
    gate.admits(&with_volume(&signed));
    gate.refuses(
        &with_volume(&unsigned),
        &["spec.volumes[0]", "\"model\"", "signature-missing"],
    );
}

#[test]
fn an_ephemeral_container_is_judged_when_it_is_added() {
    let (signed, unsigned) = images();
    let gate = Gate::enforcing();
    let pod = object::pod(&signed.pinned());
    gate.admits(&pod);
    gate.debug(&pod, &unsigned.pinned())
        .refused(&["spec.ephemeralContainers[0]", "signature-missing"]);
    gate.debug(&pod, &unsigned.tagged())
        .refused(&["tag-not-pinned", &unsigned.pinned()]);
    gate.debug(&pod, &signed.pinned()).admitted();
}

#[test]
fn the_template_of_every_workload_is_judged() {
    let (signed, unsigned) = images();
    let gate = Gate::enforcing();
    for kind in object::WORKLOADS {
        let field = match kind {
            "CronJob" => "spec.jobTemplate.spec.template.spec.containers[0]",
            "PodTemplate" => "template.spec.containers[0]",
            _ => "spec.template.spec.containers[0]",
        };
        gate.admits(&object::workload(kind, &signed.pinned()));
        gate.refuses(
            &object::workload(kind, &unsigned.pinned()),
            &[field, "\"web\"", "signature-missing"],
        );
        gate.refuses(
            &object::workload(kind, &signed.tagged()),
            &[field, "tag-not-pinned", &signed.pinned()],
        );
    }
}

#[test]
fn an_update_that_changes_the_image_is_judged() {
    let (signed, unsigned) = images();
    let gate = Gate::enforcing();
    let pod = gate.admits(&object::pod(&signed.pinned()));
    let mut changed = pod.clone();
    changed["spec"]["containers"][0]["image"] = json!(unsigned.pinned());
    gate.replace(&changed)
        .refused(&["spec.containers[0]", "signature-missing"]);

    let deployment = gate.admits(&object::workload("Deployment", &signed.pinned()));
    let mut changed = deployment.clone();
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!(unsigned.pinned());
    // An image never slips through with another change in the same update.
    changed["spec"]["replicas"] = json!(3);
    gate.replace(&changed)
        .refused(&["spec.template.spec.containers[0]", "signature-missing"]);

    let mut scaled = deployment;
    scaled["spec"]["replicas"] = json!(3);
    gate.replace(&scaled).admitted();
}

#[test]
fn an_update_that_brings_no_new_image_passes_with_the_registry_gone() {
    let mut registry = Registry::start(Kind::Ferro);
    let image = registry.push_fresh_image();
    floe_e2e::cosign::sign(Layout::Bundle, floe_e2e::cosign::KeyPair::trusted(), &image);
    let policy = floe_e2e::gate::policy("enforce", floe_e2e::cosign::KeyPair::trusted());
    let gate = Gate::with(&policy, &[&registry]);
    let mut deployment = gate.admits(&object::workload("Deployment", &image.pinned()));
    registry.stop();
    deployment["metadata"]["labels"] = json!({"changed": "yes"});
    gate.replace(&deployment).admitted();
}
