//! A TUF repository whose writer is the test: every role has a key of its own,
//! and each part can be published, changed or left out by itself.

mod mirror;

use std::collections::BTreeMap;

use floe::oci::Digest;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::authority::{Key, KeyKind};

pub(crate) use mirror::{Lie, Mirror};

/// What lies in a repository, by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The four roles, in the order in which they are checked.
pub(crate) const ROLES: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

/// Writes a repository with consistent snapshots.
pub(crate) struct Repository {
    pub(crate) keys: BTreeMap<&'static str, Key>,
    pub(crate) versions: BTreeMap<&'static str, u64>,
    pub(crate) expires: BTreeMap<&'static str, Timestamp>,
    /// Targets by path.
    pub(crate) targets: Files,
    /// Targets of the delegated role `delegated`, if there are any.
    pub(crate) delegated: Files,
    delegate: Key,
    pub(crate) files: Files,
}

impl Repository {
    /// Version 1 of everything, good for thirty days after `at`.
    pub(crate) fn new(at: Timestamp, trusted_root: &str) -> Self {
        let expires = at + SignedDuration::from_hours(24 * 30);
        let mut repository = Self {
            keys: ROLES
                .map(|role| (role, Key::generate(KeyKind::P256)))
                .into(),
            versions: ROLES.map(|role| (role, 0)).into(),
            expires: ROLES.map(|role| (role, expires)).into(),
            targets: Files::from([("trusted_root.json".into(), trusted_root.into())]),
            delegated: Files::new(),
            delegate: Key::generate(KeyKind::P256),
            files: Files::new(),
        };
        repository.publish_root(&[]);
        repository.publish();
        repository
    }

    /// The first `root.json`, which clients pin.
    pub(crate) fn initial_root(&self) -> Vec<u8> {
        self.files["1.root.json"].clone()
    }

    /// The next version of the root, signed by its key and by `also`.
    pub(crate) fn publish_root(&mut self, also: &[&Key]) {
        let version = self.next("root");
        let keys: serde_json::Map<_, _> = self
            .keys
            .values()
            .map(|key| (id(key), public(key)))
            .collect();
        let roles: serde_json::Map<_, _> = self
            .keys
            .iter()
            .map(|(role, key)| {
                let role = (*role).to_owned();
                (role, json!({"keyids": [id(key)], "threshold": 1}))
            })
            .collect();
        let signed = self.signed(
            "root",
            json!({"consistent_snapshot": true, "keys": keys, "roles": roles}),
        );
        let signers: Vec<_> = also.iter().copied().chain([&self.keys["root"]]).collect();
        let bytes = envelope(&signed, &signers);
        self.files.insert(format!("{version}.root.json"), bytes);
    }

    /// The next version of everything but the root.
    pub(crate) fn publish(&mut self) {
        for (path, content) in self.targets.iter().chain(&self.delegated) {
            let name = path.rsplit('/').next().expect("a name");
            let folder = path.strip_suffix(name).expect("it ends so");
            let path = format!("targets/{folder}{}.{name}", hex(content));
            self.files.insert(path, content.clone());
        }
        let mut pinned = serde_json::Map::new();
        let version = self.next("targets");
        let mut targets = json!({"targets": listed(&self.targets)});
        if !self.delegated.is_empty() {
            targets["delegations"] = json!({
                "keys": {id(&self.delegate): public(&self.delegate)},
                "roles": [{"name": "delegated", "keyids": [id(&self.delegate)], "threshold": 1,
                           "terminating": true, "paths": ["*", "*/*"]}],
            });
            let mut signed = self.signed("targets", json!({"targets": listed(&self.delegated)}));
            signed["version"] = json!(1);
            let bytes = envelope(&signed, &[&self.delegate]);
            pinned.insert("delegated.json".into(), pin(&bytes, 1));
            self.files.insert("1.delegated.json".into(), bytes);
        }
        let bytes = envelope(&self.signed("targets", targets), &[&self.keys["targets"]]);
        pinned.insert("targets.json".into(), pin(&bytes, version));
        self.files.insert(format!("{version}.targets.json"), bytes);
        self.publish_snapshot(Value::Object(pinned));
    }

    /// The next snapshot, which pins this, and a timestamp for it.
    pub(crate) fn publish_snapshot(&mut self, pinned: Value) {
        let version = self.next("snapshot");
        let signed = self.signed("snapshot", json!({"meta": pinned}));
        let bytes = envelope(&signed, &[&self.keys["snapshot"]]);
        let pin = pin(&bytes, version);
        self.files.insert(format!("{version}.snapshot.json"), bytes);
        self.publish_timestamp(pin);
    }

    /// The next timestamp, which pins this snapshot.
    pub(crate) fn publish_timestamp(&mut self, snapshot: Value) {
        self.next("timestamp");
        let signed = self.signed("timestamp", json!({"meta": {"snapshot.json": snapshot}}));
        let bytes = envelope(&signed, &[&self.keys["timestamp"]]);
        self.files.insert("timestamp.json".into(), bytes);
    }

    /// The moment after which this role is not good any more.
    pub(crate) fn expire(&mut self, role: &'static str, at: Timestamp) {
        self.expires.insert(role, at);
    }

    fn next(&mut self, role: &'static str) -> u64 {
        let version = self.versions.get_mut(role).expect("a role");
        *version += 1;
        *version
    }

    fn signed(&self, role: &str, mut body: Value) -> Value {
        body["_type"] = json!(role);
        body["spec_version"] = json!("1.0.31");
        body["version"] = json!(self.versions[role]);
        body["expires"] = json!(self.expires[role].to_string());
        body
    }
}

/// What pins a file of metadata.
pub(crate) fn pin(bytes: &[u8], version: u64) -> Value {
    json!({"version": version, "length": bytes.len(), "hashes": {"sha256": hex(bytes)}})
}

fn listed(targets: &Files) -> Value {
    let files = targets.iter().map(|(path, content)| {
        let file = json!({"length": content.len(), "hashes": {"sha256": hex(content)}});
        (path.clone(), file)
    });
    Value::Object(files.collect())
}

fn public(key: &Key) -> Value {
    json!({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": key.pem()}})
}

/// Identifiers are the writer's own choice.
fn id(key: &Key) -> String {
    hex(key.spki())
}

fn envelope(signed: &Value, keys: &[&Key]) -> Vec<u8> {
    let mut message = String::new();
    canonical(signed, &mut message);
    let signatures: Vec<_> = keys
        .iter()
        .map(|key| json!({"keyid": id(key), "sig": hex_of(&key.sign(message.as_bytes()))}))
        .collect();
    json!({"signatures": signatures, "signed": signed})
        .to_string()
        .into_bytes()
}

/// OLPC canonical JSON, which is what TUF signs: sorted members, no white
/// space, and nothing escaped in strings but quotes and backslashes.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().collect();
            out.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                text(name, out);
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                canonical(value, out);
            }
            out.push(']');
        }
        Value::String(string) => text(string, out),
        other => out.push_str(&other.to_string()),
    }
}

fn text(string: &str, out: &mut String) {
    out.push('"');
    out.push_str(&string.replace('\\', "\\\\").replace('"', "\\\""));
    out.push('"');
}

/// SHA-256 in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    hex_of(Digest::sha256(bytes).as_bytes())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
