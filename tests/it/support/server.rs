//! A server on loopback, and clients that trust it.

use std::sync::Arc;
use std::time::Duration;

use floe::admission::PolicyState;
use floe::policy::PolicySet;
use floe::webhook::{PolicyPoll, Running, ServeOptions, ServingCertificate, start};
use reqwest::{Certificate, Client, ClientBuilder, StatusCode};
use serde_json::Value;

use super::gate::gate;
use super::reviews::create;

pub(crate) fn options() -> ServeOptions {
    options_with(Box::new(once(PolicyState::Ready(Arc::new(
        PolicySet::default(),
    )))))
}

/// A poll that gives one state, once.
pub(crate) fn once(state: PolicyState) -> impl FnMut() -> Option<PolicyState> + Send {
    let mut state = Some(state);
    move || state.take()
}

pub(crate) fn options_with(policies: PolicyPoll) -> ServeOptions {
    let certificate = ServingCertificate::SelfSigned {
        names: vec!["localhost".into()],
        ca_out: None,
    };
    let mut options = ServeOptions::new(([127, 0, 0, 1], 0).into(), certificate, policies);
    options.poll = Duration::from_millis(10);
    options.linger = Duration::ZERO;
    options
}

pub(crate) async fn serve(options: ServeOptions) -> (Running, Client) {
    let server = start(gate(), options).await.unwrap();
    let client = client_of(server.ca_pem().unwrap()).build().unwrap();
    (server, client)
}

pub(crate) fn client_of(ca: &str) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(ca.as_bytes()).unwrap()])
}

pub(crate) fn url(server: &Running, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address().port())
}

pub(crate) async fn post(client: &Client, server: &Running, review: &Value) -> reqwest::Response {
    client
        .post(url(server, "/validate?timeout=5s"))
        .header("content-type", "application/json")
        .body(review.to_string())
        .send()
        .await
        .unwrap()
}

pub(crate) async fn get(client: &Client, server: &Running, path: &str) -> (StatusCode, String) {
    let answer = client.get(url(server, path)).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// Asks again until the condition holds; the test's own bound is the time that
/// a broken server would take.
pub(crate) async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .expect("the condition never held");
}

pub(crate) async fn until_metric(client: &Client, server: &Running, line: &str) {
    until(|| async {
        let (_, text) = get(client, server, "/metrics").await;
        text.lines().any(|found| found == line)
    })
    .await;
}

/// A body whose end the test decides.
pub(crate) struct HeldBody {
    end: futures_channel::mpsc::UnboundedSender<Result<Vec<u8>, std::io::Error>>,
    answer: tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>,
    rest: Vec<u8>,
}

impl HeldBody {
    /// Sends half of a review and returns when the server reads it.
    pub(crate) async fn begin(client: &Client, server: &Running) -> Self {
        let mut text = create().to_string().into_bytes();
        let rest = text.split_off(100);
        let (end, body) = futures_channel::mpsc::unbounded();
        end.unbounded_send(Ok(text)).unwrap();
        let request = client
            .post(url(server, "/validate"))
            .header("content-type", "application/json")
            .body(reqwest::Body::wrap_stream(body));
        let answer = tokio::spawn(request.send());
        until_metric(client, server, "floe_reviews_under_way 1").await;
        Self { end, answer, rest }
    }

    pub(crate) async fn finish(self) -> reqwest::Response {
        self.end.unbounded_send(Ok(self.rest)).unwrap();
        drop(self.end);
        self.answer.await.unwrap().unwrap()
    }
}
