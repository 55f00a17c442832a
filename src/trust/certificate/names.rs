//! Whom a certificate names, and what it says about the CI run that asked for
//! it. Follows Fulcio's `docs/oid-info.md`.

use std::sync::Arc;

use der::Decode;
use der::asn1::{ObjectIdentifier, Utf8StringRef};
use der::oid::AssociatedOid;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use super::error::CertificateError;
use super::extensions::Extensions;
use crate::trust::{CiClaims, NameKind, SubjectName};

/// The arc under which all extensions of Fulcio live.
const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");

/// `.1`: the issuer of the token, as bare UTF-8.
const ISSUER: u32 = 1;
/// `.7`: the type of `otherName` in which a user name stands.
const USER_NAME: u32 = 7;
/// `.8`: the issuer of the token, as `UTF8String`.
const ISSUER_V2: u32 = 8;

fn fulcio(last: u32) -> Result<ObjectIdentifier, CertificateError> {
    FULCIO
        .push_arc(last)
        .map_err(|_| CertificateError::Extension(FULCIO))
}

/// The subject alternative names that can name somebody, in order.
///
/// Names of other kinds (addresses, directory names, `otherName`s of others)
/// are left out: they may stand beside one of ours, and no identity can match
/// them. A certificate with nothing else names nobody.
pub(super) fn subject_names(
    extensions: &Extensions<'_>,
) -> Result<Vec<SubjectName>, CertificateError> {
    let names: Option<SubjectAltName> = extensions.get()?;
    let user_name = fulcio(USER_NAME)?;
    let mut found = Vec::new();
    for name in names.iter().flat_map(|names| &names.0) {
        let (kind, value) = match name {
            GeneralName::Rfc822Name(value) => (NameKind::Email, value.as_str()),
            GeneralName::UniformResourceIdentifier(value) => (NameKind::Uri, value.as_str()),
            GeneralName::DnsName(value) => (NameKind::Dns, value.as_str()),
            GeneralName::OtherName(OtherName { type_id, value }) if *type_id == user_name => {
                let value = Utf8StringRef::try_from(value)
                    .map_err(|_| CertificateError::Extension(SubjectAltName::OID))?;
                found.push(SubjectName {
                    kind: NameKind::Other,
                    value: text(value.as_str(), SubjectAltName::OID)?.into(),
                });
                continue;
            }
            GeneralName::OtherName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::IpAddress(_)
            | GeneralName::RegisteredId(_) => continue,
        };
        found.push(SubjectName {
            kind,
            value: text(value, SubjectAltName::OID)?.into(),
        });
    }
    if found.is_empty() {
        return Err(CertificateError::Nameless);
    }
    Ok(found)
}

/// The issuer of the token: `.8`, else `.1`. Where both are there they must
/// agree, since other tools read the other one.
pub(super) fn issuer(extensions: &Extensions<'_>) -> Result<Option<Arc<str>>, CertificateError> {
    let current = claim(extensions, ISSUER_V2)?;
    let oid = fulcio(ISSUER)?;
    let old = match extensions.bytes(oid) {
        None => None,
        Some(bytes) => {
            let value = std::str::from_utf8(bytes).map_err(|_| CertificateError::Extension(oid))?;
            Some(text(value, oid)?)
        }
    };
    match (current, old) {
        (Some(current), Some(old)) if current != old => Err(CertificateError::TwoIssuers),
        (current, old) => Ok(current.or(old).map(Into::into)),
    }
}

/// The claims about a CI run. The extensions `.2` to `.6`, which these have
/// replaced, are not used: they are ambiguous about called workflows.
pub(super) fn claims(extensions: &Extensions<'_>) -> Result<CiClaims, CertificateError> {
    let claim = |last| Ok::<_, CertificateError>(claim(extensions, last)?.map(Into::into));
    Ok(CiClaims {
        build_signer_uri: claim(9)?,
        build_signer_digest: claim(10)?,
        runner_environment: claim(11)?,
        source_repository_uri: claim(12)?,
        source_repository_digest: claim(13)?,
        source_repository_ref: claim(14)?,
        source_repository_identifier: claim(15)?,
        source_repository_owner_uri: claim(16)?,
        source_repository_owner_identifier: claim(17)?,
        build_config_uri: claim(18)?,
        build_config_digest: claim(19)?,
        build_trigger: claim(20)?,
        run_invocation_uri: claim(21)?,
        source_repository_visibility: claim(22)?,
        deployment_environment: claim(23)?,
        token_subject: claim(24)?,
    })
}

/// An extension of Fulcio that holds a `UTF8String`.
fn claim<'c>(extensions: &Extensions<'c>, last: u32) -> Result<Option<&'c str>, CertificateError> {
    let oid = fulcio(last)?;
    let Some(bytes) = extensions.bytes(oid) else {
        return Ok(None);
    };
    let value: &'c str = Utf8StringRef::from_der(bytes)
        .map_err(|_| CertificateError::Extension(oid))?
        .as_str();
    text(value, oid).map(Some)
}

/// A text that somebody may be shown, and that ends where it seems to end.
fn text(value: &str, oid: ObjectIdentifier) -> Result<&str, CertificateError> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(CertificateError::Text(oid));
    }
    Ok(value)
}
