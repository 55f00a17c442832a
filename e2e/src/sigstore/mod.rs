//! A whole Sigstore on loopback: an identity provider, Fulcio with a
//! certificate log, Rekor v1 and v2, and a timestamp authority.
//!
//! All are the published servers. Nothing is switched off in whoever signs or
//! verifies against them: there are certificates, logs and timestamps to check,
//! under roots of our own.

mod identity;
mod issuer;
mod keyless;
mod keys;
mod trust;

use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

use reqwest::Client;
use serde_json::Value;

pub use identity::{GITHUB, GITLAB, Identity};
pub use issuer::Issuer;
pub use keyless::{Flow, Predicate};
pub use keys::Keys;
pub use trust::{Change, Service};

use crate::{
    cluster::part,
    cosign_opinion::Trust,
    http,
    object::fresh_name,
    process::{self, Process},
    scratch::Scratch,
};

/// The running services, and what is needed to sign and to verify with them.
#[derive(Debug)]
pub struct Sigstore {
    issuer: Issuer,
    keys: Keys,
    urls: Urls,
    files: Files,
    trusted_root: PathBuf,
    // Dropped before the folder that they write to.
    _services: Vec<Process>,
    scratch: Scratch,
}

/// Where the services are.
#[derive(Debug)]
struct Urls {
    fulcio: String,
    rekor1: String,
    rekor2: String,
    timestamps: String,
}

impl Sigstore {
    /// The one that all tests of this process share; started on first use.
    ///
    /// # Panics
    ///
    /// A part is missing, or a service does not become ready.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Sigstore> = LazyLock::new(Sigstore::start);
        &SHARED
    }

    fn start() -> Self {
        let scratch = Scratch::new();
        let keys = Keys::generate();
        let files = Files::write(&scratch, &keys);
        let issuer = Issuer::start(&["token.actions.githubusercontent.com", "gitlab.com"]);
        let starter = Starter {
            scratch: &scratch,
            client: http::plain_client(),
        };
        let [
            trillian,
            ct,
            fulcio,
            rekor1,
            rekor2,
            rekor2_rpc,
            metrics,
            timestamps,
        ] = process::free_ports();
        let url = |port: u16| format!("http://127.0.0.1:{port}");

        let (trees, tree) = starter.trillian(trillian);
        // The others do not need each other to start; they are all started
        // before the first is waited for.
        let pending = [
            starter.ct(ct, trillian, &tree, &files),
            starter.rekor1(rekor1, trillian, &files),
            starter.rekor2(rekor2, rekor2_rpc, metrics, &files),
            starter.timestamps(timestamps, &files),
            starter.fulcio(fulcio, ct, &issuer, &files),
        ];
        let mut services: Vec<_> = pending
            .into_iter()
            .map(|service| starter.wait(service))
            .collect();
        services.push(trees);
        let mut sigstore = Self {
            issuer,
            keys,
            urls: Urls {
                fulcio: url(fulcio),
                rekor1: url(rekor1),
                rekor2: url(rekor2),
                timestamps: format!("{}/api/v1/timestamp", url(timestamps)),
            },
            files,
            trusted_root: PathBuf::new(),
            _services: services,
            scratch,
        };
        sigstore.trusted_root = sigstore.write_trusted_root(&[]);
        sigstore
    }

    /// Who vouches for people.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What the services sign with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whom cosign 2 and 3 are to believe.
    pub fn trust(&self) -> Trust<'_> {
        Trust {
            root: &self.trusted_root,
            fulcio: &self.files.fulcio_chain,
            ct_log: &self.files.ct_public,
            rekor: &self.files.rekor1_public,
            timestamps: &self.files.timestamp_chain,
        }
    }

    /// A file with a token of this signer, for `--identity-token`.
    fn token(&self, signer: &Identity) -> PathBuf {
        self.scratch
            .write(&fresh_name("token"), self.issuer.token(&signer.claims))
    }

    /// `dev@example.test`, of this Sigstore's own issuer.
    pub fn developer(&self) -> Identity {
        Identity::email(self.issuer.url(), "dev@example.test")
    }
}

/// What the services read at their start.
#[derive(Debug)]
struct Files {
    fulcio_chain: PathBuf,
    fulcio_root: PathBuf,
    fulcio_key: PathBuf,
    ct_public: PathBuf,
    rekor1_public: PathBuf,
    ct_private_der: Vec<u8>,
    rekor1_key: PathBuf,
    rekor2_key: PathBuf,
    timestamp_chain: PathBuf,
    timestamp_key: PathBuf,
}

impl Files {
    fn write(scratch: &Scratch, keys: &Keys) -> Self {
        let write = |name: &str, text: String| scratch.write(name, text);
        Self {
            fulcio_chain: write("fulcio-chain.pem", keys.fulcio_chain.clone()),
            fulcio_root: write("fulcio-root.pem", keys.fulcio_root.clone()),
            fulcio_key: write("fulcio.key", keys.fulcio_key.serialize_pem()),
            ct_public: write("ct.pub", keys.ct.public_key_pem()),
            rekor1_public: write("rekor1.pub", keys.rekor1.public_key_pem()),
            ct_private_der: keys.ct.serialize_der(),
            rekor1_key: write("rekor1.key", keys.rekor1.serialize_pem()),
            rekor2_key: write("rekor2.key", keys.rekor2.serialize_pem()),
            timestamp_chain: write("timestamps.pem", keys.timestamp_chain.clone()),
            timestamp_key: write("timestamps.key", keys.timestamp_key.serialize_pem()),
        }
    }
}

/// A service that was started, and where it answers once it is ready.
struct Pending {
    process: Process,
    ready: String,
}

struct Starter<'s> {
    scratch: &'s Scratch,
    client: Client,
}

impl Starter<'_> {
    fn start(&self, name: &str, ready: String, arrange: impl FnOnce(&mut Command)) -> Pending {
        let mut command = Command::new(part(name));
        // Their configuration would be looked for in the user's home.
        command.env("HOME", self.scratch.path());
        command.current_dir(self.scratch.path());
        arrange(&mut command);
        Pending {
            process: Process::start(name, &command, self.scratch.path()),
            ready,
        }
    }

    fn wait(&self, mut service: Pending) -> Process {
        service.process.wait_until_ready(|| {
            http::send(self.client.get(&service.ready))
                .is_ok_and(|answer| answer.status.is_success())
                .then_some(())
        });
        service.process
    }

    /// Gives also the identifier of a tree for the certificate log; Rekor makes
    /// its own.
    fn trillian(&self, port: u16) -> (Process, String) {
        let identifiers = self.scratch.path().join("trees");
        let mut service = self.start("trillian", String::new(), |command| {
            command
                .args(["-listen", &format!("127.0.0.1:{port}")])
                .args(["-trees", "1", "-identifiers"])
                .arg(&identifiers);
        });
        let tree = service
            .process
            .wait_until_ready(|| fs::read_to_string(&identifiers).ok());
        (service.process, tree.trim().to_owned())
    }

    fn ct(&self, port: u16, trillian: u16, tree: &str, files: &Files) -> Pending {
        let key: String = files
            .ct_private_der
            .iter()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        let config = self.scratch.write(
            "ct.cfg",
            format!(
                "config {{\n  log_id: {tree}\n  prefix: \"{CT_PREFIX}\"\n  \
                 roots_pem_file: \"{}\"\n  ext_key_usages: \"CodeSigning\"\n  \
                 private_key: {{ [type.googleapis.com/keyspb.PrivateKey] {{ der: \"{key}\" }} }}\n}}\n",
                files.fulcio_root.display()
            ),
        );
        let ready = format!("http://127.0.0.1:{port}/{CT_PREFIX}/ct/v1/get-sth");
        self.start("ct-server", ready, |command| {
            command
                .args(["-http_endpoint", &format!("127.0.0.1:{port}")])
                .args(["-log_rpc_server", &format!("127.0.0.1:{trillian}")])
                .args(["-logtostderr", "-log_config"])
                .arg(config);
        })
    }

    fn fulcio(&self, port: u16, ct: u16, issuer: &Issuer, files: &Files) -> Pending {
        let settings: Value = identity::fulcio_settings(issuer.url());
        // The comment makes it YAML: Fulcio calls the fields otherwise in JSON.
        let settings = format!("# identity providers\n{settings}\n");
        let config = self.scratch.write("fulcio.yaml", settings);
        let trusted = self.scratch.write("issuer.pem", issuer.certificate());
        let address = format!("127.0.0.1:{port}");
        let ready = format!("http://{address}/api/v2/trustBundle");
        self.start("fulcio", ready, |command| {
            command
                .args(["-listen", &address])
                .args(["-ct-log", &format!("http://127.0.0.1:{ct}/{CT_PREFIX}")])
                .arg("-ct-log-key")
                .arg(&files.ct_public)
                .arg("-config")
                .arg(config)
                .arg("-chain")
                .arg(&files.fulcio_chain)
                .arg("-key")
                .arg(&files.fulcio_key)
                .env("HTTPS_PROXY", issuer.proxy())
                .env("SSL_CERT_FILE", trusted);
        })
    }

    fn rekor1(&self, port: u16, trillian: u16, files: &Files) -> Pending {
        let ready = format!("http://127.0.0.1:{port}/api/v1/log");
        self.start("rekor", ready, |command| {
            command
                .args(["-port", &port.to_string()])
                .args(["-trillian-port", &trillian.to_string()])
                .args(["-hostname", trust::REKOR1, "-signer"])
                .arg(&files.rekor1_key);
        })
    }

    fn rekor2(&self, port: u16, rpc: u16, metrics: u16, files: &Files) -> Pending {
        let ready = format!("http://127.0.0.1:{port}/healthz");
        self.start("rekor-tiles", ready, |command| {
            command
                .args([
                    "serve",
                    "--http-address=127.0.0.1",
                    "--grpc-address=127.0.0.1",
                ])
                .arg(format!("--http-port={port}"))
                .arg(format!("--grpc-port={rpc}"))
                .arg(format!("--http-metrics-port={metrics}"))
                .arg(format!("--hostname={}", trust::REKOR2))
                .arg(format!("--signer-filepath={}", files.rekor2_key.display()))
                .arg(format!(
                    "--storage-dir={}",
                    self.scratch.dir("rekor2").display()
                ))
                // Whoever signs waits for the next checkpoint.
                .args(["--checkpoint-interval=200ms", "--batch-max-age=50ms"]);
        })
    }

    fn timestamps(&self, port: u16, files: &Files) -> Pending {
        let ready = format!("http://127.0.0.1:{port}/ping");
        self.start("timestamp-authority", ready, |command| {
            command
                .args(["-port", &port.to_string(), "-key"])
                .arg(&files.timestamp_key)
                .arg("-chain")
                .arg(&files.timestamp_chain);
        })
    }
}

/// The path below which the certificate log answers.
const CT_PREFIX: &str = "certificates";
