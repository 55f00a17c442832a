//! Who a certificate says that its holder is.

use std::fmt;
use std::sync::Arc;

use super::Window;

/// The kinds of name that a certificate's subject alternative name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    /// `rfc822Name`.
    Email,
    /// `uniformResourceIdentifier`.
    Uri,
    /// `dNSName`.
    Dns,
    /// `otherName` of type 1.3.6.1.4.1.57264.1.7, a user name of Fulcio.
    Other,
}

impl NameKind {
    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Other => "other-name",
        }
    }
}

/// One subject alternative name, byte for byte as it stands in the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectName {
    /// Of which kind.
    pub kind: NameKind,
    /// The name. Never empty, and without control characters.
    pub value: Arc<str>,
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// The claims about a CI run in the extensions 1.3.6.1.4.1.57264.1 of a
/// certificate from Fulcio. Each is absent, or text without control characters.
/// Follows Fulcio's `docs/oid-info.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CiClaims {
    /// `.9`: the workflow that signs, with its ref.
    pub build_signer_uri: Option<Box<str>>,
    /// `.10`: the commit of that workflow.
    pub build_signer_digest: Option<Box<str>>,
    /// `.11`: `github-hosted` or `self-hosted`, and the like.
    pub runner_environment: Option<Box<str>>,
    /// `.12`: the repository that was built.
    pub source_repository_uri: Option<Box<str>>,
    /// `.13`: its commit.
    pub source_repository_digest: Option<Box<str>>,
    /// `.14`: its ref.
    pub source_repository_ref: Option<Box<str>>,
    /// `.15`: its number, which a renamed or re-created repository does not keep.
    pub source_repository_identifier: Option<Box<str>>,
    /// `.16`: its owner.
    pub source_repository_owner_uri: Option<Box<str>>,
    /// `.17`: the number of its owner.
    pub source_repository_owner_identifier: Option<Box<str>>,
    /// `.18`: the workflow at the top, with its ref.
    pub build_config_uri: Option<Box<str>>,
    /// `.19`: the commit of that workflow.
    pub build_config_digest: Option<Box<str>>,
    /// `.20`: what started the run, such as `push`.
    pub build_trigger: Option<Box<str>>,
    /// `.21`: the run.
    pub run_invocation_uri: Option<Box<str>>,
    /// `.22`: whether the repository was public.
    pub source_repository_visibility: Option<Box<str>>,
    /// `.23`: the deployment environment.
    pub deployment_environment: Option<Box<str>>,
    /// `.24`: `sub` of the token with which the certificate was asked for.
    pub token_subject: Option<Box<str>>,
}

/// Who a certificate says that its holder is. Only a certificate whose chain
/// was verified has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateIdentity {
    /// The name of the trust root that vouches for it, as in the policy.
    pub root: Arc<str>,
    /// The subject alternative names, in order; never empty.
    pub names: Vec<SubjectName>,
    /// The issuer of the token with which the certificate was asked for:
    /// extension `.8`, else `.1`. Absent in certificates that are not Fulcio's.
    pub issuer: Option<Arc<str>>,
    /// What the certificate says about a CI run.
    pub claims: CiClaims,
    /// When the certificate itself is valid.
    pub validity: Window,
}
