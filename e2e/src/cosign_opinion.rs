//! What cosign itself thinks of a signature, told everything that it needs so
//! that it asks nobody.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{cosign::cosign, registry::Image, second_opinion::Signer};

/// Which cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 2.
    Two,
    /// 3.
    Three,
}

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A signature of an image, in a bundle.
    Bundle(&'a Image),
    /// A signature of an image, under its tag.
    Tag(&'a Image),
    /// An attestation of an image, in a bundle, of a kind as `--type` names it.
    BundleAttestation(&'a Image, &'a str),
    /// An attestation of an image, under its tag.
    TagAttestation(&'a Image, &'a str),
    /// A file with a bundle beside it.
    Blob {
        /// The file.
        blob: &'a Path,
        /// The bundle.
        bundle: &'a Path,
    },
}

/// What there must be, and whom to believe.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// What is judged.
    pub target: Target<'a>,
    /// Who must have signed it.
    pub signer: Signer,
    /// Whether it must be in a log.
    pub log: bool,
    /// Whether there must be a timestamp.
    pub timestamp: bool,
    /// Whom to believe.
    pub trust: Trust<'a>,
}

/// Whom to believe, in both ways of saying so: cosign 2 takes no
/// `trusted_root.json` for what lies under a tag.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// A `trusted_root.json`.
    pub root: &'a Path,
    /// Fulcio's chain, PEM.
    pub fulcio: &'a Path,
    /// The certificate log's key, PEM.
    pub ct_log: &'a Path,
    /// The key of Rekor v1, PEM.
    pub rekor: &'a Path,
    /// The timestamp authority's chain, PEM.
    pub timestamps: &'a Path,
}

/// Whether cosign accepts it.
///
/// # Errors
///
/// It does not; the error is what it said.
///
/// # Panics
///
/// cosign cannot be started.
pub fn ask(version: Version, question: &Question<'_>) -> Result<(), String> {
    let mut command = match version {
        Version::Two => cosign("cosign2"),
        Version::Three => cosign("cosign3"),
    };
    match question.target {
        Target::Bundle(_) | Target::Tag(_) => command.arg("verify"),
        Target::BundleAttestation(_, kind) | Target::TagAttestation(_, kind) => {
            command.args(["verify-attestation", "--type", kind])
        }
        Target::Blob { bundle, .. } => command.args(["verify-blob", "--bundle"]).arg(bundle),
    };
    match &question.signer {
        Signer::Identity { subject, issuer } => command
            .args(["--certificate-identity", subject])
            .args(["--certificate-oidc-issuer", issuer]),
        Signer::Key(path) => command.arg("--key").arg(path),
    };
    let tag = matches!(
        question.target,
        Target::Tag(_) | Target::TagAttestation(_, _)
    );
    match (version, tag) {
        (Version::Two, true) => {
            command.arg("--offline");
            believe(&mut command, &question.trust);
        }
        (Version::Two, false) => {
            command.arg("--new-bundle-format");
            command.arg("--trusted-root").arg(question.trust.root);
        }
        (Version::Three, _) => {
            command.arg("--trusted-root").arg(question.trust.root);
        }
    }
    if question.timestamp {
        command.arg("--use-signed-timestamps");
    }
    if !question.log {
        // It has no other name for "no log is required".
        command.arg("--insecure-ignore-tlog");
    }
    match question.target {
        Target::Bundle(image)
        | Target::Tag(image)
        | Target::BundleAttestation(image, _)
        | Target::TagAttestation(image, _) => command.arg(image.pinned()),
        Target::Blob { blob, .. } => command.arg(blob),
    };
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The environment in which cosign 2 finds whom to believe.
pub(crate) fn believe(command: &mut Command, trust: &Trust<'_>) {
    command
        .env("SIGSTORE_ROOT_FILE", trust.fulcio)
        .env("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", trust.ct_log)
        .env("SIGSTORE_REKOR_PUBLIC_KEY", trust.rekor)
        .env("SIGSTORE_TSA_CERTIFICATE_FILE", trust.timestamps);
}
