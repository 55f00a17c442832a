//! The real webhook: the program itself, with its files beside it.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;

use futures_util::FutureExt as _;
use reqwest::Client;
use serde_json::{Value, json};

use super::floe::Workshop;
use super::reviews::{pod, review};
use super::server::{client_of, until};

/// A `floe webhook` over the files of a workshop. Killed when it is dropped.
pub(crate) struct Webhook {
    child: Child,
    folder: PathBuf,
    address: String,
    client: Client,
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // It may have ended already, which is fine here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Webhook {
    /// Starts one with the policies at `policies`, which may talk plain HTTP to
    /// these registries and reads its files again all the time.
    pub(crate) async fn start(
        workshop: &Workshop,
        policies: &[&str],
        registries: &[String],
    ) -> Self {
        let registries: Vec<_> = registries
            .iter()
            .map(|host| json!({"host": host, "insecureHTTP": true}))
            .collect();
        let settings = json!({"policies": policies, "registries": registries});
        let webhook = Self::launch(workshop, settings).await;
        until(|| async { webhook.get("readyz").await == "ready\n" }).await;
        webhook
    }

    /// Starts one with these settings and what a test needs besides, and waits
    /// until it answers. It may not be ready then.
    pub(crate) async fn launch(workshop: &Workshop, mut settings: Value) -> Self {
        settings["apiVersion"] = json!("floe.dev/v1");
        settings["kind"] = json!("Settings");
        settings["listen"] = json!("127.0.0.1:0");
        if settings["limits"].is_null() {
            settings["limits"] = json!({"poll": "20ms"});
        }
        settings["log"] = json!({"file": "floe.log"});
        // Of one that ran here before.
        let _ = std::fs::remove_file(workshop.path("floe.log"));
        workshop.write("settings.yaml", &settings.to_string());
        let mut command =
            workshop.command(&["webhook", "--config", "settings.yaml", "--ca-out", "ca.pem"]);
        let printed = File::create(workshop.path("printed")).expect("a file");
        let path = std::env::var("PATH").expect("a PATH");
        let mut child = command
            .env("PATH", format!("{}:{path}", workshop.path("bin").display()))
            .stdout(printed.try_clone().expect("a file"))
            .stderr(printed)
            .spawn()
            .expect("started");
        let folder = workshop.path(".");
        let mut address = None;
        until(|| {
            assert!(child.try_wait().expect("known").is_none(), "it ended");
            address = address_in(&text(&folder.join("floe.log")));
            let found = address.is_some();
            async move { found }
        })
        .await;
        let authority = text(&folder.join("ca.pem"));
        Self {
            child,
            address: address.expect("found"),
            folder,
            client: client_of(&authority).build().expect("a client"),
        }
    }

    /// The body at a path.
    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = self.client.get(self.url(path)).send().await;
        answer.expect("an answer").text().await.expect("text")
    }

    /// `response` for a new Pod with this image.
    pub(crate) async fn ask(&self, image: &str) -> Value {
        let spec = json!({"containers": [{"name": "web", "image": image}]});
        let review = review("", "Pod", "CREATE", &pod(&spec));
        let answer = self
            .client
            .post(self.url("validate?timeout=5s"))
            .header("content-type", "application/json")
            .body(review.to_string())
            .send()
            .await
            .expect("an answer");
        let answer = answer.bytes().await.expect("a body");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        answer["response"].clone()
    }

    /// `allowed`, or the codes of the denial.
    pub(crate) async fn verdict(&self, image: &str) -> String {
        let response = self.ask(image).await;
        match response["allowed"] == true {
            true => "allowed".to_owned(),
            false => response["auditAnnotations"]["codes"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Waits until the verdict is this one.
    pub(crate) async fn until_verdict(&self, image: &str, expected: &str) {
        let last = std::cell::RefCell::default();
        let wait = until(|| async {
            *last.borrow_mut() = self.verdict(image).await;
            *last.borrow() == expected
        });
        // `until` gives up by panicking, and would not say what it saw.
        if std::panic::AssertUnwindSafe(wait)
            .catch_unwind()
            .await
            .is_err()
        {
            let last = last.borrow();
            panic!("{image}: {expected} was expected, it stays {last}");
        }
    }

    /// Everything that it wrote: its log, and what it printed.
    pub(crate) fn log(&self) -> String {
        text(&self.folder.join("floe.log")) + &text(&self.folder.join("printed"))
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.address)
    }
}

/// Where the log says that it serves.
fn address_in(log: &str) -> Option<String> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["message"] == "serving")
        .find_map(|line| Some(line["address"].as_str()?.to_owned()))
}

fn text(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
