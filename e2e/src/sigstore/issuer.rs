//! An OpenID Connect issuer, under any name.
//!
//! Over plain HTTP it is itself. Behind a proxy that ends every tunnel here it
//! is whichever issuer the client asked for, so that certificates carry the
//! genuine names of public issuers although nothing leaves loopback.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, SigningKey};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    http::{self, RUNTIME},
    pki::Authority,
};

/// Where discovery begins, below an issuer's own path.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// How long a token lives: longer than signing takes.
const LIFETIME: Duration = Duration::from_secs(600);

/// A client says where it wants to go in fewer bytes than this.
const MAX_CONNECT: usize = 4096;

/// The issuer of one Sigstore.
#[derive(Debug)]
pub struct Issuer {
    key: KeyPair,
    url: String,
    proxy: String,
    certificate: String,
}

impl Issuer {
    /// Starts it; it answers also for these host names.
    ///
    /// # Panics
    ///
    /// There is no free port, or no key can be made.
    pub(crate) fn start(hosts: &[&str]) -> Self {
        http::install_crypto_provider();
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("an RSA key can be made");
        let plain = bind();
        let tunnels = bind();
        let url = format!("http://{}", address(&plain));
        let proxy = format!("http://{}", address(&tunnels));

        let authority = Authority::new("floe-e2e-issuer");
        let identity = authority.server("issuer", hosts);
        let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
        let private = PrivateKeyDer::from_pem_slice(identity.key.as_bytes());
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![chain.expect("our own PEM")],
                private.expect("our own PEM"),
            )
            .expect("the key belongs to the certificate");

        let keys = json!({"keys": [public_jwk(&key)]});
        let app = |scheme| {
            Router::new()
                .fallback(answer)
                .with_state((scheme, keys.clone()))
        };
        let http = app("http");
        RUNTIME.spawn(async move {
            while let Ok((stream, _)) = plain.accept().await {
                tokio::spawn(serve(stream, http.clone()));
            }
        });
        let (tls, https) = (TlsAcceptor::from(Arc::new(tls)), app("https"));
        RUNTIME.spawn(async move {
            while let Ok((stream, _)) = tunnels.accept().await {
                let (tls, https) = (tls.clone(), https.clone());
                tokio::spawn(async move {
                    // A tunnel that breaks shows as a failed request.
                    if let Some(stream) = end_tunnel(stream).await
                        && let Ok(stream) = tls.accept(stream).await
                    {
                        serve(stream, https).await;
                    }
                });
            }
        });
        Self {
            key,
            url,
            proxy,
            certificate: authority.certificate(),
        }
    }

    /// Its own name, the only one without TLS.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The proxy behind which it has every other name.
    pub(crate) fn proxy(&self) -> &str {
        &self.proxy
    }

    /// Whom a client behind the proxy trusts, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A token with these claims, valid now and meant for Sigstore.
    ///
    /// # Panics
    ///
    /// The claims are not an object.
    pub fn token(&self, claims: &Value) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is past 1970")
            .as_secs();
        let mut all = json!({
            "aud": "sigstore", "iat": now, "nbf": now - 5, "exp": now + LIFETIME.as_secs(),
        });
        let object = all.as_object_mut().expect("an object was just made");
        object.extend(claims.as_object().expect("claims are an object").clone());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID});
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&all));
        let signature = self.key.sign(signed.as_bytes()).expect("the key signs");
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

const KEY_ID: &str = "the only one";

/// The public key as JWK.
fn public_jwk(key: &KeyPair) -> Value {
    // RSAPublicKey with a modulus of 2048 bits whose highest bit is set, and
    // the exponent 65537: every length before and after is known.
    let public = key.der_bytes();
    let (modulus, exponent) = (&public[9..265], &public[267..]);
    assert_eq!((public.len(), exponent), (270, &[1, 0, 1][..]));
    json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID,
        "n": BASE64_URL_SAFE_NO_PAD.encode(modulus),
        "e": BASE64_URL_SAFE_NO_PAD.encode(exponent),
    })
}

/// Discovery under any path, and the keys.
async fn answer(
    State((scheme, keys)): State<(&'static str, Value)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or(uri.host())
        .unwrap_or_default();
    let origin = format!("{scheme}://{host}");
    if let Some(path) = uri.path().strip_suffix(DISCOVERY) {
        return document(&json!({
            "issuer": format!("{origin}{path}"),
            "jwks_uri": format!("{origin}/keys"),
            "authorization_endpoint": format!("{origin}/auth"),
            "token_endpoint": format!("{origin}/token"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }));
    }
    match uri.path() {
        "/keys" => document(&keys),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn document(value: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, value.to_string()).into_response()
}

/// Says that the tunnel is there, whatever its end was to be.
async fn end_tunnel(mut stream: TcpStream) -> Option<TcpStream> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head belongs to the tunnel.
        head.push(stream.read_u8().await.ok()?);
        if head.len() > MAX_CONNECT {
            return None;
        }
    }
    if !head.starts_with(b"CONNECT ") {
        return None;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    Some(stream)
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    // A connection that breaks shows as a failed request.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .await;
}

fn bind() -> TcpListener {
    RUNTIME
        .block_on(TcpListener::bind(("127.0.0.1", 0)))
        .expect("there is a free loopback port")
}

fn address(listener: &TcpListener) -> std::net::SocketAddr {
    listener
        .local_addr()
        .expect("a bound listener has an address")
}
