//! The keys and certificates of a Sigstore of one's own.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    SignatureAlgorithm, date_time_ymd,
};

/// Everything that the services sign with. Private keys are PKCS#8 PEM,
/// certificates and public keys PEM.
#[derive(Debug)]
pub struct Keys {
    /// Who issues the signers' certificates: intermediate, then root.
    pub(crate) fulcio_chain: String,
    /// The root alone: what the certificate log demands above a certificate.
    pub(crate) fulcio_root: String,
    /// The key of the intermediate.
    pub(crate) fulcio_key: KeyPair,
    /// The certificate log.
    pub(crate) ct: KeyPair,
    /// Rekor v1.
    pub(crate) rekor1: KeyPair,
    /// Rekor v2, whose checkpoints are Ed25519 notes.
    pub(crate) rekor2: KeyPair,
    /// The timestamp authority: leaf, intermediate, root.
    pub(crate) timestamp_chain: String,
    /// The key of its leaf.
    pub(crate) timestamp_key: KeyPair,
}

impl Keys {
    /// New ones, of which no two are alike.
    ///
    /// # Panics
    ///
    /// The crypto library cannot make keys.
    pub fn generate() -> Self {
        let fulcio_root = Authority::root("certificates");
        let fulcio = fulcio_root.intermediate(ExtendedKeyUsagePurpose::CodeSigning);
        let timestamp_root = Authority::root("timestamps");
        let timestamps = timestamp_root.intermediate(ExtendedKeyUsagePurpose::TimeStamping);
        let (leaf, timestamp_key) = timestamps.timestamp_leaf();
        Self {
            fulcio_chain: format!("{}{}", fulcio.pem, fulcio_root.pem),
            fulcio_root: fulcio_root.pem,
            fulcio_key: fulcio.key,
            ct: key(&PKCS_ECDSA_P256_SHA256),
            rekor1: key(&PKCS_ECDSA_P256_SHA256),
            rekor2: key(&PKCS_ED25519),
            timestamp_chain: format!("{leaf}{}{}", timestamps.pem, timestamp_root.pem),
            timestamp_key,
        }
    }
}

/// A certificate authority with a P-384 key, as the public ones have.
struct Authority {
    params: CertificateParams,
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn root(name: &str) -> Self {
        let params = authority_params(&format!("{name} root"), 1);
        let key = key(&PKCS_ECDSA_P384_SHA384);
        let certificate = params
            .self_signed(&key)
            .expect("a key signs its own certificate");
        Self {
            pem: certificate.pem(),
            params,
            key,
        }
    }

    fn intermediate(&self, usage: ExtendedKeyUsagePurpose) -> Self {
        let mut params = authority_params("intermediate", 0);
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = key(&PKCS_ECDSA_P384_SHA384);
        let certificate = params
            .signed_by(&key, &Issuer::from_params(&self.params, &self.key))
            .expect("the authority signs");
        Self {
            pem: certificate.pem(),
            params,
            key,
        }
    }

    /// A certificate for timestamps, whose only extended usage must be critical
    /// (RFC 3161, 2.3).
    fn timestamp_leaf(&self) -> (String, KeyPair) {
        let mut params = params("timestamp authority");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        // SEQUENCE { OBJECT IDENTIFIER id-kp-timeStamping }
        let usage = vec![
            0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08,
        ];
        let mut usage = CustomExtension::from_oid_content(&[2, 5, 29, 37], usage);
        usage.set_criticality(true);
        params.custom_extensions = vec![usage];
        let key = key(&PKCS_ECDSA_P256_SHA256);
        let certificate = params
            .signed_by(&key, &Issuer::from_params(&self.params, &self.key))
            .expect("the authority signs");
        (certificate.pem(), key)
    }
}

fn authority_params(name: &str, below: u8) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "sigstore.test");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
    params
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).expect("a key can be made")
}
