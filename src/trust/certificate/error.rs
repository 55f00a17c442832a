//! What can be wrong with a certificate as such.

use der::asn1::ObjectIdentifier;

use crate::trust::{KeyError, Rejection, RejectionKind};

/// Largest certificate that is read. Fulcio's have 1 to 2 KiB, and one with
/// an RSA key of 8192 bits and many names less than 8.
pub(in crate::trust) const MAX_CERTIFICATE: usize = 16 * 1024;

/// Why a certificate cannot be used. Quotes none of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::trust) enum CertificateError {
    /// Larger than [`MAX_CERTIFICATE`].
    #[error("the certificate is larger than {MAX_CERTIFICATE} bytes")]
    TooLarge,
    /// Not DER, or not this structure.
    #[error("it is not an X.509 certificate in DER")]
    Der,
    /// Version 1 or 2, which have no extensions.
    #[error("the certificate is not of X.509 version 3")]
    Version,
    /// A time out of range, or an end before the start.
    #[error("the validity of the certificate cannot be read, or ends before it starts")]
    Validity,
    /// RFC 5280, section 4.2: no more than one of each.
    #[error("the certificate has extension {0} twice")]
    DuplicateExtension(ObjectIdentifier),
    /// RFC 5280, section 4.2: must be refused.
    #[error("the certificate has the critical extension {0}, which is not known")]
    CriticalExtension(ObjectIdentifier),
    /// An extension whose value is not what its kind holds.
    #[error("extension {0} of the certificate cannot be read")]
    Extension(ObjectIdentifier),
    /// An extension or name with an empty value, or with control characters.
    #[error("extension {0} of the certificate holds an empty text or one with control characters")]
    Text(ObjectIdentifier),
    /// Another key than floe verifies with.
    #[error("the key of the certificate cannot be used: {0}")]
    Key(KeyError),
    /// Nobody is named.
    #[error(
        "the certificate names nobody: it has no e-mail address, URI, DNS name or user name as \
         subject alternative name"
    )]
    Nameless,
    /// The old and the new extension for the issuer differ.
    #[error("the certificate names two different issuers, in extensions .8 and .1 of Fulcio")]
    TwoIssuers,
    /// Not a certificate authority.
    #[error("the certificate is not one of a certificate authority")]
    NotAuthority,
    /// An authority that must not sign certificates.
    #[error("the key usage of the certificate does not include signing certificates")]
    NotForSigningCertificates,
}

impl From<CertificateError> for Rejection {
    fn from(error: CertificateError) -> Self {
        Self::new(RejectionKind::CertificateInvalid, error.to_string())
    }
}
