//! A TUF repository, written file by file, so that it can be served as it
//! should be, out of date, rolled back or tampered with.
//!
//! Follows the TUF specification 1.0, with consistent snapshots: root, targets
//! and snapshot carry their version in the name, and targets their digest.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SigningKey};
use serde_json::{Value, json};

use crate::registry::sha256;

/// The four top-level roles, each with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Names the keys of all.
    Root,
    /// Names the files.
    Targets,
    /// Names the version of the targets.
    Snapshot,
    /// Names the version of the snapshot.
    Timestamp,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

/// What the roles sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// P-256 with SHA-256.
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

/// One state of the repository.
#[derive(Debug, Clone)]
pub struct Release {
    /// Of targets, snapshot and timestamp.
    pub version: u64,
    /// The files, by name.
    pub targets: Vec<(String, Vec<u8>)>,
    /// When each role's metadata expires.
    pub expires: BTreeMap<Role, Timestamp>,
}

impl Release {
    /// A release that is valid for a day.
    pub fn new(version: u64, targets: &[(&str, &[u8])]) -> Self {
        let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
        Self {
            version,
            targets: targets
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
                .collect(),
            expires: Role::ALL.map(|role| (role, tomorrow)).into(),
        }
    }

    /// The same release, with one role's metadata expiring at another time.
    #[must_use]
    pub fn expiring(mut self, role: Role, at: Timestamp) -> Self {
        self.expires.insert(role, at);
        self
    }
}

/// The keys of a repository and the folder that holds it.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
    scheme: Scheme,
    keys: BTreeMap<Role, KeyPair>,
    /// The keys that signed the root before these, and its version.
    root_version: u64,
    previous_root: Option<KeyPair>,
}

impl Repository {
    /// New keys, and nothing published yet.
    ///
    /// # Panics
    ///
    /// The folder cannot be made.
    pub fn new(dir: &Path, scheme: Scheme) -> Self {
        fs::create_dir_all(dir.join("targets")).expect("the folder can be made");
        Self {
            dir: dir.to_owned(),
            scheme,
            keys: Role::ALL.map(|role| (role, key(scheme))).into(),
            root_version: 1,
            previous_root: None,
        }
    }

    /// The folder to serve.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The first root that was published: what a client is given to begin with.
    pub fn anchor(&self) -> PathBuf {
        self.dir.join("1.root.json")
    }

    /// Writes the release over the one that is there.
    ///
    /// # Panics
    ///
    /// A file cannot be written.
    pub fn publish(&self, release: &Release) {
        self.publish_root(release);
        let version = release.version;
        let mut targets = json!({});
        for (name, bytes) in &release.targets {
            let digest = sha256(bytes);
            let digest = digest.trim_start_matches("sha256:");
            targets[name] = json!({"length": bytes.len(), "hashes": {"sha256": digest}});
            self.write(&format!("targets/{name}"), bytes);
            self.write(&format!("targets/{digest}.{name}"), bytes);
        }
        self.publish_role(
            Role::Targets,
            &format!("{version}.targets.json"),
            release,
            json!({"targets": targets}),
        );
        self.publish_role(
            Role::Snapshot,
            &format!("{version}.snapshot.json"),
            release,
            json!({"meta": {"targets.json": {"version": version}}}),
        );
        self.publish_role(
            Role::Timestamp,
            "timestamp.json",
            release,
            json!({"meta": {"snapshot.json": {"version": version}}}),
        );
    }

    /// Replaces every key; the next release carries a root of the next version,
    /// signed by the old root key and the new one.
    pub fn rotate(&mut self) {
        let scheme = self.scheme;
        let mut old = std::mem::replace(
            &mut self.keys,
            Role::ALL.map(|role| (role, key(scheme))).into(),
        );
        self.previous_root = old.remove(&Role::Root);
        self.root_version += 1;
    }

    fn publish_root(&self, release: &Release) {
        let mut keys = json!({});
        let mut roles = json!({});
        for (role, key) in &self.keys {
            let public = self.public(key);
            let id = key_id(&public);
            roles[role.name()] = json!({"keyids": [id], "threshold": 1});
            keys[&id] = public;
        }
        let signed = json!({
            "_type": "root", "spec_version": SPECIFICATION, "consistent_snapshot": true,
            "version": self.root_version, "expires": date(release.expires[&Role::Root]),
            "keys": keys, "roles": roles,
        });
        let mut signers = vec![&self.keys[&Role::Root]];
        signers.extend(&self.previous_root);
        let document = self.sign(&signed, &signers);
        self.write(&format!("{}.root.json", self.root_version), &document);
        self.write("root.json", &document);
    }

    fn publish_role(&self, role: Role, file: &str, release: &Release, content: Value) {
        let mut signed = json!({
            "_type": role.name(), "spec_version": SPECIFICATION,
            "version": release.version, "expires": date(release.expires[&role]),
        });
        let object = signed.as_object_mut().expect("an object was just made");
        object.extend(content.as_object().expect("the content is one").clone());
        self.write(file, &self.sign(&signed, &[&self.keys[&role]]));
    }

    fn sign(&self, signed: &Value, signers: &[&KeyPair]) -> Vec<u8> {
        let message = canonical(signed);
        let signatures: Vec<_> = signers
            .iter()
            .map(|key| {
                let signature = key.sign(message.as_bytes()).expect("the key signs");
                json!({"keyid": key_id(&self.public(key)), "sig": hex(&signature)})
            })
            .collect();
        json!({"signed": signed, "signatures": signatures})
            .to_string()
            .into_bytes()
    }

    fn public(&self, key: &KeyPair) -> Value {
        match self.scheme {
            Scheme::Ecdsa => json!({
                "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256",
                "keyval": {"public": key.public_key_pem()},
            }),
            Scheme::Ed25519 => json!({
                "keytype": "ed25519", "scheme": "ed25519",
                "keyval": {"public": hex(key.der_bytes())},
            }),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.join(name);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

const SPECIFICATION: &str = "1.0.31";

fn key(scheme: Scheme) -> KeyPair {
    let algorithm = match scheme {
        Scheme::Ecdsa => &PKCS_ECDSA_P256_SHA256,
        Scheme::Ed25519 => &PKCS_ED25519,
    };
    KeyPair::generate_for(algorithm).expect("a key can be made")
}

fn key_id(public: &Value) -> String {
    let digest = sha256(canonical(public).as_bytes());
    digest.trim_start_matches("sha256:").to_owned()
}

/// Dates have whole seconds.
fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Canonical JSON, as TUF signs it: sorted keys, no space, and in strings only
/// quote and backslash escaped. There are no numbers but integers.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", quoted(key), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
