//! The certificate of a signer.

use std::sync::Arc;

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use super::error::CertificateError;
use super::extensions::{self, Extensions};
use super::{names, sct};
use crate::trust::{CertificateIdentity, PublicKey, Rejection, Window};

/// Code signing (RFC 5280, section 4.2.1.12).
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// A signing certificate, read strictly; nobody vouches for it yet.
#[derive(Debug, Clone)]
pub(in crate::trust) struct Leaf<'a> {
    pub(in crate::trust) der: &'a [u8],
    pub(in crate::trust) key: PublicKey,
    pub(in crate::trust) validity: Window,
    /// The name of who signed it, DER.
    pub(super) issuer: Vec<u8>,
    /// What it may be used for.
    pub(super) purpose: Purpose,
    /// The list of signed certificate timestamps, as TLS encodes it.
    pub(super) scts: Option<Vec<u8>>,
    identity: CertificateIdentity,
}

/// What a certificate may be used for, by its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    /// A certificate authority.
    pub(super) authority: bool,
    /// Code signing is among the extended key usages.
    pub(super) code_signing: bool,
    /// Digital signatures are among the key usages, or none are listed.
    pub(super) digital_signature: bool,
}

impl<'a> Leaf<'a> {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// [`crate::trust::RejectionKind::CertificateInvalid`]: not DER, a key that
    /// is not supported, no subject alternative name, a name with control
    /// characters, an extension that comes twice or cannot be read.
    pub(in crate::trust) fn parse(der: &'a [u8]) -> Result<Self, Rejection> {
        Ok(Self::read(der)?)
    }

    fn read(der: &'a [u8]) -> Result<Self, CertificateError> {
        let certificate = extensions::decode(der)?;
        let extensions = Extensions::of(&certificate)?;
        let inner = &certificate.tbs_certificate;
        let encoded = |part: Result<Vec<u8>, der::Error>| part.map_err(|_| CertificateError::Der);
        let spki = encoded(inner.subject_public_key_info.to_der())?;
        let key = PublicKey::from_spki(&spki).map_err(CertificateError::Key)?;
        let validity = extensions::validity(&certificate)?;
        Ok(Self {
            der,
            key,
            validity,
            issuer: encoded(inner.issuer.to_der())?,
            purpose: Purpose::of(&extensions)?,
            scts: scts(&extensions)?,
            identity: CertificateIdentity {
                root: Arc::from(""),
                names: names::subject_names(&extensions)?,
                issuer: names::issuer(&extensions)?,
                claims: names::claims(&extensions)?,
                validity,
            },
        })
    }

    /// Who it says that its holder is, as vouched for by `root`.
    pub(in crate::trust) fn identity(&self, root: &Arc<str>) -> CertificateIdentity {
        CertificateIdentity {
            root: Arc::clone(root),
            ..self.identity.clone()
        }
    }
}

impl Purpose {
    fn of(extensions: &Extensions<'_>) -> Result<Self, CertificateError> {
        let constraints: Option<BasicConstraints> = extensions.get()?;
        let usage: Option<KeyUsage> = extensions.get()?;
        let extended: Option<ExtendedKeyUsage> = extensions.get()?;
        Ok(Self {
            authority: constraints.is_some_and(|constraints| constraints.ca),
            code_signing: extended.is_some_and(|usages| usages.0.contains(&CODE_SIGNING)),
            digital_signature: usage.is_none_or(|usage| usage.digital_signature()),
        })
    }
}

fn scts(extensions: &Extensions<'_>) -> Result<Option<Vec<u8>>, CertificateError> {
    extensions
        .bytes(sct::LIST)
        .map(|bytes| {
            OctetStringRef::from_der(bytes)
                .map(|list| list.as_bytes().to_vec())
                .map_err(|_| CertificateError::Extension(sct::LIST))
        })
        .transpose()
}
