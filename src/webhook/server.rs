//! Accepting connections, and coming to an orderly end.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::certificate::{Current, PemPair, self_signed, server_config};
use super::connections::{Connections, Place, Shares};
use super::http::room_for;
use super::options::{ServeError, ServeOptions, ServingCertificate};
use super::reload;
use super::service::{Peer, Shared};
use crate::admission::Gate;
use crate::source::Source;
use crate::telemetry::Metrics;
use crate::verifier::Runtime;

/// Requests that one HTTP/2 connection may have open. The API server keeps one
/// connection and sends everything over it, so that a smaller number would let
/// reviews that wait for a registry hold up those that need none. What bounds
/// the work is the number of reviews at the same time.
const MAX_STREAMS: u32 = 4096;
/// Connections to the plain port at the same time. Probes and a scraper need a
/// handful.
const PLAIN_CONNECTIONS: usize = 128;
/// Time to receive the head of a request on the plain port.
const PLAIN_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the headers of one request.
const MAX_HEADERS: u32 = 16 * 1024;

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    ca_pem: Option<String>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// The address of the HTTPS port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the plain port, if there is one.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The authority of a self-signed certificate, in PEM.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Begins to stop: `/readyz` fails at once, new connections are taken for a
    /// little longer, and what is under way is finished. Returns at once.
    pub fn shut_down(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end that [`Running::shut_down`] began.
    pub async fn stopped(self) {
        let Self { task, stop, .. } = self;
        // A panic there has ended the server as well.
        let _ = task.await;
        drop(stop);
    }

    /// Serves until SIGTERM or SIGINT, and then comes to an orderly end.
    ///
    /// # Errors
    ///
    /// The signals cannot be listened for.
    pub async fn until_signal(self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        self.shut_down();
        self.stopped().await;
        Ok(())
    }
}

/// Binds, and serves `gate` until the [`Running`] is asked to stop. Policies
/// are polled at once; until the first have come, reviews are denied with
/// `not-synced` and `/readyz` fails.
///
/// # Errors
///
/// The port cannot be had, or a certificate cannot be used.
pub async fn start<S: Source, R: Runtime>(
    gate: Arc<Gate<S, R>>,
    options: ServeOptions,
) -> Result<Running, ServeError> {
    let (current, files, ca_pem) = certificate(&options.certificate)?;
    let current = Arc::new(current);
    let config = server_config(Arc::clone(&current), options.client_ca.as_deref())?;
    let listener = listen(options.listen).await?;
    let metrics_listener = match options.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let address = local(&listener, options.listen)?;
    let metrics_address = match (&metrics_listener, options.metrics_listen) {
        (Some(listener), Some(asked)) => Some(local(listener, asked)?),
        _ => None,
    };
    let (stop, stopping) = watch::channel(false);
    let loaded = Arc::new(AtomicBool::new(false));
    let concurrent_reviews = options.concurrent_reviews.min(Semaphore::MAX_PERMITS);
    let waiting_reviews = options.waiting_reviews.min(Semaphore::MAX_PERMITS);
    let shared = Arc::new(Shared {
        gate: Arc::clone(&gate),
        metrics: Arc::clone(&options.metrics),
        records: options.records,
        loaded: Arc::clone(&loaded),
        draining: AtomicBool::new(false),
        concurrent_reviews,
        reviews: Semaphore::new(concurrent_reviews),
        waiting_reviews,
        waiting: Semaphore::new(waiting_reviews),
        review_timeout: options.review_timeout,
        body_timeout: options.body_timeout,
        body_bytes: options.body_bytes,
        receiving: Shares::new(concurrent_reviews),
        large_bodies: Semaphore::new(room_for(options.large_bodies.max(options.body_bytes))),
        client_certificates: options.client_ca.is_some(),
    });
    tokio::spawn(reload::policies(
        gate,
        options.policies,
        (options.poll, options.wake),
        Arc::clone(&options.metrics),
        loaded,
        stopping.clone(),
    ));
    if let Some((paths, seen)) = files {
        tokio::spawn(reload::certificate(
            current,
            paths,
            seen,
            options.poll,
            Arc::clone(&options.metrics),
            stopping.clone(),
        ));
    }
    if let Some(listener) = metrics_listener {
        tokio::spawn(serve_plain(
            listener,
            Arc::clone(&shared),
            options.header_timeout.min(PLAIN_HEADER_TIMEOUT),
            stopping.clone(),
        ));
    }
    let accepting = Accepting {
        shared,
        tls: TlsAcceptor::from(Arc::new(config)),
        handshake_timeout: options.handshake_timeout,
        header_timeout: options.header_timeout,
        connections: Connections::new(options.connections),
        graceful: GracefulShutdown::new(),
    };
    let task = tokio::spawn(accepting.run(listener, stopping, options.linger, options.drain));
    tracing::info!(%address, "serving");
    Ok(Running {
        address,
        metrics_address,
        ca_pem,
        stop,
        task,
    })
}

type Files = ((std::path::PathBuf, std::path::PathBuf), PemPair);

fn certificate(
    from: &ServingCertificate,
) -> Result<(Current, Option<Files>, Option<String>), ServeError> {
    match from {
        ServingCertificate::Files { chain, key } => {
            let pair = PemPair::read(chain, key)?;
            let certified = pair.certified_key(chain, key)?;
            let files = ((chain.clone(), key.clone()), pair);
            Ok((Current::new(certified), Some(files), None))
        }
        ServingCertificate::SelfSigned { names, ca_out } => {
            let made = self_signed(names)?;
            if let Some(path) = ca_out {
                write_new(path, &made.ca_pem)?;
            }
            Ok((Current::new(made.key), None, Some(made.ca_pem)))
        }
    }
}

/// Writes under another name first, so that no reader sees half of it.
fn write_new(path: &std::path::Path, text: &str) -> Result<(), ServeError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|source| {
            ServeError::Certificate(super::certificate::CertificateError::File {
                path: path.to_owned(),
                source,
            })
        })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

fn local(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|source| ServeError::Listen {
        address: asked,
        source,
    })
}

struct Accepting<S, R> {
    shared: Arc<Shared<S, R>>,
    tls: TlsAcceptor,
    handshake_timeout: Duration,
    header_timeout: Duration,
    connections: Connections,
    graceful: GracefulShutdown,
}

impl<S: Source, R: Runtime> Accepting<S, R> {
    async fn run(
        self,
        listener: TcpListener,
        mut stopping: watch::Receiver<bool>,
        linger: Duration,
        drain: Duration,
    ) {
        {
            let mut end = pin!(async {
                // An error means that nobody is left who could ask: the same.
                let _ = stopping.wait_for(|stop| *stop).await;
                self.shared.draining.store(true, Ordering::Release);
                tokio::time::sleep(linger).await;
            });
            loop {
                tokio::select! {
                    () = &mut end => break,
                    (stream, address, place) = next(&listener, &self.connections) => {
                        self.connection(stream, address, place);
                    }
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(drain, self.graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were still open when the time to drain was over");
        }
    }

    fn connection(&self, stream: TcpStream, address: IpAddr, place: Place) {
        let shared = Arc::clone(&self.shared);
        let tls = self.tls.clone();
        let watcher = self.graceful.watcher();
        let (handshake_timeout, header_timeout) = (self.handshake_timeout, self.header_timeout);
        tokio::spawn(async move {
            let _place = place;
            // Without it, answers over HTTP/2 wait 40 ms for an acknowledgement.
            let _ = stream.set_nodelay(true);
            let handshake = tokio::time::timeout(handshake_timeout, tls.accept(stream)).await;
            let Ok(Ok(stream)) = handshake else {
                shared.metrics.handshakes_failed.inc();
                return;
            };
            let (_, session) = stream.get_ref();
            let peer = Peer {
                address,
                authenticated: session.peer_certificates().is_some(),
                encrypted: true,
            };
            let http2 = session.alpn_protocol() == Some(b"h2");
            let _counted = Counted::new(Arc::clone(&shared.metrics));
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, std::convert::Infallible>(shared.serve(peer, request).await) }
            });
            // What goes wrong on a connection is the caller's to see.
            let _ = if http2 {
                let connection = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(MAX_STREAMS)
                    .max_header_list_size(MAX_HEADERS)
                    .keep_alive_interval(Some(Duration::from_secs(30)))
                    .serve_connection(TokioIo::new(stream), service);
                watcher.watch(connection).await
            } else {
                let connection =
                    http1_builder(header_timeout).serve_connection(TokioIo::new(stream), service);
                watcher.watch(connection).await
            };
        });
    }
}

/// The next connection, once there is room for it. One from an address that has
/// its share already is closed.
async fn next(listener: &TcpListener, connections: &Connections) -> (TcpStream, IpAddr, Place) {
    let mut room = connections.room().await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match connections.take(peer.ip(), room) {
                Some(place) => return (stream, peer.ip(), place),
                None => {
                    drop(stream);
                    room = connections.room().await;
                }
            },
            Err(error) => {
                // Out of file descriptors, mostly: accepting again at once
                // would only burn the processor.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One connection in the metrics, for as long as it lives.
struct Counted(Arc<Metrics>);

impl Counted {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

fn http1_builder(header_timeout: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(64 * 1024);
    builder
}

/// Probes and metrics without TLS.
async fn serve_plain<S: Source, R: Runtime>(
    listener: TcpListener,
    shared: Arc<Shared<S, R>>,
    header_timeout: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let connections = Connections::new(PLAIN_CONNECTIONS);
    // Probes go on while connections drain; the process ends after that.
    while stopping.has_changed().is_ok() {
        let (stream, address, place) = tokio::select! {
            accepted = next(&listener, &connections) => accepted,
            () = closed(&mut stopping) => return,
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _place = place;
            serve_plain_connection(stream, address, shared, header_timeout).await;
        });
    }
}

/// Completes when the server is gone.
async fn closed(stopping: &mut watch::Receiver<bool>) {
    while stopping.changed().await.is_ok() {}
}

async fn serve_plain_connection<S: Source, R: Runtime>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: IpAddr,
    shared: Arc<Shared<S, R>>,
    header_timeout: Duration,
) {
    let peer = Peer {
        address,
        authenticated: false,
        encrypted: false,
    };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(shared.serve(peer, request).await) }
    });
    // What goes wrong on a connection is the caller's to see.
    let _ = http1_builder(header_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
