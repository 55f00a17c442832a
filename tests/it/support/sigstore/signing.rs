//! The builder of signatures: every choice independent of the others.

use std::sync::Arc;

use floe::oci::Digest;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::authority::{COSIGN_SIGN, IN_TOTO};
use super::ca::{Ca, Leaf, SctOrder};
use super::certificate::Tbs;
use super::identity::Identity;
use super::rekor::{Place, Rekor};
use super::tsa::{TokenForm, Tsa};
use super::{Defect, EntryKind, Hashing, Key, KeyKind, Layout, Log, Sigstore, Stamp, Version};

/// What is signed.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Image(Digest),
    Blob(Vec<u8>),
}

/// A change of a certificate before it is logged and signed.
type Edit<'a> = Box<dyn Fn(&mut Tbs) + 'a>;

pub(super) enum Signer {
    /// A new key with a new certificate.
    Keyless(KeyKind),
    /// A certificate that exists already.
    Leaf(Arc<Leaf>),
    /// A managed key.
    Key(Arc<Key>),
}

/// A signature in the making.
pub(crate) struct Signing<'a> {
    pub(super) sigstore: &'a Sigstore,
    pub(super) subject: Subject,
    pub(super) signer: Signer,
    pub(super) identity: Identity,
    pub(super) ca: &'a Ca,
    pub(super) at: Timestamp,
    pub(super) validity: Option<(Timestamp, Timestamp)>,
    pub(super) scts: Option<Vec<SctOrder<'a>>>,
    pub(super) edits: Vec<Edit<'a>>,
    pub(super) log: Option<&'a Rekor>,
    pub(super) kind: Option<EntryKind>,
    pub(super) place: Place,
    pub(super) log_hash: Option<Hashing>,
    pub(super) witnessed: bool,
    /// Without a time: when the signature is made.
    pub(super) stamps: Vec<(&'a Tsa, Option<Timestamp>, TokenForm)>,
    pub(super) layout: Layout,
    pub(super) repository: String,
    pub(super) predicate: (String, Value),
    pub(super) payload: Option<Vec<u8>>,
    pub(super) payload_type: String,
    pub(super) defects: Vec<Defect>,
}

impl<'a> Signing<'a> {
    pub(crate) fn new(sigstore: &'a Sigstore, subject: Subject) -> Self {
        Self {
            sigstore,
            subject,
            signer: Signer::Keyless(KeyKind::P256),
            identity: Identity::github(
                "acme/app",
                ".github/workflows/release.yml",
                "refs/heads/main",
            ),
            ca: &sigstore.ca,
            at: sigstore.at,
            validity: None,
            scts: None,
            edits: Vec::new(),
            log: Some(&sigstore.rekor),
            kind: None,
            place: Place::default(),
            log_hash: None,
            witnessed: false,
            stamps: Vec::new(),
            layout: Layout::Bundle(Version::V03),
            repository: "registry.example.com/app".to_owned(),
            predicate: (COSIGN_SIGN.to_owned(), json!({})),
            payload: None,
            payload_type: IN_TOTO.to_owned(),
            defects: Vec::new(),
        }
    }

    /// Who signs.
    pub(crate) fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Who signs as things stand.
    pub(crate) fn identity_now(&self) -> &Identity {
        &self.identity
    }

    /// The kind of key that the certificate is for.
    pub(crate) fn key(mut self, kind: KeyKind) -> Self {
        self.signer = Signer::Keyless(kind);
        self
    }

    /// Signs with a certificate that exists already.
    pub(crate) fn with_leaf(mut self, leaf: &Arc<Leaf>) -> Self {
        self.signer = Signer::Leaf(Arc::clone(leaf));
        self
    }

    /// Signs with a managed key, without a certificate.
    pub(crate) fn with_key(mut self, key: &Arc<Key>) -> Self {
        self.signer = Signer::Key(Arc::clone(key));
        self
    }

    /// Another authority, such as a private one, which logs no certificates.
    pub(crate) fn by(mut self, ca: &'a Ca) -> Self {
        self.ca = ca;
        self.scts = Some(Vec::new());
        self
    }

    /// When the signature is made, logged and stamped.
    pub(crate) fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// When the certificate is valid: ten minutes around the signature unless
    /// said otherwise.
    pub(crate) fn validity(mut self, not_before: Timestamp, not_after: Timestamp) -> Self {
        self.validity = Some((not_before, not_after));
        self
    }

    /// The certificate timestamps: one of the first log unless said otherwise.
    pub(crate) fn scts(mut self, scts: Vec<SctOrder<'a>>) -> Self {
        self.scts = Some(scts);
        self
    }

    /// Changes the certificate before it is logged and signed.
    pub(crate) fn certificate(mut self, edit: impl Fn(&mut Tbs) + 'a) -> Self {
        self.edits.push(Box::new(edit));
        self
    }

    /// The log: Rekor v1 unless said otherwise.
    pub(crate) fn log(mut self, log: Log) -> Self {
        self.log = self.sigstore.log(log);
        self
    }

    /// Any log.
    pub(crate) fn logged_in(mut self, log: &'a Rekor) -> Self {
        self.log = Some(log);
        self
    }

    /// The kind of the entry: what cosign uses unless said otherwise.
    pub(crate) fn entry(mut self, kind: EntryKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The hash in the entry: that of the signature unless said otherwise.
    pub(crate) fn log_hash(mut self, hash: Hashing) -> Self {
        self.log_hash = Some(hash);
        self
    }

    /// Where in the log the entry lies.
    pub(crate) fn place(mut self, index: usize, size: usize) -> Self {
        self.place = Place { index, size };
        self
    }

    /// Adds the cosignature of a witness to the checkpoint.
    pub(crate) fn witnessed(mut self) -> Self {
        self.witnessed = true;
        self
    }

    /// A timestamp by the authority: none unless said otherwise.
    pub(crate) fn stamp(mut self, stamp: Stamp) -> Self {
        self.stamps.clear();
        if stamp == Stamp::None {
            return self;
        }
        let form = TokenForm {
            embedded: stamp == Stamp::Embedded,
            ..TokenForm::default()
        };
        self.stamps.push((&self.sigstore.tsa, None, form));
        self
    }

    /// Adds a timestamp by any authority.
    pub(crate) fn stamped_by(mut self, tsa: &'a Tsa, at: Timestamp, form: TokenForm) -> Self {
        self.stamps.push((tsa, Some(at), form));
        self
    }

    /// How it is stored. An `.att` layer holds SLSA provenance unless another
    /// predicate is given afterwards.
    pub(crate) fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        if layout == Layout::Att && self.predicate.0 == COSIGN_SIGN {
            self.predicate = ("https://slsa.dev/provenance/v1".to_owned(), provenance());
        }
        self
    }

    /// The predicate of the statement.
    pub(crate) fn predicate(mut self, kind: &str, predicate: Value) -> Self {
        self.predicate = (kind.to_owned(), predicate);
        self
    }

    /// The signed payload in place of a statement or simple-signing document.
    pub(crate) fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// The type of the envelope's payload, which is signed as well.
    pub(crate) fn payload_type(mut self, payload_type: &str) -> Self {
        self.payload_type = payload_type.to_owned();
        self
    }

    /// The repository that a simple-signing document names.
    pub(crate) fn repository(mut self, repository: &str) -> Self {
        self.repository = repository.to_owned();
        self
    }

    /// Adds a defect.
    pub(crate) fn broken(mut self, defect: Defect) -> Self {
        self.defects.push(defect);
        self
    }
}

/// A small predicate of SLSA provenance, version 1.
pub(crate) fn provenance() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "ref": "refs/heads/main",
                "repository": "https://github.com/acme/app",
                "path": ".github/workflows/release.yml",
            }},
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/heads/main",
                "digest": {"gitCommit": "977e8d08554ca9bda279c96e91be2119fb67c730"},
            }],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/actions/runner/github-hosted"},
            "metadata": {"invocationId": "https://github.com/acme/app/actions/runs/1/attempts/1"},
        },
    })
}
