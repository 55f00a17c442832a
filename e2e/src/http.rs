//! The harness's own HTTP client, for plain test functions.

use std::sync::LazyLock;

use reqwest::{Client, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The runtime behind every client and server of the harness.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime can be started"));

/// Installs the process's TLS provider; more than once does no harm.
pub(crate) fn install_crypto_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A client without proxies or redirects: everything is on loopback.
pub(crate) fn plain_client() -> Client {
    install_crypto_provider();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .expect("a client can be made")
}

/// An answer, read completely.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// It is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends the request from a plain function.
///
/// # Errors
///
/// No complete answer came.
pub(crate) fn send(request: RequestBuilder) -> Result<Response, reqwest::Error> {
    RUNTIME.block_on(async {
        let response = request.send().await?;
        Ok(Response {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    })
}
