//! The parts of Pods and workload templates that name images, borrowed.
//!
//! Everything else in the object is skipped without being kept: `managedFields`
//! alone is often half of it. Known fields that stand there twice are an error,
//! because two readers could then see two different images.

use serde::Deserialize;

use super::wire::{JsonObject, Text, object, optional_object};

/// `spec` of a Pod, or of the template in a workload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec<'a> {
    #[serde(borrow, default)]
    pub(super) containers: Option<Vec<JsonObject<Container<'a>>>>,
    #[serde(borrow, default)]
    pub(super) init_containers: Option<Vec<JsonObject<Container<'a>>>>,
    #[serde(borrow, default)]
    pub(super) ephemeral_containers: Option<Vec<JsonObject<Container<'a>>>>,
    #[serde(borrow, default)]
    pub(super) volumes: Option<Vec<JsonObject<Volume<'a>>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Container<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) image: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volume<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "optional_object")]
    pub(super) image: Option<ImageVolume<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ImageVolume<'a> {
    #[serde(borrow, default)]
    pub(super) reference: Option<Text<'a>>,
}

/// An object with `spec` of some form: a Pod, or anything that wraps one.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct WithSpec<T> {
    #[serde(deserialize_with = "object")]
    pub(super) spec: T,
}

/// An object with a Pod template.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct WithTemplate<T> {
    #[serde(deserialize_with = "object")]
    pub(super) template: T,
}

/// `spec` of a CronJob.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct WithJobTemplate<T> {
    #[serde(deserialize_with = "object")]
    pub(super) job_template: T,
}

pub(super) type Pod<'a> = WithSpec<PodSpec<'a>>;
/// Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job.
pub(super) type Workload<'a> = WithSpec<WithTemplate<Pod<'a>>>;
pub(super) type PodTemplate<'a> = WithTemplate<Pod<'a>>;
pub(super) type CronJob<'a> = WithSpec<WithJobTemplate<Workload<'a>>>;
