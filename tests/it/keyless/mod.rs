//! Signatures by certificate, and whatever else a log has seen: each good one
//! counts, and each of its twins is refused for its own reason.

mod accepted;
mod compared;
mod pipeline;
mod refused;
mod roots;

use std::sync::{Arc, LazyLock};

use floe::evidence::Document;
use floe::evidence::format::{attestation_layers, bundle_layers, simple_signing_layers};
use floe::oci::{Content, Descriptor, Digest, Manifest};
use floe::policy::{IdentityRule, Mismatch};
use floe::trust::{
    AuthorityMaterial, Blob, Demand, Demands, Established, OldBundles, PublicKey, Signers,
    TrustRoot, establish, establish_blob,
};
use jiff::Timestamp;

use crate::support::authority::{Attachment, Image, RepositoryContents};
use crate::support::sigstore::matrix::Case;
use crate::support::sigstore::{Log, Sigstore, Stamp, TrustedRoot};

static SIGSTORE: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new(at()));
static STRANGER: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new(at()));

/// What is demanded where both a log and the old versions are accepted.
const DEMANDS: Demands = Demands {
    log: Demand::Required,
    timestamps: Demand::Checked,
    sct: Demand::Required,
    old_bundles: OldBundles::Accepted,
};

fn at() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("a time")
}

fn images() -> [Image; 2] {
    let mut repository = RepositoryContents::new();
    [repository.image("one"), repository.image("two")]
}

/// Reads an attachment in the way that gathering does.
fn document(attachment: &Attachment) -> Document {
    let mut repository = RepositoryContents::new();
    let image = repository.image("any");
    let digest = repository.attach(&image, attachment);
    let (media_type, bytes) = &repository.manifests[&digest];
    let content = Content::check_digest(digest, media_type, bytes.clone()).expect("checked");
    let Manifest::Image(manifest) = Manifest::parse(&content).expect("a manifest") else {
        panic!("an index");
    };
    let blob = |descriptor: &Descriptor| {
        Content::check(descriptor, repository.blobs[&descriptor.digest].clone()).expect("a blob")
    };
    let mut documents: Vec<Document> = match attachment {
        Attachment::Bundle { .. } => {
            let layers = bundle_layers(digest, &manifest);
            let fetched = layers.fetch.iter();
            let fetched = fetched.map(|layer| Document::bundle(digest, &blob(layer)));
            fetched.chain(layers.documents).collect()
        }
        Attachment::Legacy { .. } => {
            let layers = simple_signing_layers(digest, &manifest);
            let fetched = layers
                .fetch
                .iter()
                .map(|layer| Document::simple_signing(digest, blob(&layer.descriptor), layer));
            fetched.chain(layers.documents).collect()
        }
        Attachment::Attestation { .. } => {
            let layers = attestation_layers(digest, &manifest);
            let fetched = layers
                .fetch
                .iter()
                .map(|layer| Document::attestation(digest, &blob(&layer.descriptor), layer));
            fetched.chain(layers.documents).collect()
        }
    };
    assert_eq!(documents.len(), 1, "one document is expected");
    documents.remove(0)
}

fn keyless(root: &TrustedRoot, demands: Demands) -> AuthorityMaterial {
    let root = TrustRoot::from_json("test", &root.text()).expect("a trusted root");
    AuthorityMaterial::new(Signers::Keyless, vec![Arc::new(root)], demands)
}

/// What is demanded where neither a log nor a timestamp has to be: what is
/// there for the case.
fn demands(case: &Case) -> Demands {
    let if_there = |there| {
        if there {
            Demand::Required
        } else {
            Demand::Ignored
        }
    };
    Demands {
        log: if_there(case.log != Log::None),
        timestamps: if_there(case.stamp != Stamp::None),
        sct: Demand::Ignored,
        old_bundles: OldBundles::Accepted,
    }
}

/// Holders of certificates of the root, where it is one.
fn keyless_of(root: &TrustedRoot) -> Option<AuthorityMaterial> {
    let root = TrustRoot::from_json("test", &root.text()).ok()?;
    Some(AuthorityMaterial::new(
        Signers::Keyless,
        vec![Arc::new(root)],
        DEMANDS,
    ))
}

/// A managed key.
fn managed(pem: &str, root: &TrustedRoot, case: &Case) -> AuthorityMaterial {
    let root = TrustRoot::from_json("test", &root.text()).expect("a trusted root");
    let key = PublicKey::from_pem(pem).expect("a key");
    AuthorityMaterial::new(
        Signers::Keys(vec![key]),
        vec![Arc::new(root)],
        demands(case),
    )
}

/// A private certificate authority.
fn private(pem: &str, root: &TrustedRoot, case: &Case) -> AuthorityMaterial {
    let root = TrustRoot::from_json("test", &root.text()).expect("a trusted root");
    let own = TrustRoot::from_certificates("own", pem).expect("certificates");
    AuthorityMaterial::new(
        Signers::Certificates(Arc::new(own)),
        vec![Arc::new(root)],
        demands(case),
    )
}

fn judge(attachment: &Attachment, subject: &Digest, material: &AuthorityMaterial) -> Established {
    establish(&document(attachment), subject, material)
}

/// Judges a bundle about a file, by its bytes and by its digest, which must
/// agree.
fn judge_file(attachment: &Attachment, file: &[u8], material: &AuthorityMaterial) -> Established {
    let document = document(attachment);
    let by_bytes = establish_blob(&document, &Blob::Bytes(file), material);
    let digest = Blob::Digest(Digest::sha256(file));
    let by_digest = establish_blob(&document, &digest, material);
    let kind = |found: &Established| found.as_ref().map_err(|r| r.kind).map(|_| ());
    assert_eq!(kind(&by_bytes), kind(&by_digest));
    by_bytes
}

/// The reason why a document does not count, or that it does: what is
/// established, and whether it is the one whom the rule accepts.
fn reason(established: &Established, rule: Option<&IdentityRule>) -> &'static str {
    let verified = match established {
        Ok(verified) => verified,
        Err(rejection) => return rejection.kind.code(),
    };
    let identity = verified.proof().identity.as_deref();
    match (rule, identity) {
        (None, _) => "accepted",
        (Some(_), None) => "nobody-named",
        (Some(rule), Some(identity)) => match rule.judge(identity) {
            Ok(()) => "accepted",
            Err(Mismatch::Issuer { .. }) => "issuer-mismatch",
            Err(_) => "identity-mismatch",
        },
    }
}
