//! A second webhook that admits everything and remembers what it was asked.
//!
//! The API server asks all validating webhooks at once and with the same
//! object, so what this one sees is what floe was asked, and floe still speaks
//! to the API server directly.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use axum::{Router, body::Bytes, http::header, routing::post};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{
    http::{self, RUNTIME},
    pki::Authority,
};

type Reviews = Arc<Mutex<HashMap<String, Vec<Value>>>>;

/// The recording webhook.
#[derive(Debug)]
pub struct Recorder {
    url: String,
    certificate: String,
    reviews: Reviews,
}

impl Recorder {
    /// The one of this process; started on first use.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Recorder> = LazyLock::new(Recorder::start);
        &SHARED
    }

    /// Where the API server sends reviews.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whom it trusts for that, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Takes the reviews of a namespace so far, in the order in which they came.
    pub fn take(&self, namespace: &str) -> Vec<Value> {
        let mut reviews = self.reviews.lock().unwrap_or_else(PoisonError::into_inner);
        reviews.remove(namespace).unwrap_or_default()
    }

    fn start() -> Self {
        http::install_crypto_provider();
        let authority = Authority::new("floe-e2e-recorder");
        let identity = authority.server("recorder", &["127.0.0.1"]);
        let chain =
            CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("our own PEM");
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("our own PEM");
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("the key belongs to the certificate");
        let reviews = Reviews::default();
        let seen = Arc::clone(&reviews);
        let app = Router::new().route(
            "/record",
            post(move |body: Bytes| async move { record(&seen, &body) }),
        );
        let listener = RUNTIME
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .expect("there is a free loopback port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        RUNTIME.spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), app));
        Self {
            url: format!("https://{address}/record"),
            certificate: authority.certificate(),
            reviews,
        }
    }
}

fn record(seen: &Reviews, body: &[u8]) -> ([(header::HeaderName, &'static str); 1], String) {
    let review: Value = serde_json::from_slice(body).expect("the API server sends JSON");
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": true},
    });
    let namespace = review["request"]["namespace"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(namespace)
        .or_default()
        .push(review);
    (
        [(header::CONTENT_TYPE, "application/json")],
        answer.to_string(),
    )
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, app) = (tls.clone(), app.clone());
        tokio::spawn(async move {
            // A connection that breaks shows as a failed request in the test.
            if let Ok(stream) = tls.accept(stream).await {
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
                    .await;
            }
        });
    }
}
