//! etcd and an API server on loopback, and the little of its API that tests use.

use std::{path::PathBuf, process::Command, sync::LazyLock};

use reqwest::{Certificate, Client, Identity, Method};
use serde_json::{Value, json};

use crate::{
    http::{self, Response},
    object,
    parts::Part,
    pki::{self, Authority},
    process::{self, Process, wait_until},
    scratch::Scratch,
};

/// A control plane without controllers: what is created stays as it was written.
#[derive(Debug)]
pub struct Cluster {
    client: Client,
    url: String,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    // Dropped in this order: the API server complains loudly without etcd.
    _api_server: Process,
    _etcd: Process,
    _scratch: Scratch,
}

impl Cluster {
    /// The one that all tests of this process share; started on first use.
    ///
    /// # Panics
    ///
    /// A part is missing, or a server does not become ready.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Cluster> = LazyLock::new(Cluster::start);
        &SHARED
    }

    fn start() -> Self {
        let scratch = Scratch::new();
        let [client_port, peer_port, api_port] = process::free_ports();
        let etcd_url = format!("http://127.0.0.1:{client_port}");
        let peer_url = format!("http://127.0.0.1:{peer_port}");
        let mut etcd = Command::new(part("etcd"));
        etcd.arg("--data-dir")
            .arg(scratch.path().join("etcd"))
            .args([
                "--listen-client-urls",
                &etcd_url,
                "--advertise-client-urls",
                &etcd_url,
            ])
            .args([
                "--listen-peer-urls",
                &peer_url,
                "--initial-advertise-peer-urls",
                &peer_url,
            ])
            .args(["--initial-cluster", &format!("default={peer_url}")])
            .args(["--unsafe-no-fsync", "--log-level", "warn"]);
        let mut etcd = Process::start("etcd", &etcd, scratch.path());
        let plain = http::plain_client();
        etcd.wait_until_ready(|| answers_ok(&plain, &format!("{etcd_url}/readyz")));

        let authority = Authority::new("floe-e2e");
        let ca = scratch.write("ca.pem", authority.certificate());
        let server = authority.server("kube-apiserver", &["127.0.0.1", "localhost", "10.96.0.1"]);
        let server_cert = scratch.write("apiserver.pem", &server.certificate);
        let server_key = scratch.write("apiserver.key", &server.key);
        let (private, public) = pki::key_pair();
        let accounts_key = scratch.write("accounts.key", private);
        let accounts_pub = scratch.write("accounts.pub", public);
        let admin = authority.client("admin", Some("system:masters"));
        let mut api_server = Command::new(part("kube-apiserver"));
        api_server
            .arg(format!("--etcd-servers={etcd_url}"))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={api_port}"))
            .arg(format!("--cert-dir={}", scratch.path().display()))
            .arg(format!("--tls-cert-file={}", server_cert.display()))
            .arg(format!("--tls-private-key-file={}", server_key.display()))
            .arg(format!("--client-ca-file={}", ca.display()))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(format!(
                "--service-account-key-file={}",
                accounts_pub.display()
            ))
            .arg(format!(
                "--service-account-signing-key-file={}",
                accounts_key.display()
            ))
            .args([
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16",
            ])
            .args(["--endpoint-reconciler-type=none", "--allow-privileged=true"]);
        let mut api_server = Process::start("kube-apiserver", &api_server, scratch.path());

        let url = format!("https://127.0.0.1:{api_port}");
        let identity = format!("{}{}", admin.certificate, admin.key);
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([
                Certificate::from_pem(authority.certificate().as_bytes()).expect("our own PEM")
            ])
            .identity(Identity::from_pem(identity.as_bytes()).expect("our own PEM"))
            .build()
            .expect("a client can be made");
        api_server.wait_until_ready(|| answers_ok(&client, &format!("{url}/readyz")));

        let admin_cert = scratch.write("admin.pem", &admin.certificate);
        let admin_key = scratch.write("admin.key", &admin.key);
        let kubeconfig = scratch.write(
            "kubeconfig",
            json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
                "clusters": [{"name": "e2e", "cluster": {
                    "server": url, "certificate-authority": ca}}],
                "users": [{"name": "admin", "user": {
                    "client-certificate": admin_cert, "client-key": admin_key}}],
                "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin"}}],
            })
            .to_string(),
        );
        Self {
            client,
            url,
            kubeconfig,
            kubectl: part("kubectl"),
            _api_server: api_server,
            _etcd: etcd,
            _scratch: scratch,
        }
    }

    /// Makes a namespace in which Pods can be created: there is no controller
    /// that would make its default service account.
    ///
    /// # Panics
    ///
    /// The API server does not do it.
    pub fn create_namespace(&self, name: &str) {
        self.create_plain(
            "/api/v1/namespaces",
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        );
        self.create_plain(
            &format!("/api/v1/namespaces/{name}/serviceaccounts"),
            &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}),
        );
        // The admission plugin for service accounts reads them from a watch.
        wait_until("a Pod to be possible in a new namespace", || {
            let pod = object::pod("registry.invalid/probe:none");
            let answer = self.send(
                Method::POST,
                &object::collection(&pod, name),
                "?dryRun=All",
                Some(&pod),
            );
            answer.status.is_success().then_some(())
        });
    }

    /// Registers a webhook configuration or anything else outside the tests'
    /// namespaces.
    ///
    /// # Panics
    ///
    /// The API server does not accept it.
    pub fn create_plain(&self, path: &str, object: &Value) {
        let answer = self.send(Method::POST, path, "", Some(object));
        assert!(
            answer.status.is_success(),
            "{path}: {}: {}",
            answer.status,
            answer.text()
        );
    }

    /// One request to the API server.
    ///
    /// # Panics
    ///
    /// No answer came.
    pub fn send(&self, method: Method, path: &str, query: &str, body: Option<&Value>) -> Response {
        let content_type = if method == Method::PATCH {
            "application/strategic-merge-patch+json"
        } else {
            "application/json"
        };
        let mut request = self
            .client
            .request(method, format!("{}{path}{query}", self.url));
        if let Some(body) = body {
            request = request
                .header("Content-Type", content_type)
                .body(body.to_string());
        }
        http::send(request).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// `kubectl` as the cluster's administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self._scratch.path());
        command
    }
}

fn answers_ok(client: &Client, url: &str) -> Option<()> {
    http::send(client.get(url))
        .is_ok_and(|answer| answer.status.is_success())
        .then_some(())
}

/// The part, or the test fails with the command that makes it.
pub(crate) fn part(name: &str) -> PathBuf {
    Part::named(name)
        .and_then(Part::find)
        .unwrap_or_else(|error| panic!("{error:#}"))
}
