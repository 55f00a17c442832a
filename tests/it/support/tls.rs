//! Servers on loopback over TLS.

use std::sync::Arc;

/// A server with a certificate for `127.0.0.1` and `localhost`, and the PEM of
/// the authority that issued it, which nobody else uses.
pub(crate) fn loopback() -> (rustls::ServerConfig, Vec<u8>) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = parameters.self_signed(&key).expect("an authority");
    let ca_pem = ca.pem();
    let issuer = rcgen::Issuer::new(parameters, key);
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let leaf_key = rcgen::KeyPair::generate().expect("a key");
    let leaf = rcgen::CertificateParams::new(names)
        .expect("parameters")
        .signed_by(&leaf_key, &issuer)
        .expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            leaf_key.serialize_der().try_into().expect("a private key"),
        )
        .expect("a certificate");
    (config, ca_pem.into_bytes())
}
