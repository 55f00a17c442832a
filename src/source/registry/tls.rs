//! Which certificates of registries are believed.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::options::{RegistryError, Roots};

/// The common roots.
pub(super) fn roots(roots: &Roots) -> Result<RootCertStore, RegistryError> {
    match roots {
        Roots::Only(pem) => parse(pem).ok_or(RegistryError::Roots),
        Roots::System => {
            // An image without certificates is no error here: registries with
            // their own authorities and layouts still work, and the others
            // fail with an unknown issuer.
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Ok(store)
        }
    }
}

/// The certificates in `pem`: all of them, and at least one.
pub(super) fn parse(pem: &[u8]) -> Option<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        store.add(certificate.ok()?).ok()?;
    }
    (!store.is_empty()).then_some(store)
}

pub(super) fn config(roots: &RootCertStore) -> Result<ClientConfig, RegistryError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(RegistryError::Tls)?
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
