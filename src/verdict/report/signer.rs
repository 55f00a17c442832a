//! Who signed, and what was seen of the signature: the part of the report that
//! says why an image is admitted.

use serde::Serialize;

use crate::oci::Hex;
use crate::trust::{CertificateIdentity, LogProof, Proof, SctProof, TimestampProof};
use crate::verdict::SignedBy;

/// One signer who satisfied a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerReport {
    /// Name of the authority in the policy.
    pub authority: String,
    /// Who it was, as proven.
    pub signer: String,
    /// What the signer's certificate says; absent for keys, and where each
    /// entry of an index has its own signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateReport>,
    /// The entries of transparency logs that were verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogReport>,
    /// The RFC 3161 timestamps that were verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timestamps: Vec<TimestampReport>,
}

/// A certificate whose chain was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateReport {
    /// The trust root that vouches for it; `certificate` where the policy has
    /// the certificates itself.
    pub root: String,
    /// All names in it.
    pub names: Vec<NameReport>,
    /// Issuer of the token with which it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What it says about a CI run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildReport>,
    /// The certificate transparency log that has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<SctReport>,
}

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameReport {
    /// `email`, `uri`, `dns` or `other-name`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
}

/// A CI run, as far as the certificate says something about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildReport {
    /// The file that signed, with its repository and ref.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The repository that was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Its ref.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Where it ran: `github-hosted` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// An entry of a transparency log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogReport {
    /// The trust root that names the log.
    pub root: String,
    /// The log's id, in hexadecimal.
    pub log: String,
    /// Index of the entry.
    pub index: u64,
    /// When the log took it, RFC 3339 in UTC; absent where the log does not
    /// sign that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A signed certificate timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SctReport {
    /// The log's id, in hexadecimal.
    pub log: String,
    /// When it saw the certificate, RFC 3339 in UTC.
    pub at: String,
}

/// An RFC 3161 timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimestampReport {
    /// The trust root that names the authority.
    pub root: String,
    /// The time, RFC 3339 in UTC.
    pub at: String,
}

impl SignerReport {
    pub(super) fn new(by: &SignedBy) -> Self {
        let proof = by.proof.as_deref();
        let log = proof.map_or(&[][..], |proof| &proof.log);
        let timestamps = proof.map_or(&[][..], |proof| &proof.timestamps);
        Self {
            authority: by.authority.to_string(),
            signer: by.signer.to_string(),
            certificate: proof.and_then(CertificateReport::new),
            log: log.iter().map(LogReport::new).collect(),
            timestamps: timestamps.iter().map(TimestampReport::new).collect(),
        }
    }

    pub(super) fn explain(&self, indent: &str, lines: &mut Vec<String>) {
        let Self {
            authority, signer, ..
        } = self;
        lines.push(format!("{indent}signed by authority {authority}: {signer}"));
        let mut say = |line: String| lines.push(format!("{indent}  {line}"));
        if let Some(certificate) = &self.certificate {
            say(format!("trust root: {}", certificate.root));
            for NameReport { kind, name } in &certificate.names {
                say(format!("name ({kind}): {name}"));
            }
            if let Some(issuer) = &certificate.issuer {
                say(format!("issuer: {issuer}"));
            }
            for (what, value) in certificate.build.iter().flat_map(BuildReport::said) {
                say(format!("{what}: {value}"));
            }
            if let Some(SctReport { log, at }) = &certificate.seen {
                say(format!("certificate seen: {at} by log {log}"));
            }
        }
        for LogReport {
            root,
            log,
            index,
            at,
        } in &self.log
        {
            let at = at.as_deref().unwrap_or("at no time that it signs");
            say(format!("logged: {at}, entry {index} of {log} ({root})"));
        }
        for TimestampReport { root, at } in &self.timestamps {
            say(format!("timestamp: {at} ({root})"));
        }
    }
}

impl CertificateReport {
    fn new(proof: &Proof) -> Option<Self> {
        let identity = proof.identity.as_deref()?;
        let names = identity.names.iter().map(|name| NameReport {
            kind: name.kind.as_str(),
            name: name.value.to_string(),
        });
        Some(Self {
            root: identity.root.to_string(),
            names: names.collect(),
            issuer: identity.issuer.as_deref().map(str::to_owned),
            build: BuildReport::new(identity),
            seen: proof.sct.as_ref().map(SctReport::new),
        })
    }
}

impl BuildReport {
    fn new(identity: &CertificateIdentity) -> Option<Self> {
        let claims = &identity.claims;
        let text = |claim: &Option<Box<str>>| claim.as_deref().map(str::to_owned);
        let build = Self {
            workflow: text(&claims.build_signer_uri),
            repository: text(&claims.source_repository_uri),
            reference: text(&claims.source_repository_ref),
            commit: text(&claims.source_repository_digest),
            trigger: text(&claims.build_trigger),
            runner: text(&claims.runner_environment),
            run: text(&claims.run_invocation_uri),
        };
        (build != Self::default()).then_some(build)
    }

    fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("workflow", &self.workflow),
            ("repository", &self.repository),
            ("ref", &self.reference),
            ("commit", &self.commit),
            ("trigger", &self.trigger),
            ("runner", &self.runner),
            ("run", &self.run),
        ];
        all.into_iter()
            .filter_map(|(what, value)| Some((what, value.as_deref()?)))
    }
}

impl LogReport {
    fn new(entry: &LogProof) -> Self {
        Self {
            root: entry.root.to_string(),
            log: Hex::of(&entry.log).as_str().to_owned(),
            index: entry.index,
            at: entry.integrated.map(|at| at.to_string()),
        }
    }
}

impl SctReport {
    fn new(seen: &SctProof) -> Self {
        Self {
            log: Hex::of(&seen.log).as_str().to_owned(),
            at: seen.at.to_string(),
        }
    }
}

impl TimestampReport {
    fn new(stamp: &TimestampProof) -> Self {
        Self {
            root: stamp.root.to_string(),
            at: stamp.at.to_string(),
        }
    }
}
