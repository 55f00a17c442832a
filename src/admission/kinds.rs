//! Which kinds name images, and which are known to name none.

use super::wire::Gvk;

/// Where a built-in kind keeps its Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `spec`.
    Pod,
    /// `spec.template.spec`.
    Workload,
    /// `template.spec`.
    PodTemplate,
    /// `spec.jobTemplate.spec.template.spec`.
    CronJob,
}

impl Shape {
    /// The path of the Pod's `spec`.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Pod => "spec",
            Self::Workload => "spec.template.spec",
            Self::PodTemplate => "template.spec",
            Self::CronJob => "spec.jobTemplate.spec.template.spec",
        }
    }
}

/// The shape of a kind that contains a Pod; only the versions whose schema is
/// known here.
pub(super) fn shape(kind: &Gvk<'_>) -> Option<Shape> {
    match (
        kind.group.as_str(),
        kind.version.as_str(),
        kind.kind.as_str(),
    ) {
        ("", "v1", "Pod") => Some(Shape::Pod),
        ("", "v1", "PodTemplate") => Some(Shape::PodTemplate),
        ("", "v1", "ReplicationController")
        | ("apps", "v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "v1", "Job") => Some(Shape::Workload),
        ("batch", "v1", "CronJob") => Some(Shape::CronJob),
        _ => None,
    }
}

/// Whether a kind has a [`Shape`] in some version, so that no configuration may
/// say something else about it.
pub(super) fn has_shape(group: &str, kind: &str) -> bool {
    shape(&Gvk::from_manifest(
        &if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        },
        kind,
    ))
    .is_some()
}

/// Whether this is a built-in kind that names no image in any version. The list
/// is closed: what is not on it and not configured is refused.
pub(super) fn carries_no_images(kind: &Gvk<'_>) -> bool {
    let kinds: &[&str] = match kind.group.as_str() {
        "" => &[
            "Binding",
            "ComponentStatus",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
        "admissionregistration.k8s.io" => &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
        "apiextensions.k8s.io" => &["CustomResourceDefinition"],
        "apiregistration.k8s.io" => &["APIService"],
        "apps" => &["ControllerRevision"],
        "authentication.k8s.io" => &["SelfSubjectReview", "TokenRequest", "TokenReview"],
        "authorization.k8s.io" => &[
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
        ],
        "autoscaling" => &["HorizontalPodAutoscaler", "Scale"],
        "certificates.k8s.io" => &[
            "CertificateSigningRequest",
            "ClusterTrustBundle",
            "PodCertificateRequest",
        ],
        "coordination.k8s.io" => &["Lease", "LeaseCandidate"],
        "discovery.k8s.io" => &["EndpointSlice"],
        "events.k8s.io" => &["Event"],
        "flowcontrol.apiserver.k8s.io" => &["FlowSchema", "PriorityLevelConfiguration"],
        "networking.k8s.io" => &[
            "IPAddress",
            "Ingress",
            "IngressClass",
            "NetworkPolicy",
            "ServiceCIDR",
        ],
        "node.k8s.io" => &["RuntimeClass"],
        "policy" => &["Eviction", "PodDisruptionBudget"],
        "rbac.authorization.k8s.io" => {
            &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
        }
        "resource.k8s.io" => &[
            "DeviceClass",
            "DeviceTaintRule",
            "ResourceClaim",
            "ResourceClaimTemplate",
            "ResourceSlice",
        ],
        "scheduling.k8s.io" => &["PodGroup", "PriorityClass", "Workload"],
        "storage.k8s.io" => &[
            "CSIDriver",
            "CSINode",
            "CSIStorageCapacity",
            "StorageClass",
            "VolumeAttachment",
            "VolumeAttributesClass",
        ],
        "storagemigration.k8s.io" => &["StorageVersionMigration"],
        _ => &[],
    };
    kinds.contains(&kind.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_group_and_not_by_its_name_alone() {
        for (api_version, kind, expected) in [
            ("v1", "Pod", Some(Shape::Pod)),
            ("v1", "PodTemplate", Some(Shape::PodTemplate)),
            ("v1", "ReplicationController", Some(Shape::Workload)),
            ("apps/v1", "Deployment", Some(Shape::Workload)),
            ("apps/v1", "StatefulSet", Some(Shape::Workload)),
            ("apps/v1", "DaemonSet", Some(Shape::Workload)),
            ("apps/v1", "ReplicaSet", Some(Shape::Workload)),
            ("batch/v1", "Job", Some(Shape::Workload)),
            ("batch/v1", "CronJob", Some(Shape::CronJob)),
            ("example.com/v1", "Pod", None),
            ("apps/v1beta1", "Deployment", None),
            ("v2", "Pod", None),
            ("v1", "pod", None),
        ] {
            assert_eq!(shape(&Gvk::from_manifest(api_version, kind)), expected);
        }
    }

    /// The page for operators shows the configuration of the API server. What
    /// it leaves out is not gated, so that it must name every kind with a Pod.
    #[test]
    fn the_documented_configuration_routes_every_kind_with_a_pod_and_cannot_be_evaded() {
        let page = include_str!("../../docs/webhook.md");
        let start = page.find("```yaml\n").expect("a configuration") + "```yaml\n".len();
        let length = page[start..].find("```").expect("its end");
        let documents = crate::policy::yaml::documents(&page[start..start + length]);
        let configuration = documents.expect("good YAML").remove(0).value;
        let [webhook] = configuration["webhooks"]
            .as_array()
            .expect("a list")
            .as_slice()
        else {
            panic!("one webhook: {configuration}");
        };
        for (field, value) in [
            ("failurePolicy", "Fail"),
            ("matchPolicy", "Equivalent"),
            ("sideEffects", "None"),
        ] {
            assert_eq!(webhook[field], value);
        }
        assert!(webhook["timeoutSeconds"].is_u64());
        assert!(webhook.get("objectSelector").is_none());
        let selector = &webhook["namespaceSelector"];
        assert!(selector.get("matchLabels").is_none());
        for expression in selector["matchExpressions"].as_array().expect("a list") {
            assert_eq!(expression["key"], "kubernetes.io/metadata.name");
        }

        let mut routed = Vec::new();
        for rule in webhook["rules"].as_array().expect("a list") {
            assert_eq!(rule["scope"], "*");
            assert_eq!(rule["operations"], serde_json::json!(["CREATE", "UPDATE"]));
            let group = rule["apiGroups"][0].as_str().expect("text");
            let version = rule["apiVersions"][0].as_str().expect("text");
            for resource in rule["resources"].as_array().expect("a list") {
                routed.push((group, version, resource.as_str().expect("text")));
            }
        }
        let with_a_pod = [
            ("", "Pod", "pods"),
            ("", "Pod", "pods/ephemeralcontainers"),
            ("", "PodTemplate", "podtemplates"),
            ("", "ReplicationController", "replicationcontrollers"),
            ("apps", "DaemonSet", "daemonsets"),
            ("apps", "Deployment", "deployments"),
            ("apps", "ReplicaSet", "replicasets"),
            ("apps", "StatefulSet", "statefulsets"),
            ("batch", "CronJob", "cronjobs"),
            ("batch", "Job", "jobs"),
        ];
        for (group, kind, _) in with_a_pod {
            assert!(has_shape(group, kind), "{kind}");
        }
        let source = include_str!("kinds.rs");
        let known = source
            .split_once("fn shape(")
            .and_then(|(_, rest)| rest.split_once("_ => None"))
            .expect("the kinds with a shape");
        let known = known.0.split('"').skip(1).step_by(2);
        for kind in known.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase())) {
            assert!(
                with_a_pod.iter().any(|(_, name, _)| *name == kind),
                "{kind}"
            );
        }
        let expected: Vec<_> = with_a_pod
            .iter()
            .map(|(group, _, resource)| (*group, "v1", *resource))
            .collect();
        assert_eq!(routed, expected);
    }

    #[test]
    fn a_kind_without_images_has_no_shape_and_strangers_are_not_on_the_list() {
        assert!(carries_no_images(&Gvk::from_manifest("v1", "ConfigMap")));
        // What every kubelet of Kubernetes 1.37 writes.
        assert!(carries_no_images(&Gvk::from_manifest(
            "certificates.k8s.io/v1",
            "PodCertificateRequest"
        )));
        assert!(carries_no_images(&Gvk::from_manifest(
            "autoscaling/v2",
            "HorizontalPodAutoscaler"
        )));
        for (api_version, kind) in [
            ("v1", "Pod"),
            ("apps/v1beta1", "Deployment"),
            ("example.com/v1", "ConfigMap"),
            ("serving.knative.dev/v1", "Service"),
            ("", ""),
        ] {
            assert!(
                !carries_no_images(&Gvk::from_manifest(api_version, kind)),
                "{kind}"
            );
        }
    }
}
