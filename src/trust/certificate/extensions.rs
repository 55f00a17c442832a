//! A certificate, its validity and its extensions, read strictly and before
//! anybody asks what they mean.

use std::collections::BTreeMap;

use der::Decode;
use der::asn1::ObjectIdentifier;
use der::oid::AssociatedOid;
use jiff::Timestamp;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
};
use x509_cert::time::Time;
use x509_cert::{Certificate, Version};

use super::error::{CertificateError, MAX_CERTIFICATE};
use crate::trust::Window;

/// Reads the structure; nothing in it is judged but its version.
pub(super) fn decode(der: &[u8]) -> Result<Certificate, CertificateError> {
    if der.len() > MAX_CERTIFICATE {
        return Err(CertificateError::TooLarge);
    }
    let certificate = Certificate::from_der(der).map_err(|_| CertificateError::Der)?;
    let inner = &certificate.tbs_certificate;
    if inner.version != Version::V3 {
        return Err(CertificateError::Version);
    }
    // RFC 5280, section 4.1.1.2: the copy outside must be the one that is signed.
    if certificate.signature_algorithm != inner.signature {
        return Err(CertificateError::Der);
    }
    Ok(certificate)
}

/// When a certificate is valid, both ends included.
pub(super) fn validity(certificate: &Certificate) -> Result<Window, CertificateError> {
    let validity = &certificate.tbs_certificate.validity;
    let (start, end) = (moment(&validity.not_before)?, moment(&validity.not_after)?);
    if end < start {
        return Err(CertificateError::Validity);
    }
    Ok(Window {
        start: Some(start),
        end: Some(end),
    })
}

fn moment(time: &Time) -> Result<Timestamp, CertificateError> {
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or(CertificateError::Validity)
}

/// The extensions of one certificate, each at most once.
#[derive(Debug)]
pub(super) struct Extensions<'c>(BTreeMap<ObjectIdentifier, &'c [u8]>);

impl<'c> Extensions<'c> {
    /// Collects them. A critical one is refused unless it is one of those whose
    /// meaning is enforced here or by the path building.
    pub(super) fn of(certificate: &'c Certificate) -> Result<Self, CertificateError> {
        const KNOWN: &[ObjectIdentifier] = &[
            KeyUsage::OID,
            ExtendedKeyUsage::OID,
            BasicConstraints::OID,
            NameConstraints::OID,
            SubjectAltName::OID,
        ];
        let mut found = BTreeMap::new();
        let extensions = certificate.tbs_certificate.extensions.as_deref();
        for extension in extensions.unwrap_or_default() {
            let oid = extension.extn_id;
            if extension.critical && !KNOWN.contains(&oid) {
                return Err(CertificateError::CriticalExtension(oid));
            }
            if found.insert(oid, extension.extn_value.as_bytes()).is_some() {
                return Err(CertificateError::DuplicateExtension(oid));
            }
        }
        Ok(Self(found))
    }

    /// The bytes inside one.
    pub(super) fn bytes(&self, oid: ObjectIdentifier) -> Option<&'c [u8]> {
        self.0.get(&oid).copied()
    }

    /// One, read as what its kind holds.
    pub(super) fn get<T: Decode<'c> + AssociatedOid>(&self) -> Result<Option<T>, CertificateError> {
        self.bytes(T::OID)
            .map(|bytes| T::from_der(bytes).map_err(|_| CertificateError::Extension(T::OID)))
            .transpose()
    }
}
