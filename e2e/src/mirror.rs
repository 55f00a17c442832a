//! A folder served over plain HTTP on loopback, which can be stopped and
//! started again at the same address, and counts what it is asked for.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    http::{StatusCode, Uri},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};

use crate::http::RUNTIME;

/// The server.
#[derive(Debug)]
pub struct Mirror {
    dir: PathBuf,
    address: SocketAddr,
    asked: Asked,
    running: Option<JoinHandle<()>>,
}

type Asked = Arc<Mutex<Vec<String>>>;

impl Mirror {
    /// Serves the folder as it is at the time of each request.
    ///
    /// # Panics
    ///
    /// There is no free port.
    pub fn start(dir: &Path) -> Self {
        let mut mirror = Self {
            dir: dir.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            asked: Asked::default(),
            running: None,
        };
        mirror.resume();
        mirror
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths that it was asked for so far.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// Stops it: connections are closed, and refused from now on.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            // Cancelled is what it should be.
            let _ = RUNTIME.block_on(running);
        }
    }

    /// Starts it again, at the same address.
    ///
    /// # Panics
    ///
    /// The address is no longer free.
    pub fn resume(&mut self) {
        let listener = RUNTIME.block_on(async {
            let socket = TcpSocket::new_v4().expect("a socket can be made");
            // The address is in use for a while by connections that were closed.
            socket.set_reuseaddr(true).expect("an option can be set");
            socket.bind(self.address).expect("the address is free");
            socket.listen(64).expect("a bound socket listens")
        });
        self.address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let (dir, asked) = (self.dir.clone(), Arc::clone(&self.asked));
        let app = Router::new().fallback(move |uri: Uri| async move { file(&dir, &asked, &uri) });
        self.running = Some(RUNTIME.spawn(serve(listener, app)));
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

fn file(dir: &Path, asked: &Asked, uri: &Uri) -> Result<Bytes, StatusCode> {
    let path = uri.path().trim_start_matches('/');
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(path.to_owned());
    if path.split('/').any(|part| part == "..") {
        return Err(StatusCode::NOT_FOUND);
    }
    match std::fs::read(dir.join(path)) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(StatusCode::NOT_FOUND),
    }
}

/// Connections end with the task.
async fn serve(listener: TcpListener, app: Router) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        connections.spawn(async move {
            // A connection that breaks shows as a failed request.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
                .await;
        });
    }
}
