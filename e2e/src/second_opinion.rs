//! What another implementation of Sigstore, sigstore-go, thinks of a bundle.

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{cluster::part, object::fresh_name, scratch::Scratch};

/// One question: does this bundle prove that this signer signed this artifact?
#[derive(Debug, Clone)]
pub struct Question {
    /// The bundle, a file.
    pub bundle: PathBuf,
    /// A `trusted_root.json`.
    pub trusted_root: PathBuf,
    /// What was signed.
    pub artifact: Artifact,
    /// Who must have signed it.
    pub signer: Signer,
    /// What there must be besides.
    pub demands: Demands,
}

/// What was signed.
#[derive(Debug, Clone)]
pub enum Artifact {
    /// `ALGORITHM:HEX`.
    Digest(String),
    /// A file.
    File(PathBuf),
}

/// Who must have signed.
#[derive(Debug, Clone)]
pub enum Signer {
    /// Whoever has a certificate with this name, from this issuer.
    Identity {
        /// The subject alternative name, exactly.
        subject: String,
        /// The issuer, exactly.
        issuer: String,
    },
    /// The owner of this public key, a PEM file.
    Key(PathBuf),
}

/// How many of each there must be. Zero of a kind is not asked for; a
/// certificate is then judged by the time of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demands {
    /// Entries in transparency logs.
    pub log: u8,
    /// Certificate timestamps.
    pub sct: u8,
    /// Timestamps of timestamp authorities.
    pub timestamps: u8,
    /// Timestamps of authorities or times of logs.
    pub observed_times: u8,
}

/// The answer: accepted, or why not.
pub type Opinion = Result<(), String>;

/// Asks all the questions, in one process.
///
/// # Panics
///
/// The part is missing, or does not answer every question.
pub fn ask(questions: &[Question]) -> Vec<Opinion> {
    let scratch = Scratch::new();
    let jobs: String = questions
        .iter()
        .map(|one| format!("{}\n", job(one)))
        .collect();
    // A file, because pipes in both directions can block each other.
    let jobs = scratch.write(&fresh_name("questions"), jobs);
    let output = Command::new(part("sigstore-go"))
        .stdin(Stdio::from(File::open(jobs).expect("it was just written")))
        .env("HOME", scratch.path())
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .output()
        .expect("the part can be started");
    assert!(
        output.status.success(),
        "sigstore-go: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answers: Vec<Opinion> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).expect("an answer is JSON");
            match answer["accepted"].as_bool() {
                Some(true) => Ok(()),
                _ => Err(answer["reason"].as_str().unwrap_or_default().to_owned()),
            }
        })
        .collect();
    assert_eq!(
        answers.len(),
        questions.len(),
        "one answer to each question"
    );
    answers
}

fn job(question: &Question) -> Value {
    let mut job = json!({
        "bundle": question.bundle, "trustedRoot": question.trusted_root,
        "log": question.demands.log, "sct": question.demands.sct,
        "timestamps": question.demands.timestamps,
        "observedTimes": question.demands.observed_times,
    });
    match &question.artifact {
        Artifact::Digest(digest) => job["digest"] = json!(digest),
        Artifact::File(path) => job["artifact"] = json!(path),
    }
    match &question.signer {
        Signer::Identity { subject, issuer } => {
            job["identity"] = json!(subject);
            job["issuer"] = json!(issuer);
        }
        Signer::Key(path) => job["key"] = json!(path),
    }
    job
}
