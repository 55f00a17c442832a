//! Secrets that must not leave the programs: each is really used, everything
//! that the programs say is collected, and none of it may hold one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::gather::{fill, signed};
use crate::support::floe::{Run, Workshop, policy};
use crate::support::hostile::{Auth, Behaviour, Hostile, TokenService};
use crate::support::server::until;
use crate::support::webhook::Webhook;

const PASSWORD: &str = "canarypassword7fd1";
const BEARER: &str = "canarybearer93ac";
const HELPED: &str = "canaryhelped51e0";
const ISSUED: &str = "canaryissued28bb";

/// Every form in which a secret could show up.
fn forms() -> Vec<String> {
    [PASSWORD, BEARER, HELPED, ISSUED]
        .iter()
        .flat_map(|secret| {
            [
                (*secret).to_owned(),
                STANDARD.encode(format!("robot:{secret}")),
                STANDARD.encode(secret).trim_end_matches('=').to_owned(),
            ]
        })
        .collect()
}

/// `robot` with a password, as it is sent.
fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("robot:{password}")))
}

/// What a registry answers that knows the secret and wants it in a log.
fn spoilt(secret: &str) -> Vec<Behaviour> {
    let answer = |status, headers| Behaviour::Answer {
        status,
        headers,
        body: format!(r#"{{"errors":[{{"message":"{secret}"}}]}}"#).into(),
    };
    let away = format!("http://169.254.169.254/{secret}?sig={secret}");
    vec![
        answer(401, Vec::new()),
        answer(
            401,
            vec![(
                "www-authenticate",
                format!(r#"Bearer realm="{away}",scope="{secret}""#),
            )],
        ),
        answer(403, vec![("x-message", secret.to_owned())]),
        answer(404, Vec::new()),
        answer(429, vec![("retry-after", "60".to_owned())]),
        Behaviour::redirect(away.clone()),
        Behaviour::redirect(format!("http://{secret}:{secret}@127.0.0.1/")),
        Behaviour::NextPage(away),
        Behaviour::html(),
        Behaviour::Body(secret.to_owned().into()),
        Behaviour::Body(format!(r#"{{"token":5,"was":"{secret}"}}"#).into()),
        Behaviour::Body(format!(r#"{{"schemaVersion":2,"{secret}":"{secret}"}}"#).into()),
        Behaviour::Truncated,
    ]
}

struct Scene {
    workshop: Workshop,
    registry: Hostile,
    image: String,
}

impl Scene {
    /// A registry with a signed image, and a client that is configured with
    /// credentials for it.
    async fn new(auth: Auth, config: impl Fn(&str) -> serde_json::Value) -> Self {
        let workshop = Workshop::new();
        let (contents, image) = signed(&workshop.key);
        let registry = Hostile::start().await;
        fill(&registry, "team/app", &contents);
        registry.require(auth);
        let host = registry.host();
        workshop.write(".docker/config.json", &config(&host).to_string());
        let helper = workshop.write(
            "bin/docker-credential-canary",
            &format!("#!/bin/sh\necho '{{\"Username\":\"robot\",\"Secret\":\"{HELPED}\"}}'\n"),
        );
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("executable");
        let image = format!("{host}/team/app@{}", image.digest);
        Self {
            workshop,
            registry,
            image,
        }
    }

    /// Everything that both programs say about the image, spoilt in every way
    /// at this part of the registry.
    async fn said(&self, part: &str, secret: &str) -> String {
        let hosts = [self.registry.host()];
        let webhook = Webhook::start(&self.workshop, &["policy.yaml"], &hosts).await;
        let mut said = String::new();
        for behaviour in spoilt(secret) {
            self.registry.behave_well();
            self.registry.behave(part, behaviour);
            let (review, text, report) = tokio::join!(
                webhook.ask(&self.image),
                self.verify(&["--explain"]),
                self.verify(&["--output", "json"]),
            );
            said += &review.to_string();
            for run in [text, report] {
                said += &run.out;
                said += &run.err;
            }
        }
        // Once as it should be, so that what is kept is said as well.
        self.registry.behave_well();
        said += &webhook.ask(&self.image).await.to_string();
        said += &webhook.get("metrics").await;
        said += &webhook.log();
        assert!(said.matches("registry-").count() > 10, "{said}");
        said
    }

    async fn verify(&self, words: &[&str]) -> Run {
        let mut command = self.workshop.command(&["verify", &self.image]);
        let path = std::env::var("PATH").expect("a PATH");
        command
            .args(["--policy", "policy.yaml", "--timeout", "2s"])
            .args(words)
            .env(
                "PATH",
                format!("{}:{path}", self.workshop.path("bin").display()),
            );
        tokio::task::spawn_blocking(move || crate::support::floe::run(command, ""))
            .await
            .expect("ended")
    }

    /// Whether this was ever sent as credentials.
    fn was_sent(&self, authorization: &str) -> bool {
        self.registry
            .requests()
            .iter()
            .any(|request| request.authorization.as_deref() == Some(authorization))
    }
}

fn assert_silent(said: &str) {
    for form in forms() {
        if let Some(at) = said.find(&form) {
            let from = said[..at]
                .char_indices()
                .rev()
                .nth(300)
                .map_or(0, |(at, _)| at);
            panic!("{form} was said: …{}", &said[from..at + form.len()]);
        }
    }
}

fn helped_tokens() -> Auth {
    Auth::Token(TokenService {
        user: Some(("robot", HELPED)),
        ..TokenService::default()
    })
}

#[tokio::test]
async fn no_secret_leaves_the_programs_but_to_the_registry_it_is_for() {
    let password = Scene::new(
        Auth::Basic("robot", PASSWORD),
        |host| json!({"auths": {host: {"auth": STANDARD.encode(format!("robot:{PASSWORD}"))}}}),
    );
    let bearer = Scene::new(
        Auth::Token(TokenService::default()),
        |host| json!({"auths": {host: {"registrytoken": BEARER}}}),
    );
    let helper = |host: &str| json!({"credHelpers": {host: "canary"}});
    let helped = Scene::new(helped_tokens(), helper);
    let issued = Scene::new(helped_tokens(), helper);
    let (password, bearer, helped, issued) = tokio::join!(password, bearer, helped, issued);
    issued.registry.behave(
        "/token",
        Behaviour::Body(format!(r#"{{"token":"{ISSUED}","expires_in":300}}"#).into()),
    );
    // The token was issued before anything else went wrong.
    let first = issued.verify(&["--output", "json"]).await;
    assert_eq!(first.codes(), ["registry-access-denied"], "{first:?}");
    let (a, b, c, d) = tokio::join!(
        password.said("/v2/", PASSWORD),
        bearer.said("/v2/", BEARER),
        helped.said("/token", HELPED),
        issued.said("/v2/", ISSUED),
    );
    for (scene, authorization) in [
        (&password, basic(PASSWORD)),
        (&bearer, format!("Bearer {BEARER}")),
        (&helped, basic(HELPED)),
        (&issued, format!("Bearer {ISSUED}")),
    ] {
        assert!(scene.was_sent(&authorization), "{authorization} never left");
    }
    for said in [a, b, c, d] {
        assert_silent(&said);
    }
}

#[test]
#[should_panic(expected = "was said")]
fn a_secret_that_was_said_is_noticed() {
    assert_silent(&format!("GET /token\nauthorization: {}\n", basic(HELPED)));
}

/// A private key in PEM, and the lines of it that nobody may see.
fn private_key() -> (String, Vec<String>) {
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let lines = lines.map(|line| line[..24].to_owned()).collect();
    (pem, lines)
}

/// A policy whose key is written in this way.
fn with_key(key: &str) -> String {
    policy("release", "enforce").replace("key: { file: key.pub }", key)
}

#[tokio::test]
async fn a_private_key_in_place_of_a_public_one_is_never_quoted() {
    let workshop = Workshop::new();
    let (pem, lines) = private_key();
    workshop.write("private.pem", &pem);
    let indented = pem.replace('\n', "\n          ");
    let escaped = pem.replace('\n', "\\n");
    let policies = [
        format!("key:\n        pem: |\n          {indented}"),
        format!("key:\n        pem: |\n{pem}"),
        format!("key:\n        pem: {indented}"),
        format!("key:\n        {indented}"),
        format!("key: {pem}"),
        format!("key: {{ pem: \"{escaped}\" }}"),
        format!("key: {{ pem: \"{escaped} }}"),
        format!("key: {{ file: \"{escaped}\" }}"),
        format!("key: {{ env: \"{escaped}\" }}"),
        format!("key: \"{escaped}\""),
        "key: { file: private.pem }".to_owned(),
    ];
    let good = policy("release", "enforce");
    workshop.write("policies/a.yaml", &good.replace("key.pub", "../key.pub"));
    let webhook = Webhook::start(&workshop, &["policies"], &[]).await;
    let image = workshop.good();
    // Refused without a request: nothing is configured on this machine.
    let nowhere = format!("127.0.0.1:1/app@{}", workshop.signed.digest);
    let mut said = String::new();
    for key in &policies {
        let text = with_key(key);
        assert_ne!(text, good);
        workshop.write("policy.yaml", &text);
        workshop.write(
            "policies/b.yaml",
            &text
                .replace("private.pem", "../private.pem")
                .replace("name: release }", "name: other }"),
        );
        let verify = [
            "verify",
            &image,
            "--layout",
            "layout",
            "--policy",
            "policy.yaml",
        ];
        for words in [
            &["policy", "check", "policy.yaml"] as &[&str],
            &[&verify as &[&str], &["--explain"]].concat(),
            &[&verify as &[&str], &["--output", "json"]].concat(),
        ] {
            let run = workshop.run(words);
            assert!(run.code != 0 || words[0] == "policy", "{key}: {run:?}");
            said += &run.out;
            said += &run.err;
        }
        // The webhook has looked at it when the new policy denies too.
        let answered = std::cell::RefCell::new(String::new());
        until(|| async {
            *answered.borrow_mut() = webhook.ask(&nowhere).await.to_string();
            let answered = answered.borrow();
            answered.contains("policy-invalid") || answered.contains("key-unavailable")
        })
        .await;
        said += &answered.borrow();
        fs::remove_file(workshop.path("policies/b.yaml")).expect("removed");
        webhook
            .until_verdict(&nowhere, "registry-not-permitted")
            .await;
    }
    let run = workshop.run(&[
        "verify",
        &image,
        "--layout",
        "layout",
        "--key",
        "private.pem",
    ]);
    assert_eq!(run.code, 1, "{run:?}");
    said += &run.err;
    said += &webhook.get("metrics").await;
    said += &webhook.log();
    assert!(said.matches("private key").count() > 4, "{said}");
    for line in lines {
        assert!(!said.contains(&line), "{line} was said:\n{said}");
    }
}
