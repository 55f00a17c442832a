//! A mirror on loopback that gives what it has, or lies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Files;

/// What is answered instead of the file.
#[derive(Debug, Clone)]
pub(crate) enum Lie {
    Status(u16),
    Redirect(String),
    /// Another body.
    Body(Vec<u8>),
    /// A body that never ends, as fast as it is read.
    Endless,
    /// A body that comes byte by byte and never ends.
    Drip,
    /// Nothing, on a connection that stays open until the mirror tells the
    /// truth again.
    Silent,
}

#[derive(Debug, Default)]
struct Served {
    files: Files,
    /// By path; an empty path is every path.
    lies: BTreeMap<String, Lie>,
    asked: Vec<String>,
}

/// Dropped, nobody listens there any more.
pub(crate) struct Mirror {
    pub(crate) url: String,
    served: Arc<Mutex<Served>>,
    task: JoinHandle<()>,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mirror {
    /// Over plain HTTP.
    pub(crate) async fn start(files: &Files) -> Self {
        Self::serving(files, None).await
    }

    /// Over TLS, with the PEM of the authority to trust for it.
    pub(crate) async fn start_tls(files: &Files) -> (Self, Vec<u8>) {
        let (config, ca) = crate::support::tls::loopback();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::serving(files, Some(acceptor)).await, ca)
    }

    async fn serving(files: &Files, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = listener.local_addr().expect("an address");
        let url = format!("{scheme}://{address}/tuf");
        let served = Arc::new(Mutex::new(Served {
            files: files.clone(),
            ..Served::default()
        }));
        let task = tokio::spawn({
            let served = Arc::clone(&served);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let served = Arc::clone(&served);
                    let tls = tls.clone();
                    // A client that hangs up in the middle is the test's wish.
                    tokio::spawn(async move {
                        match tls {
                            Some(tls) => answer(tls.accept(stream).await?, &served).await,
                            None => answer(stream, &served).await,
                        }
                    });
                }
            }
        });
        Self { url, served, task }
    }

    /// Has these files from now on, and tells the truth.
    pub(crate) fn serve(&self, files: &Files) {
        let mut served = self.served();
        served.files.clone_from(files);
        served.lies.clear();
    }

    /// Lies about one path, or about all if it is empty.
    pub(crate) fn lie(&self, path: &str, lie: Lie) {
        self.served().lies.insert(path.to_owned(), lie);
    }

    /// The paths that were asked for since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.served().asked)
    }

    fn served(&self) -> std::sync::MutexGuard<'_, Served> {
        self.served.lock().expect("not poisoned")
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    served: &Mutex<Served>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.trim_start_matches("/tuf/").to_owned();
    let (file, lie) = {
        let mut served = served.lock().expect("not poisoned");
        served.asked.push(path.clone());
        let lie = served.lies.get(&path).or_else(|| served.lies.get(""));
        (served.files.get(&path).cloned(), lie.cloned())
    };
    let whole = |status: u16, more: String, body: &[u8]| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} x\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    let unbounded = b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n";
    match (lie, file) {
        (None, Some(body)) => stream.write_all(&whole(200, String::new(), &body)).await?,
        (None, None) => stream.write_all(&whole(404, String::new(), b"")).await?,
        (Some(Lie::Body(body)), _) => stream.write_all(&whole(200, String::new(), &body)).await?,
        (Some(Lie::Status(status)), _) => {
            stream
                .write_all(&whole(status, String::new(), b"no"))
                .await?;
        }
        (Some(Lie::Redirect(to)), _) => {
            let more = format!("location: {to}\r\n");
            stream.write_all(&whole(302, more, b"")).await?;
        }
        (Some(Lie::Endless), _) => {
            stream.write_all(unbounded).await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        (Some(Lie::Drip), _) => {
            stream.write_all(unbounded).await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        (Some(Lie::Silent), _) => {
            let lies = || !served.lock().expect("not poisoned").lies.is_empty();
            while lies() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    stream.shutdown().await
}
