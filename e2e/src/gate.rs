//! A namespace of a real API server with a webhook of its own in front.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    cosign::KeyPair,
    floe::{self, Webhook},
    http::Response,
    object,
    process::wait_until,
    recorder::Recorder,
    registry::{Kind, Registry},
    scratch::Scratch,
};

/// Name of the webhook under test, as the API server puts it into refusals.
const WEBHOOK: &str = "gate.floe.dev";

/// How long the API server waits for floe: its own default, and the figure that
/// an answer must never miss.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// One test's namespace, policies and webhook.
#[derive(Debug)]
pub struct Gate {
    cluster: &'static Cluster,
    namespace: String,
    policies: PathBuf,
    webhook: Webhook,
    scratch: Scratch,
}

/// A `TrustPolicy` document that matches everything and accepts one key.
pub fn policy(enforcement: &str, key: &KeyPair) -> String {
    // A JSON string is a YAML string.
    let pem = Value::from(key.public_pem());
    format!(
        "apiVersion: floe.dev/v1
kind: TrustPolicy
metadata: {{ name: e2e-{enforcement} }}
spec:
  match: {{}}
  enforcement: {enforcement}
  authorities:
    - name: release-key
      key: {{ pem: {pem} }}
"
    )
}

impl Gate {
    /// A gate that lets in what the trusted key signed.
    ///
    /// # Panics
    ///
    /// Something does not start.
    pub fn enforcing() -> Self {
        Self::with(&policy("enforce", KeyPair::trusted()), &[])
    }

    /// A gate with this policy, which may also talk to registries of the test's
    /// own.
    ///
    /// # Panics
    ///
    /// Something does not start.
    pub fn with(policy: &str, registries: &[&Registry]) -> Self {
        let cluster = Cluster::shared();
        let scratch = Scratch::new();
        let policies = scratch.dir("policies");
        scratch.write("policies/policy.yaml", policy);
        let mut hosts: Vec<_> = registries.iter().map(|registry| registry.host()).collect();
        for kind in [Kind::Distribution, Kind::Ferro] {
            hosts.push(Registry::shared(kind).host());
        }
        let webhook = Webhook::start(&scratch, &policies, &hosts);
        let namespace = object::fresh_name("gate");
        cluster.create_namespace(&namespace);
        let gate = Self {
            cluster,
            namespace,
            policies,
            webhook,
            scratch,
        };
        gate.register();
        gate
    }

    /// Puts floe and the recorder before everything that carries images, in one
    /// configuration so that both take effect at the same moment.
    fn register(&self) {
        let recorder = Recorder::shared();
        let webhook = |name: &str, url: &str, authority: &str| {
            json!({
                "name": name,
                "clientConfig": {"url": url, "caBundle": BASE64_STANDARD.encode(authority)},
                "rules": [
                    rule("", "v1", &["pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates"]),
                    rule("apps", "v1", &["deployments", "statefulsets", "daemonsets", "replicasets"]),
                    rule("batch", "v1", &["jobs", "cronjobs"]),
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "sideEffects": "None",
                "timeoutSeconds": WEBHOOK_TIMEOUT.as_secs(),
            })
        };
        self.cluster.create_plain(
            CONFIGURATIONS,
            &json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": self.namespace},
                "webhooks": [
                    webhook(WEBHOOK, &self.webhook.validate_url(), self.webhook.authority()),
                    webhook("recorder.floe.dev", recorder.url(), recorder.certificate()),
                ],
            }),
        );
        let probe = object::pod("registry.invalid/probe:none");
        let path = object::collection(&probe, &self.namespace);
        wait_until("the webhook configuration to take effect", || {
            self.cluster
                .send(Method::POST, &path, "?dryRun=All", Some(&probe));
            (!recorder.take(&self.namespace).is_empty()).then_some(())
        });
    }

    /// The namespace's name.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The folder of policies in force.
    pub fn policies(&self) -> &Path {
        &self.policies
    }

    /// Creates the object, which must be admitted without a warning.
    ///
    /// # Panics
    ///
    /// It is refused, or `floe verify` says otherwise.
    #[track_caller]
    pub fn admits(&self, object: &Value) -> Value {
        let answer = self.create(object, "");
        assert_eq!(answer.warnings, [] as [&str; 0], "admitted, but warned");
        answer.admitted()
    }

    /// Creates the object, which must be refused for all these reasons: parts
    /// of the message.
    ///
    /// # Panics
    ///
    /// It is admitted, refused for another reason, or `floe verify` says
    /// otherwise.
    #[track_caller]
    pub fn refuses(&self, object: &Value, reasons: &[&str]) -> String {
        let message = self.create(object, "").refused(reasons);
        assert!(!self.exists(object), "refused, but stored");
        message
    }

    /// Creates the object; `query` may say `?dryRun=All`. What the API server
    /// answers is compared with `floe verify`, over the review that it sent and
    /// over the object itself.
    ///
    /// # Panics
    ///
    /// `floe verify` says otherwise.
    #[track_caller]
    pub fn create(&self, object: &Value, query: &str) -> Answer {
        let path = object::collection(object, &self.namespace);
        let answer = self.ask(Method::POST, &path, query, object);
        let file = self
            .scratch
            .write(&object::fresh_name("object"), object.to_string());
        self.compare(&answer, "-f", &file);
        answer
    }

    /// Replaces an object by name.
    ///
    /// # Panics
    ///
    /// `floe verify --review` says otherwise.
    #[track_caller]
    pub fn replace(&self, object: &Value) -> Answer {
        self.ask(
            Method::PUT,
            &object::path(object, &self.namespace),
            "",
            object,
        )
    }

    /// Adds a container to a running Pod, as `kubectl debug` does.
    ///
    /// # Panics
    ///
    /// `floe verify --review` says otherwise.
    #[track_caller]
    pub fn debug(&self, pod: &Value, image: &str) -> Answer {
        let path = format!("{}/ephemeralcontainers", object::path(pod, &self.namespace));
        let patch = json!({"spec": {"ephemeralContainers": [
            {"name": object::fresh_name("debug"), "image": image}]}});
        self.ask(Method::PATCH, &path, "", &patch)
    }

    /// Whether the API server has the object.
    pub fn exists(&self, object: &Value) -> bool {
        let path = object::path(object, &self.namespace);
        let answer = self.cluster.send(Method::GET, &path, "", None);
        assert!(
            answer.status.is_success() || answer.status == StatusCode::NOT_FOUND,
            "{}",
            answer.text()
        );
        answer.status.is_success()
    }

    #[track_caller]
    fn ask(&self, method: Method, path: &str, query: &str, body: &Value) -> Answer {
        let started = Instant::now();
        let answer = Answer::new(
            self.cluster.send(method, path, query, Some(body)),
            started.elapsed(),
        );
        let reviews = Recorder::shared().take(&self.namespace);
        let [review] = reviews.as_slice() else {
            panic!(
                "{} reviews for one request; answer: {answer:#?}",
                reviews.len()
            );
        };
        let file = self
            .scratch
            .write(&object::fresh_name("review"), review.to_string());
        self.compare(&answer, "--review", &file);
        answer
    }

    /// The same engine must say the same, whichever shell asks it.
    #[track_caller]
    fn compare(&self, answer: &Answer, flag: &str, file: &Path) {
        // A review says itself which namespace it is about.
        let namespace = (flag == "-f").then_some(self.namespace.as_str());
        let file = file.to_str().expect("scratch paths are text");
        let verified = floe::verify(&self.policies, namespace, &[flag, file]);
        let agrees = match &answer.refusal {
            None => verified.code == 0,
            Some(_) => matches!(verified.code, 5 | 6),
        };
        assert!(
            agrees,
            "floe verify {flag} ended with {}:\n{}\nbut the API server answered {answer:#?}\nwebhook log:\n{}",
            verified.code,
            verified.text,
            self.webhook.log_tail()
        );
        if let Some(message) = &answer.refusal {
            let told = verified
                .codes()
                .into_iter()
                .any(|code| message.contains(&code));
            assert!(told, "no code of\n{}\nis in\n{message}", verified.text);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Otherwise the API server would go on asking a webhook that is gone.
        // During a panic a second one would hide the first.
        let path = format!("{CONFIGURATIONS}/{}", self.namespace);
        self.cluster.send(Method::DELETE, &path, "", None);
    }
}

const CONFIGURATIONS: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

fn rule(group: &str, version: &str, resources: &[&str]) -> Value {
    json!({
        "operations": ["CREATE", "UPDATE"], "apiGroups": [group], "apiVersions": [version],
        "resources": resources, "scope": "*",
    })
}

/// What the API server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The object as stored, or would be stored.
    pub object: Value,
    /// Why not, if floe refused.
    pub refusal: Option<String>,
    /// Warnings that a user of `kubectl` sees.
    pub warnings: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// Tells floe's refusals from every other failure: a webhook that crashed
    /// or timed out also refuses, but not for the reason under test.
    #[track_caller]
    fn new(response: Response, took: Duration) -> Self {
        let object = response.json();
        let refusal = (!response.status.is_success()).then(|| {
            let message = object["message"].as_str().unwrap_or_default().to_owned();
            assert!(
                message.starts_with(&format!(
                    "admission webhook \"{WEBHOOK}\" denied the request"
                )),
                "the API server failed otherwise, {}: {message}",
                response.status
            );
            message
        });
        Self {
            object,
            refusal,
            warnings: warnings(&response.headers),
            took,
        }
    }

    /// The object, if it was admitted.
    ///
    /// # Panics
    ///
    /// It was refused.
    #[track_caller]
    pub fn admitted(self) -> Value {
        match self.refusal {
            None => self.object,
            Some(message) => panic!("refused: {message}"),
        }
    }

    /// The message, if it was refused and names all these reasons.
    ///
    /// # Panics
    ///
    /// It was admitted, or a reason is not in the message.
    #[track_caller]
    pub fn refused(self, reasons: &[&str]) -> String {
        let Some(message) = self.refusal else {
            panic!("admitted, but expected {reasons:?}");
        };
        for reason in reasons {
            assert!(message.contains(reason), "`{reason}` is not in: {message}");
        }
        message
    }
}

/// The texts of `Warning` headers: `299 - "text"`, RFC 9111 and Kubernetes.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all("warning")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| Some(value.split_once('"')?.1.trim_end_matches('"').to_owned()))
        .collect()
}
