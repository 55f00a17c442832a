//! Who a certificate is for: subject alternative names and Fulcio's extensions
//! below 1.3.6.1.4.1.57264.1.

use super::certificate::{Extension, SUBJECT_ALT_NAME};
use super::der;

/// Issuers that CI systems and people have.
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";
pub(crate) const GITLAB: &str = "https://gitlab.com";
pub(crate) const GOOGLE: &str = "https://accounts.google.com";

/// One subject alternative name. The bytes are written as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum San {
    Email(String),
    Uri(String),
    Dns(String),
    /// OtherName 1.3.6.1.4.1.57264.1.7 with a UTF8String.
    Other(String),
    /// An OtherName of another kind.
    OtherOf(String, String),
    Ip([u8; 4]),
}

impl San {
    fn to_der(&self) -> Vec<u8> {
        match self {
            Self::Email(text) => der::primitive(1, text.as_bytes()),
            Self::Dns(text) => der::primitive(2, text.as_bytes()),
            Self::Uri(text) => der::primitive(6, text.as_bytes()),
            Self::Ip(address) => der::primitive(7, address),
            Self::Other(text) => {
                Self::OtherOf("1.3.6.1.4.1.57264.1.7".into(), text.clone()).to_der()
            }
            Self::OtherOf(oid, text) => der::context(
                0,
                &der::joined(&[der::oid(oid), der::context(0, &der::utf8(text))]),
            ),
        }
    }
}

/// An identity: names and claims, each editable on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) sans: Vec<San>,
    /// Fulcio's names are critical, because its certificates have no subject.
    pub(crate) sans_critical: bool,
    /// `.1.1`, raw.
    pub(crate) issuer_v1: Option<String>,
    /// `.1.8`, a DER UTF8String.
    pub(crate) issuer_v2: Option<String>,
    /// Claims by their last arc: `.2` to `.6` raw, the others DER UTF8String.
    pub(crate) claims: Vec<(u8, String)>,
}

impl Identity {
    /// Names without an issuer or claims, as a private authority writes them.
    pub(crate) fn names(sans: Vec<San>) -> Self {
        Self {
            sans,
            sans_critical: true,
            issuer_v1: None,
            issuer_v2: None,
            claims: Vec::new(),
        }
    }

    /// One name and the issuer in both extensions.
    pub(crate) fn of(san: San, issuer: &str) -> Self {
        Self {
            issuer_v1: Some(issuer.to_owned()),
            issuer_v2: Some(issuer.to_owned()),
            ..Self::names(vec![san])
        }
    }

    /// A person. Fulcio puts the token's subject into `.24` for those as well.
    pub(crate) fn email(address: &str, issuer: &str) -> Self {
        Self::of(San::Email(address.to_owned()), issuer)
    }

    /// A workload, such as a SPIFFE identity or a Kubernetes service account.
    pub(crate) fn uri(uri: &str, issuer: &str) -> Self {
        Self::of(San::Uri(uri.to_owned()), issuer)
    }

    /// A user name, which Fulcio writes as an OtherName.
    pub(crate) fn username(name: &str, issuer: &str) -> Self {
        Self::of(San::Other(name.to_owned()), issuer)
    }

    /// A workflow of GitHub Actions: `owner/repository`, a path such as
    /// `.github/workflows/release.yml`, a ref such as `refs/heads/main`.
    pub(crate) fn github(repository: &str, workflow: &str, reference: &str) -> Self {
        let host = "https://github.com";
        let owner = repository.split('/').next().unwrap_or_default();
        let signer = format!("{host}/{repository}/{workflow}@{reference}");
        let commit = "977e8d08554ca9bda279c96e91be2119fb67c730";
        let mut identity = Self::uri(&signer, GITHUB);
        identity.claims = claims(&[
            (2, "push"),
            (3, commit),
            (4, "Release"),
            (5, repository),
            (6, reference),
            (9, &signer),
            (10, commit),
            (11, "github-hosted"),
            (12, &format!("{host}/{repository}")),
            (13, commit),
            (14, reference),
            (15, "632596897"),
            (16, &format!("{host}/{owner}")),
            (17, "131804563"),
            (18, &signer),
            (19, commit),
            (20, "push"),
            (
                21,
                &format!("{host}/{repository}/actions/runs/25821282059/attempts/1"),
            ),
            (22, "public"),
            (24, &format!("repo:{repository}:ref:{reference}")),
        ]);
        identity
    }

    /// A pipeline of GitLab: `group/project`, a path such as `.gitlab-ci.yml`.
    pub(crate) fn gitlab(project: &str, pipeline: &str, reference: &str) -> Self {
        let owner = project.rsplit_once('/').map_or(project, |(group, _)| group);
        let signer = format!("{GITLAB}/{project}//{pipeline}@{reference}");
        let commit = "714a629c0b401fdce83e847fc9589983fc6f46bc";
        let branch = reference.trim_start_matches("refs/heads/");
        let mut identity = Self::uri(&signer, GITLAB);
        identity.claims = claims(&[
            (9, &signer),
            (10, commit),
            (11, "gitlab-hosted"),
            (12, &format!("{GITLAB}/{project}")),
            (13, commit),
            (14, reference),
            (15, "42831435"),
            (16, &format!("{GITLAB}/{owner}")),
            (17, "1730270"),
            (18, &signer),
            (19, commit),
            (20, "push"),
            (21, &format!("{GITLAB}/{project}/-/jobs/6043024391")),
            (22, "private"),
            (
                24,
                &format!("project_path:{project}:ref_type:branch:ref:{branch}"),
            ),
        ]);
        identity
    }

    /// Sets a claim by its last arc, or adds it in its place.
    pub(crate) fn claim(mut self, arc: u8, value: &str) -> Self {
        self.claims.retain(|(there, _)| *there != arc);
        self.claims.push((arc, value.to_owned()));
        self.claims.sort_by_key(|(arc, _)| *arc);
        self
    }

    /// Leaves out a claim.
    pub(crate) fn without_claim(mut self, arc: u8) -> Self {
        self.claims.retain(|(there, _)| *there != arc);
        self
    }

    /// Another issuer in both extensions.
    pub(crate) fn issuer(mut self, issuer: &str) -> Self {
        self.issuer_v1 = Some(issuer.to_owned());
        self.issuer_v2 = Some(issuer.to_owned());
        self
    }

    /// Other names.
    pub(crate) fn with_names(mut self, sans: Vec<San>) -> Self {
        self.sans = sans;
        self
    }

    /// The name, where there is one text.
    pub(crate) fn name(&self) -> &str {
        match self.sans.first() {
            Some(
                San::Email(t) | San::Uri(t) | San::Dns(t) | San::Other(t) | San::OtherOf(_, t),
            ) => t,
            Some(San::Ip(_)) | None => "",
        }
    }

    /// The subject alternative names, if there are any.
    pub(crate) fn alternative_names(&self) -> Option<Extension> {
        if self.sans.is_empty() {
            return None;
        }
        let names: Vec<_> = self.sans.iter().map(San::to_der).collect();
        Some(Extension {
            critical: self.sans_critical,
            ..Extension::new(SUBJECT_ALT_NAME, der::sequence(&names))
        })
    }

    /// Fulcio's extensions, in Fulcio's order.
    pub(crate) fn extensions(&self) -> Vec<Extension> {
        let mut all: Vec<(u8, Vec<u8>)> = Vec::new();
        if let Some(issuer) = &self.issuer_v1 {
            all.push((1, issuer.as_bytes().to_vec()));
        }
        if let Some(issuer) = &self.issuer_v2 {
            all.push((8, der::utf8(issuer)));
        }
        for (arc, value) in &self.claims {
            let raw = (2..=6).contains(arc);
            let value = if raw {
                value.as_bytes().to_vec()
            } else {
                der::utf8(value)
            };
            all.push((*arc, value));
        }
        all.sort_by_key(|(arc, _)| *arc);
        all.into_iter()
            .map(|(arc, value)| Extension::new(&format!("1.3.6.1.4.1.57264.1.{arc}"), value))
            .collect()
    }
}

fn claims(list: &[(u8, &str)]) -> Vec<(u8, String)> {
    list.iter()
        .map(|(arc, text)| (*arc, (*text).to_owned()))
        .collect()
}
