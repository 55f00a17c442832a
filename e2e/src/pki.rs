//! Certificates made at test time.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

/// A certificate authority of one test run.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS#8.
    pub key: String,
}

impl Authority {
    /// A new authority with a P-256 key.
    ///
    /// # Panics
    ///
    /// The crypto library cannot make keys.
    pub fn new(name: &str) -> Self {
        let mut params = params(name, None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = key();
        let certificate = params
            .self_signed(&key)
            .expect("a key signs its own certificate");
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// The authority's certificate, PEM.
    pub fn certificate(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for a server on loopback.
    ///
    /// # Panics
    ///
    /// A name is not a host name or address.
    pub fn server(&self, name: &str, alternatives: &[&str]) -> Identity {
        let mut params = CertificateParams::new(
            alternatives
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
        .expect("the names are host names or addresses");
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a user, in a group if given: Kubernetes reads the user
    /// from the common name and the group from the organisation.
    ///
    /// # Panics
    ///
    /// The crypto library cannot make keys.
    pub fn client(&self, user: &str, group: Option<&str>) -> Identity {
        self.issue(params(user, group), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Identity {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = key();
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the authority signs");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A key for things that are not certificates: private and public, both PEM.
///
/// # Panics
///
/// The crypto library cannot make keys.
pub fn key_pair() -> (String, String) {
    let key = key();
    (key.serialize_pem(), key.public_key_pem())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a P-256 key can be made")
}

fn params(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
    }
    params
}
