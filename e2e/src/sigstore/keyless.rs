//! Signing without a key of one's own, in every way that cosign has, and
//! cosign's own judgement of it. No check is switched off, but for one: where a
//! signature is in no log, cosign has no other name for "no log is required"
//! than `--insecure-ignore-tlog`.

use std::process::{Command, Stdio};

use super::{Identity, Service, Sigstore};
use crate::{
    cosign::{self, cosign},
    object::fresh_name,
    registry::Image,
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

    fn program(self) -> &'static str {
        match self {
            Self::Tag2 | Self::Tag2Timestamp | Self::Bundle2 => "cosign2",
            _ => "cosign3",
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
                self.know(&mut command);
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
        let mut command = cosign(flow.program());
        command.arg("verify");
        self.judge(flow, signer, image, command)
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
        let mut command = cosign(flow.program());
        command.args(["verify-attestation", "--type", kind]);
        self.judge(flow, signer, image, command)
    }

    fn judge(
        &self,
        flow: Flow,
        signer: &Identity,
        image: &Image,
        mut command: Command,
    ) -> Result<(), String> {
        command
            .args(["--certificate-identity", &signer.subject])
            .args(["--certificate-oidc-issuer", &signer.issuer]);
        match flow {
            Flow::Tag2 | Flow::Tag2Timestamp => {
                command.arg("--offline");
                self.know(&mut command);
            }
            Flow::Bundle2 => {
                command.arg("--new-bundle-format");
                command.arg("--trusted-root").arg(self.trusted_root());
            }
            _ => {
                command.arg("--trusted-root").arg(self.trusted_root());
            }
        }
        if flow.has_timestamp() {
            command.arg("--use-signed-timestamps");
        }
        if flow.log().is_none() {
            command.arg("--insecure-ignore-tlog");
        }
        let output = command
            .arg(image.pinned())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The environment in which cosign 2 finds what it must trust.
    fn know(&self, command: &mut Command) {
        let file = |name: &str| self.scratch.path().join(name);
        command
            .env("SIGSTORE_ROOT_FILE", file("fulcio-chain.pem"))
            .env("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", file("ct.pub"))
            .env("SIGSTORE_REKOR_PUBLIC_KEY", self.rekor1_public())
            .env("SIGSTORE_TSA_CERTIFICATE_FILE", file("timestamps.pem"));
    }

    fn rekor1_public(&self) -> std::path::PathBuf {
        self.scratch
            .write("rekor1.pub", self.keys.rekor1.public_key_pem())
    }
}
