//! Signatures, made and put where every judge can look at them, with the
//! question that they are asked.

use std::{path::PathBuf, sync::Arc};

use floe_e2e::{
    cosign_opinion::Trust,
    registry::{IMAGE_MANIFEST, Image, Kind, Registry},
    scratch::Scratch,
    second_opinion::Signer,
    sigstore as real,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    artifact::{Artifact, Form},
    authority::{self, Attachment, Key},
    sigstore::{Identity, Layout, Log, Signed, Sigstore, Stamp, Version},
};

/// A signature, and what is asked about it: did this signer sign this, with
/// everything that it was made with?
pub(super) struct Exhibit {
    /// What it is, for messages.
    pub(super) title: String,
    /// What it was generated from; nothing where cosign made it.
    pub(super) artifact: Option<Artifact>,
    /// Whether the strict reading says yes.
    pub(super) good: bool,
    pub(super) subject: Subject,
    /// Whether it lies under a tag.
    pub(super) tag: bool,
    /// The bundle as a file, if there is one.
    pub(super) bundle: Option<PathBuf>,
    pub(super) signer: Signer,
    pub(super) log: bool,
    pub(super) stamp: bool,
    pub(super) trusted: Arc<Trusted>,
}

/// What was signed.
pub(super) enum Subject {
    Image(Image),
    Blob(PathBuf),
}

/// The files by which verifiers trust a Sigstore.
pub(super) struct Trusted {
    pub(super) root: PathBuf,
    fulcio: PathBuf,
    ct_log: PathBuf,
    rekor: PathBuf,
    timestamps: PathBuf,
}

impl Trusted {
    pub(super) fn for_cosign(&self) -> Trust<'_> {
        Trust {
            root: &self.root,
            fulcio: &self.fulcio,
            ct_log: &self.ct_log,
            rekor: &self.rekor,
            timestamps: &self.timestamps,
        }
    }
}

/// Makes what is generated.
pub(super) struct Workshop {
    scratch: Scratch,
    sigstore: Sigstore,
    identity: Identity,
    trusted: Arc<Trusted>,
}

impl Workshop {
    pub(super) fn new() -> Self {
        // An hour ago: certificates for a moment have expired since.
        let sigstore = Sigstore::new(Timestamp::now() - SignedDuration::from_hours(1));
        let scratch = Scratch::new();
        let stamps = sigstore.tsa.chain();
        let stamps = stamps.iter().map(|der| authority::pem("CERTIFICATE", der));
        let trusted = Trusted {
            root: scratch.write("root.json", sigstore.trusted_root().text()),
            fulcio: scratch.write("ca.pem", sigstore.ca.chain_pem()),
            ct_log: scratch.write("ct.pub", sigstore.ct_logs[0].key.pem()),
            rekor: scratch.write("rekor.pub", sigstore.rekor.key.pem()),
            timestamps: scratch.write("timestamps.pem", stamps.collect::<String>()),
        };
        Self {
            scratch,
            sigstore,
            identity: Identity::github(
                "acme/app",
                ".github/workflows/release.yml",
                "refs/heads/main",
            ),
            trusted: Arc::new(trusted),
        }
    }

    pub(super) fn make(&self, number: usize, artifact: Artifact) -> Exhibit {
        let blob = format!("artifact {number}").into_bytes();
        let (subject, signing) = match artifact.form {
            Form::Blob => {
                let path = self.scratch.write(&format!("{number}.blob"), &blob);
                (Subject::Blob(path), self.sigstore.sign_blob(&blob))
            }
            Form::Bundle | Form::Tag => {
                let image = Registry::shared(Kind::Ferro).push_fresh_image();
                let signed = authority::Image {
                    digest: image.digest.parse().unwrap(),
                    size: 0,
                };
                (Subject::Image(image), self.sigstore.sign(&signed))
            }
        };
        let mut signing = signing
            .identity(self.identity.clone())
            .log(artifact.log)
            .stamp(artifact.stamp)
            .layout(match artifact.form {
                Form::Bundle => Layout::Bundle(Version::V03),
                Form::Tag => Layout::Sig,
                Form::Blob => Layout::Message(Version::V03),
            });
        let signer;
        if artifact.keyless {
            signing = signing.key(artifact.key);
            signer = Signer::Identity {
                subject: self.identity.name().to_owned(),
                issuer: self.identity.issuer_v2.clone().unwrap(),
            };
        } else {
            let key = Arc::new(Key::generate(artifact.key));
            signing = signing.with_key(&key);
            signer = Signer::Key(self.scratch.write(&format!("{number}.pub"), key.pem()));
        }
        if let Some(defect) = artifact.defect {
            signing = signing.broken(defect);
        }
        let signed = signing.make();
        if let Subject::Image(image) = &subject {
            attach(image, &signed);
        }
        let tag = artifact.form == Form::Tag;
        let bundle = (!tag).then(|| {
            let bundle = signed.bundle().to_string();
            self.scratch.write(&format!("{number}.bundle"), bundle)
        });
        Exhibit {
            title: artifact.to_string(),
            artifact: Some(artifact),
            good: artifact.is_good(),
            subject,
            tag,
            bundle,
            signer,
            log: artifact.log != Log::None,
            stamp: artifact.stamp != Stamp::None,
            trusted: Arc::clone(&self.trusted),
        }
    }
}

fn attach(image: &Image, signed: &Signed) {
    let registry = Registry::shared(Kind::Ferro);
    let repository = &image.repository;
    match signed.attachment() {
        Attachment::Bundle { bytes, .. } => registry.attach_bundle(image, &bytes),
        Attachment::Legacy {
            payload,
            media_type,
            annotations,
        } => {
            let mut layer = registry.push_blob(repository, &media_type, &payload);
            layer["annotations"] = json!(annotations);
            let config = registry.push_blob(
                repository,
                "application/vnd.oci.image.config.v1+json",
                br#"{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}"#,
            );
            let manifest = json!({
                "schemaVersion": 2, "mediaType": IMAGE_MANIFEST,
                "config": config, "layers": [layer],
            });
            registry.put_manifest(
                repository,
                &image.signature_tag(),
                IMAGE_MANIFEST,
                manifest.to_string().as_bytes(),
            );
        }
        Attachment::Attestation { .. } => panic!("no attestations are generated"),
    }
}

/// What cosign signs in every way against real services: once asked about the
/// signer and once about somebody else.
pub(super) fn by_cosign(scratch: &Scratch, signers: &[real::Identity]) -> Vec<Exhibit> {
    let sigstore = real::Sigstore::shared();
    let trust = sigstore.trust();
    let trusted = Arc::new(Trusted {
        root: trust.root.to_owned(),
        fulcio: trust.fulcio.to_owned(),
        ct_log: trust.ct_log.to_owned(),
        rekor: trust.rekor.to_owned(),
        timestamps: trust.timestamps.to_owned(),
    });
    let mut exhibits = Vec::new();
    for flow in real::Flow::ALL {
        for signer in signers {
            let registry = Registry::shared(Kind::Ferro);
            let image = registry.push_fresh_image();
            sigstore.sign(flow, signer, &image);
            let bundle = flow.is_bundle().then(|| {
                let name = format!("cosign-{}.bundle", exhibits.len());
                scratch.write(&name, &registry.bundles(&image)[0])
            });
            for good in [true, false] {
                let subject = match good {
                    true => signer.subject.clone(),
                    false => format!("{}x", signer.subject),
                };
                exhibits.push(Exhibit {
                    title: format!("{flow:?} by {}, asked about {subject}", signer.issuer),
                    artifact: None,
                    good,
                    subject: Subject::Image(image.clone()),
                    tag: !flow.is_bundle(),
                    bundle: bundle.clone(),
                    signer: Signer::Identity {
                        subject,
                        issuer: signer.issuer.clone(),
                    },
                    log: flow.log().is_some(),
                    stamp: flow.has_timestamp(),
                    trusted: Arc::clone(&trusted),
                });
            }
        }
    }
    exhibits
}
