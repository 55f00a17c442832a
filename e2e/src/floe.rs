//! The program under test. This is the one place that knows how it is called.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use crate::{
    http, object,
    process::{self, Process},
    scratch::Scratch,
    second_opinion::Signer,
};

/// The binary: `FLOE_BIN`, else built now. Building it here means that the
/// tests never run an old one, whatever command started them; when it is up to
/// date that takes a moment.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(path) = env::var_os("FLOE_BIN") {
        return path.into();
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--package", "floe", "--bin", "floe"])
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = cargo.output().expect("cargo can be started");
    assert!(
        output.status.success(),
        "floe does not build: {cargo:?} ended with {}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the binary that it built")
});

/// What `floe verify` said.
#[derive(Debug)]
pub struct Verified {
    /// Exit code: 0 allowed, 5 could not look, 6 denied, 1 and 64 not run.
    pub code: i32,
    /// The report, if there was one.
    pub report: Option<Value>,
    /// Standard output and error, for messages.
    pub text: String,
}

impl Verified {
    /// The images of the report, as they were written.
    ///
    /// # Panics
    ///
    /// There is no report.
    pub fn references(&self) -> Vec<String> {
        let report = self
            .report
            .as_ref()
            .unwrap_or_else(|| panic!("no report: {}", self.text));
        let images = report["images"].as_array().expect("a report has images");
        images
            .iter()
            .map(|image| {
                image["reference"]
                    .as_str()
                    .expect("an image has a reference")
                    .to_owned()
            })
            .collect()
    }

    /// Every code in the report, each once and in alphabetical order.
    pub fn distinct_codes(&self) -> Vec<String> {
        let mut codes = self.codes();
        codes.sort();
        codes.dedup();
        codes
    }

    /// Every code in the report.
    pub fn codes(&self) -> Vec<String> {
        fn collect(value: &Value, codes: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    codes.extend(
                        fields
                            .get("code")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                    fields.values().for_each(|field| collect(field, codes));
                }
                Value::Array(items) => items.iter().for_each(|item| collect(item, codes)),
                _ => {}
            }
        }
        let mut codes = Vec::new();
        self.report
            .iter()
            .for_each(|report| collect(report, &mut codes));
        codes
    }
}

/// `floe verify` with a folder of policies and more arguments. Plain HTTP on
/// loopback is the command line's default.
///
/// # Panics
///
/// The program cannot be started or was killed.
pub fn verify(policies: &Path, namespace: Option<&str>, arguments: &[&str]) -> Verified {
    let mut command = Command::new(&*BINARY);
    command.arg("verify").arg("--policy").arg(policies);
    if let Some(namespace) = namespace {
        command.args(["--namespace", namespace]);
    }
    command.args(arguments);
    answer(command)
}

/// `floe verify` of an image by a signer, without a policy.
///
/// # Panics
///
/// The program cannot be started or was killed.
pub fn verify_by(signer: &Signer, root: &Path, image: &str) -> Verified {
    let mut command = Command::new(&*BINARY);
    command.arg("verify").arg(image);
    signed_by(&mut command, signer, root);
    answer(command)
}

/// `floe verify --bundle` of a file.
///
/// # Panics
///
/// The program cannot be started or was killed.
pub fn verify_blob(signer: &Signer, root: &Path, bundle: &Path, blob: &Path) -> Verified {
    let mut command = Command::new(&*BINARY);
    command
        .args(["verify", "--offline", "--bundle"])
        .arg(bundle)
        .arg(blob);
    signed_by(&mut command, signer, root);
    if matches!(signer, Signer::Key(_)) {
        // With an identity it is given anyway.
        command.arg("--trusted-root").arg(root);
    }
    answer(command)
}

/// `floe verify` of an image with the trust roots of a webhook's settings.
///
/// # Panics
///
/// The program cannot be started or was killed.
pub fn verify_from(settings: &Path, policies: &Path, image: &str) -> Verified {
    let mut command = Command::new(&*BINARY);
    command
        .args(["verify", image, "--policy"])
        .arg(policies)
        .arg("--roots-from")
        .arg(settings);
    answer(command)
}

/// A trust root, as a policy refers to it.
#[derive(Debug, Clone, Copy)]
pub enum Root<'a> {
    /// A `trusted_root.json`.
    File(&'a Path),
    /// One of the settings.
    Named(&'a str),
}

/// What a signature of an image must have, as a policy says it.
#[derive(Debug, Clone)]
pub struct Demanded<'a> {
    /// Who must have signed.
    pub signer: &'a Signer,
    /// Whom to believe.
    pub root: Root<'a>,
    /// Whether it must be in a log.
    pub log: bool,
    /// Whether it must have a timestamp.
    pub timestamp: bool,
}

impl Demanded<'_> {
    /// The policy, which covers every image.
    pub fn policy(&self) -> String {
        let word = |required| if required { "required" } else { "none" };
        let mut authority = match self.signer {
            Signer::Identity { subject, issuer } => {
                json!({"name": "signer", "keyless": {"issuer": issuer, "subject": subject}})
            }
            Signer::Key(path) => json!({"name": "signer", "key": {"file": path}}),
        };
        let keyless = matches!(self.signer, Signer::Identity { .. });
        let mut spec = json!({"match": {}});
        if keyless || self.log || self.timestamp {
            authority["trustRoots"] = match self.root {
                Root::File(path) => json!([{"file": path}]),
                Root::Named(name) => json!([name]),
            };
        }
        if keyless && !self.log && !self.timestamp {
            // No policy may ask for a certificate and for no time.
            spec["transparencyLog"] = json!("required");
        } else {
            spec["transparencyLog"] = json!(word(self.log));
            spec["timestamps"] = json!(word(self.timestamp));
        }
        spec["authorities"] = json!([authority]);
        json!({
            "apiVersion": "floe.dev/v1", "kind": "TrustPolicy",
            "metadata": {"name": "one-signer"}, "spec": spec,
        })
        .to_string()
    }
}

fn signed_by(command: &mut Command, signer: &Signer, root: &Path) {
    match signer {
        Signer::Identity { subject, issuer } => command
            .args(["--certificate-identity", subject])
            .args(["--certificate-oidc-issuer", issuer])
            .arg("--trusted-root")
            .arg(root),
        Signer::Key(path) => command.arg("--key").arg(path),
    };
}

fn answer(mut command: Command) -> Verified {
    let output = without_user(&mut command)
        .args(["--output", "json"])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Verified {
        code: output.status.code().expect("floe ends by itself"),
        report: serde_json::from_slice(&output.stdout).ok(),
        text: format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// A running `floe webhook` with a self-signed certificate.
#[derive(Debug)]
pub struct Webhook {
    url: String,
    authority: String,
    process: Process,
}

impl Webhook {
    /// Starts it with a folder of policies, and waits until it is ready.
    /// `registries` are those that it may speak plain HTTP to on loopback.
    ///
    /// # Panics
    ///
    /// It does not become ready.
    pub fn start(scratch: &Scratch, policies: &Path, registries: &[&str]) -> Self {
        Self::start_with(scratch, policies, registries, &json!([]))
    }

    /// The same with `trustRoots` of the settings. Settings are in `floe.yaml`
    /// of the folder.
    ///
    /// # Panics
    ///
    /// It does not become ready.
    pub fn start_with(
        scratch: &Scratch,
        policies: &Path,
        registries: &[&str],
        trust_roots: &Value,
    ) -> Self {
        let [port] = process::free_ports();
        let address = format!("127.0.0.1:{port}");
        let ca = scratch.path().join("webhook-ca.pem");
        let registries: Vec<_> = registries
            .iter()
            .map(|host| json!({"host": host, "insecureHTTP": true}))
            .collect();
        let config = scratch.write(
            "floe.yaml",
            json!({
                "apiVersion": "floe.dev/v1", "kind": "Settings",
                "listen": address, "policies": [policies], "registries": registries,
                "trustRoots": trust_roots, "log": {"format": "text"},
            })
            .to_string(),
        );
        let mut command = Command::new(&*BINARY);
        command
            .arg("webhook")
            .arg("--config")
            .arg(&config)
            .arg("--ca-out")
            .arg(&ca);
        without_user(&mut command);
        let mut process = Process::start("floe-webhook", &command, scratch.path());
        let url = format!("https://{address}");
        let authority = process.wait_until_ready(|| {
            let authority = fs::read_to_string(&ca).ok()?;
            let client = client(&authority)?;
            let ready = http::send(client.get(format!("{url}/readyz"))).ok()?;
            ready.status.is_success().then_some(authority)
        });
        Self {
            url,
            authority,
            process,
        }
    }

    /// Where the API server sends reviews.
    pub fn validate_url(&self) -> String {
        format!("{}/validate", self.url)
    }

    /// Whom the API server trusts for that, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What it answers to the creation of a Pod with this image: whether it is
    /// allowed, and what it says.
    ///
    /// # Panics
    ///
    /// It does not answer.
    pub fn judges(&self, image: &str) -> (bool, String) {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "1", "operation": "CREATE", "name": "web", "namespace": "default",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "userInfo": {"username": "dev"},
                "object": object::pod(image),
            },
        });
        let client = client(&self.authority).expect("it was ready with this authority");
        let request = client
            .post(self.validate_url())
            .header("Content-Type", "application/json")
            .body(review.to_string());
        let answer = http::send(request).expect("the webhook answers").json();
        let response = &answer["response"];
        let message = response["status"]["message"].as_str().unwrap_or_default();
        (response["allowed"] == true, message.to_owned())
    }

    /// Stops it and waits until it is gone.
    pub fn stop(mut self) {
        self.process.stop();
    }

    /// The last lines that it logged.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }
}

/// A client that trusts this authority; nothing while the file is half written.
fn client(authority: &str) -> Option<Client> {
    http::install_crypto_provider();
    let authority = Certificate::from_pem(authority.as_bytes()).ok()?;
    Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .ok()
}

/// The configuration and credentials of whoever runs the tests stay out.
fn without_user(command: &mut Command) -> &mut Command {
    command
        .env("HOME", "/nonexistent")
        .env("DOCKER_CONFIG", "/nonexistent")
        .env_remove("XDG_RUNTIME_DIR")
}
