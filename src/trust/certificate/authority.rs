//! A certificate of a certificate authority.

use der::Encode;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use super::error::CertificateError;
use super::extensions::{self, Extensions};
use crate::oci::Digest;
use crate::trust::{KeyFingerprint, Window};

/// A certificate of a certificate authority, read strictly. Whether anybody
/// trusts it is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::trust) struct CaCertificate {
    /// As it came.
    pub(in crate::trust) der: Vec<u8>,
    /// When it is valid.
    pub(super) validity: Window,
    /// How many authorities may stand between it and a leaf.
    pub(super) path_length: Option<u8>,
    /// Its SubjectPublicKeyInfo, DER.
    pub(super) spki: Vec<u8>,
    /// Its name, DER.
    pub(super) subject: Vec<u8>,
    /// The name of who signed it, DER.
    pub(super) issuer: Vec<u8>,
}

impl CaCertificate {
    /// Reads a certificate that must be one of an authority, and must be
    /// allowed to sign certificates (RFC 5280, sections 4.2.1.3 and 4.2.1.9).
    pub(in crate::trust) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let certificate = extensions::decode(der)?;
        let extensions = Extensions::of(&certificate)?;
        let constraints: Option<BasicConstraints> = extensions.get()?;
        let Some(constraints) = constraints.filter(|constraints| constraints.ca) else {
            return Err(CertificateError::NotAuthority);
        };
        let usage: Option<KeyUsage> = extensions.get()?;
        if usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(CertificateError::NotForSigningCertificates);
        }
        let inner = &certificate.tbs_certificate;
        let encoded = |part: Result<Vec<u8>, der::Error>| part.map_err(|_| CertificateError::Der);
        Ok(Self {
            validity: extensions::validity(&certificate)?,
            path_length: constraints.path_len_constraint,
            spki: encoded(inner.subject_public_key_info.to_der())?,
            subject: encoded(inner.subject.to_der())?,
            issuer: encoded(inner.issuer.to_der())?,
            der: der.to_vec(),
        })
    }

    /// Whether it names itself as its issuer.
    pub(in crate::trust) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// The identity of its key, whatever kind of key it is.
    pub(super) fn fingerprint(&self) -> KeyFingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(Digest::sha256(&self.spki).as_bytes());
        KeyFingerprint::from_bytes(bytes)
    }
}
