//! Serving certificates: from files, or made at start; and the authority of
//! client certificates.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

/// Why a certificate cannot be used. Never quotes the bytes of a key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("cannot access {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no PEM certificate, or a broken one.
    #[error("{path} holds no readable PEM certificate")]
    Chain {
        /// Which file.
        path: PathBuf,
    },
    /// A file holds no PEM private key, or a broken one.
    #[error("{path} holds no readable PEM private key")]
    Key {
        /// Which file.
        path: PathBuf,
    },
    /// Certificate and key cannot be used together.
    #[error("the serving certificate cannot be used: {detail}")]
    Unusable {
        /// What TLS says.
        detail: String,
    },
    /// No certificate could be made.
    #[error("a self-signed certificate could not be made for {names:?}: {detail}")]
    NotMade {
        /// For which names.
        names: Vec<String>,
        /// Why.
        detail: String,
    },
}

/// The certificate in use, which can be swapped while connections are served.
pub(super) struct Current(ArcSwap<CertifiedKey>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl Current {
    pub(super) fn new(key: CertifiedKey) -> Self {
        Self(ArcSwap::from_pointee(key))
    }

    pub(super) fn swap(&self, key: CertifiedKey) {
        self.0.store(Arc::new(key));
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The two files of a certificate, as bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PemPair {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl PemPair {
    pub(super) fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        Ok(Self {
            chain: read(chain)?,
            key: read(key)?,
        })
    }

    /// Checks that the two belong together.
    pub(super) fn certified_key(
        &self,
        chain_path: &Path,
        key_path: &Path,
    ) -> Result<CertifiedKey, CertificateError> {
        let chain = certificates(&self.chain, chain_path)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| CertificateError::Key {
            path: key_path.to_owned(),
        })?;
        certified_key(chain, key)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|source| CertificateError::File {
        path: path.to_owned(),
        source,
    })
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| CertificateError::Chain {
            path: path.to_owned(),
        })?;
    if chain.is_empty() {
        return Err(CertificateError::Chain {
            path: path.to_owned(),
        });
    }
    Ok(chain)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, CertificateError> {
    // Refuses a key that is not the one in the certificate.
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| CertificateError::Unusable {
        detail: error.to_string(),
    })
}

/// A certificate made by [`self_signed`].
#[derive(Debug)]
pub struct SelfSigned {
    pub(super) key: CertifiedKey,
    /// PEM of the authority that signed it, for `caBundle`.
    pub ca_pem: String,
}

/// Makes an authority, and a certificate by it for `names` (DNS names or IP
/// addresses). The key of the authority is forgotten.
///
/// # Errors
///
/// [`CertificateError::NotMade`] for a name that is neither.
pub fn self_signed(names: &[String]) -> Result<SelfSigned, CertificateError> {
    make(names).map_err(|error| CertificateError::NotMade {
        names: names.to_vec(),
        detail: error.to_string(),
    })?
}

fn make(names: &[String]) -> Result<Result<SelfSigned, CertificateError>, rcgen::Error> {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, KeyUsagePurpose,
    };
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "floe webhook authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(names.to_vec())?;
    leaf.distinguished_name
        .push(DnType::CommonName, "floe webhook");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf_key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&leaf_key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
    Ok(
        certified_key(vec![leaf.der().clone()], key).map(|key| SelfSigned {
            key,
            ca_pem: authority_certificate.pem(),
        }),
    )
}

/// The TLS side of the server.
pub(super) fn server_config(
    current: Arc<Current>,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, CertificateError> {
    let unusable = |error: &dyn fmt::Display| CertificateError::Unusable {
        detail: error.to_string(),
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(&read(path)?, path)? {
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            // A client certificate of somebody else fails the handshake; none
            // at all is let through, because the kubelet probes without one.
            // `/validate` asks whether there was one.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                .allow_unauthenticated()
                .build()
                .map_err(|error| unusable(&error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn load(chain: &str, key: &str) -> Result<CertifiedKey, CertificateError> {
        PemPair {
            chain: chain.into(),
            key: key.into(),
        }
        .certified_key(Path::new("tls.crt"), Path::new("tls.key"))
    }

    #[test]
    fn a_pair_is_taken_only_if_the_two_belong_together() {
        let (chain, key) = pair("a.test");
        let (_, other) = pair("b.test");
        assert!(load(&chain, &key).is_ok());
        assert!(matches!(
            load(&chain, &other),
            Err(CertificateError::Unusable { .. })
        ));
        assert!(matches!(
            load("", &key),
            Err(CertificateError::Chain { .. })
        ));
        assert!(matches!(
            load(&chain, "nothing"),
            Err(CertificateError::Key { .. })
        ));
        assert!(matches!(
            load(&chain.replace("MI", "!!"), &key),
            Err(CertificateError::Chain { .. })
        ));
    }

    #[test]
    fn an_error_about_a_key_does_not_quote_it() {
        let (chain, key) = pair("a.test");
        let broken = key.replace("MI", "%%");
        let error = load(&chain, &broken).expect_err("broken");
        let secret = key.lines().nth(1).expect("a line");
        assert!(!format!("{error} {error:?}").contains(&secret[8..24]));
    }

    #[test]
    fn a_certificate_is_made_for_names_and_addresses() {
        let made = self_signed(&[
            "localhost".into(),
            "127.0.0.1".into(),
            "floe.floe.svc".into(),
        ])
        .expect("made");
        assert!(made.ca_pem.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(matches!(
            self_signed(&["ü".into()]),
            Err(CertificateError::NotMade { .. })
        ));
    }
}
