//! Signing without a key of one's own, in every way that cosign has, and
//! cosign's own judgement of it. No check is switched off, but for one: where a
//! signature is in no log, cosign has no other name for "no log is required"
//! than `--insecure-ignore-tlog`.

use std::process::Command;

use super::{Identity, Service, Sigstore};
use crate::{
    cosign::{self, cosign},
    cosign_opinion::{self, Question, Target, Version},
    object::fresh_name,
    registry::Image,
    second_opinion::Signer,
};

/// How a signature comes about and where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// cosign 2: under a tag, in Rekor v1.
    Tag2,
    /// cosign 2: under a tag, in Rekor v1 and with a timestamp.
    Tag2Timestamp,
    /// cosign 3, told to do as cosign 2 does.
    Tag3,
    /// cosign 2: a bundle, in Rekor v1.
    Bundle2,
    /// cosign 3: a bundle, in Rekor v1.
    Rekor1,
    /// cosign 3: a bundle, in Rekor v1 and with a timestamp.
    Rekor1Timestamp,
    /// cosign 3: a bundle, in Rekor v2 and with a timestamp.
    Rekor2,
    /// cosign 3: a bundle, in no log, with a timestamp.
    TimestampOnly,
}

impl Flow {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Tag2,
        Self::Tag2Timestamp,
        Self::Tag3,
        Self::Bundle2,
        Self::Rekor1,
        Self::Rekor1Timestamp,
        Self::Rekor2,
        Self::TimestampOnly,
    ];

    /// Whether the signature is a bundle.
    pub fn is_bundle(self) -> bool {
        !matches!(self, Self::Tag2 | Self::Tag2Timestamp | Self::Tag3)
    }

    /// The log that it is in.
    pub fn log(self) -> Option<Service> {
        match self {
            Self::TimestampOnly => None,
            Self::Rekor2 => Some(Service::RekorV2),
            _ => Some(Service::RekorV1),
        }
    }

    /// Whether it has a timestamp.
    pub fn has_timestamp(self) -> bool {
        matches!(
            self,
            Self::Tag2Timestamp | Self::Rekor1Timestamp | Self::Rekor2 | Self::TimestampOnly
        )
    }

    /// The cosign that signs so.
    pub fn version(self) -> Version {
        match self {
            Self::Tag2 | Self::Tag2Timestamp | Self::Bundle2 => Version::Two,
            _ => Version::Three,
        }
    }

    fn program(self) -> &'static str {
        match self.version() {
            Version::Two => "cosign2",
            Version::Three => "cosign3",
        }
    }
}

/// What an attestation says.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// Its kind, as cosign's `--type` wants it.
    pub kind: &'static str,
    /// The predicate itself, JSON.
    pub text: String,
}

impl Sigstore {
    /// Signs an image by digest.
    ///
    /// # Panics
    ///
    /// cosign refuses.
    pub fn sign(&self, flow: Flow, signer: &Identity, image: &Image) {
        let mut command = cosign(flow.program());
        command.arg("sign");
        self.finish(flow, signer, image, command);
    }

    /// Attests something of an image by digest.
    ///
    /// # Panics
    ///
    /// cosign refuses.
    pub fn attest(&self, flow: Flow, signer: &Identity, image: &Image, predicate: &Predicate) {
        let file = self
            .scratch
            .write(&fresh_name("predicate"), &predicate.text);
        let mut command = cosign(flow.program());
        command
            .args(["attest", "--type", predicate.kind, "--predicate"])
            .arg(file);
        self.finish(flow, signer, image, command);
    }

    fn finish(&self, flow: Flow, signer: &Identity, image: &Image, mut command: Command) {
        command
            .arg("--identity-token")
            .arg(self.token(signer))
            .arg("-y");
        match flow {
            Flow::Tag2 | Flow::Tag2Timestamp | Flow::Bundle2 | Flow::Tag3 => {
                command
                    .args(["--fulcio-url", &self.urls.fulcio])
                    .args(["--rekor-url", &self.urls.rekor1]);
                cosign_opinion::believe(&mut command, &self.trust());
            }
            Flow::Rekor1 | Flow::Rekor1Timestamp | Flow::Rekor2 | Flow::TimestampOnly => {
                command
                    .arg("--signing-config")
                    .arg(self.signing_config(flow.log(), flow.has_timestamp()))
                    .arg("--trusted-root")
                    .arg(self.trusted_root());
            }
        }
        match flow {
            Flow::Tag2Timestamp => {
                command.args(["--timestamp-server-url", &self.urls.timestamps]);
            }
            Flow::Bundle2 => {
                command.arg("--new-bundle-format");
            }
            Flow::Tag3 => {
                command.args(["--new-bundle-format=false", "--use-signing-config=false"]);
            }
            _ => {}
        }
        cosign::run(command.arg(image.pinned()));
    }

    /// Whether the cosign that signed accepts the signature of this signer; the
    /// error is what it said.
    ///
    /// # Errors
    ///
    /// It does not.
    ///
    /// # Panics
    ///
    /// cosign cannot be started.
    pub fn verify(&self, flow: Flow, signer: &Identity, image: &Image) -> Result<(), String> {
        let target = if flow.is_bundle() {
            Target::Bundle(image)
        } else {
            Target::Tag(image)
        };
        self.judge(flow, signer, target)
    }

    /// The same for an attestation of this kind.
    ///
    /// # Errors
    ///
    /// It does not.
    ///
    /// # Panics
    ///
    /// cosign cannot be started.
    pub fn verify_attestation(
        &self,
        flow: Flow,
        signer: &Identity,
        image: &Image,
        kind: &str,
    ) -> Result<(), String> {
        let target = if flow.is_bundle() {
            Target::BundleAttestation(image, kind)
        } else {
            Target::TagAttestation(image, kind)
        };
        self.judge(flow, signer, target)
    }

    fn judge(&self, flow: Flow, signer: &Identity, target: Target<'_>) -> Result<(), String> {
        let question = Question {
            target,
            signer: Signer::Identity {
                subject: signer.subject.clone(),
                issuer: signer.issuer.clone(),
            },
            log: flow.log().is_some(),
            timestamp: flow.has_timestamp(),
            trust: self.trust(),
        };
        cosign_opinion::ask(flow.version(), &question)
    }
}
