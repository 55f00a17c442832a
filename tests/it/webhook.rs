//! The HTTPS server over real TLS on loopback.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use floe::admission::PolicyState;
use floe::policy::PolicySet;
use floe::telemetry::{RecordFormat, Sink};
use floe::webhook::{ServingCertificate, start};
use reqwest::{Client, StatusCode, Version};
use serde_json::{Value, json};

use crate::support::authority::{Key, KeyKind};
use crate::support::gate::{gate, hanging_gate};
use crate::support::reviews::{create, pod, review, spec, with};
use crate::support::server::{
    HeldBody, client_of, get, once, options, options_with, post, serve, until, until_metric, url,
};
use crate::verifier::policies;

#[tokio::test]
async fn a_review_is_answered_over_both_versions_of_http() {
    let (server, over_2) = serve(options()).await;
    let over_1 = client_of(server.ca_pem().unwrap())
        .http1_only()
        .build()
        .unwrap();
    until(|| async { get(&over_2, &server, "/readyz").await.0 == StatusCode::OK }).await;
    for (client, version) in [(&over_1, Version::HTTP_11), (&over_2, Version::HTTP_2)] {
        let answer = post(client, &server, &create()).await;
        assert_eq!(answer.version(), version);
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["response"]["uid"], create()["request"]["uid"]);
        assert_eq!(answer["response"]["allowed"], false);
        assert_eq!(
            answer["response"]["auditAnnotations"]["codes"],
            "reference-invalid"
        );
    }
}

#[tokio::test]
async fn what_is_not_a_review_gets_a_clear_error() {
    let mut options = options();
    options.body_bytes = 64 * 1024;
    let (server, client) = serve(options).await;
    let send = |method: reqwest::Method, path: &str, kind: &'static str, body: String| {
        let request = client
            .request(method, url(&server, path))
            .header("content-type", kind)
            .body(body);
        async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    use reqwest::Method;
    let good = create().to_string();
    for (method, path, kind, body, status, part) in [
        (
            Method::GET,
            "/validate",
            "application/json",
            good.clone(),
            405,
            "POST",
        ),
        (
            Method::PUT,
            "/validate",
            "application/json",
            good.clone(),
            405,
            "POST",
        ),
        (
            Method::POST,
            "/healthz",
            "application/json",
            good.clone(),
            405,
            "GET",
        ),
        (
            Method::POST,
            "/",
            "application/json",
            good.clone(),
            404,
            "/validate",
        ),
        (
            Method::POST,
            "/validate/x",
            "application/json",
            good.clone(),
            404,
            "/validate",
        ),
        (
            Method::POST,
            "/validate",
            "text/plain",
            good.clone(),
            415,
            "application/json",
        ),
        (
            Method::POST,
            "/validate",
            "application/json",
            String::new(),
            400,
            "cannot be read",
        ),
        (
            Method::POST,
            "/validate",
            "application/json",
            "{}".into(),
            400,
            "expected an AdmissionReview",
        ),
        (
            Method::POST,
            "/validate",
            "application/json",
            "x".repeat(64 * 1024 + 1),
            413,
            "65536 bytes",
        ),
        (
            Method::POST,
            "/validate",
            "application/json",
            good.replace("k8s.io/v1\"", "k8s.io/v1beta1\""),
            400,
            "v1beta1",
        ),
    ] {
        let (found, text) = send(method, path, kind, body).await;
        assert_eq!(found, status, "{path} {kind}: {text}");
        assert!(text.contains(part), "{path}: {text}");
    }
    // A body of exactly the limit is read.
    let padded = format!("{good}{}", " ".repeat(64 * 1024 - good.len()));
    let (status, text) = send(Method::POST, "/validate", "application/json", padded).await;
    assert_eq!(status, 200, "{text}");
    until_metric(
        &client,
        &server,
        r#"floe_http_errors_total{status="413"} 1"#,
    )
    .await;
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_as_well() {
    let mut options = options();
    options.body_bytes = 1024;
    let (server, client) = serve(options).await;
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 512]));
    let answer = client
        .post(url(&server, "/validate"))
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(endless))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let mut options = options();
    options.body_timeout = Duration::from_millis(20);
    let (server, client) = serve(options).await;
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = client
        .post(url(&server, "/validate"))
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(never))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn more_reviews_at_once_than_the_limit_are_turned_away_and_then_served_again() {
    let mut options = options();
    options.concurrent_reviews = 1;
    let (server, client) = serve(options).await;
    let held = HeldBody::begin(&client, &server).await;
    until(|| async {
        post(&client, &server, &create()).await.status() == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let refused = post(&client, &server, &create()).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    // Probes need no permit.
    assert_eq!(get(&client, &server, "/healthz").await.0, StatusCode::OK);
    assert_eq!(held.finish().await.status(), StatusCode::OK);
    until(|| async { post(&client, &server, &create()).await.status() == StatusCode::OK }).await;
}

#[tokio::test]
async fn readiness_waits_for_the_policies_and_goes_with_them() {
    let (states, state) = std::sync::mpsc::channel::<PolicyState>();
    let state = std::sync::Mutex::new(state);
    let (server, client) = serve(options_with(Box::new(move || {
        state.lock().unwrap().try_recv().ok()
    })))
    .await;
    assert_eq!(get(&client, &server, "/healthz").await.0, StatusCode::OK);
    let (status, text) = get(&client, &server, "/readyz").await;
    assert_eq!(
        (status, &*text),
        (StatusCode::SERVICE_UNAVAILABLE, "policies not loaded\n")
    );
    // A review that comes all the same is denied.
    let answer = post(&client, &server, &create())
        .await
        .text()
        .await
        .unwrap();
    assert!(answer.contains("not-synced"), "{answer}");

    let ready = || PolicyState::Ready(Arc::new(PolicySet::default()));
    states.send(ready()).unwrap();
    until(|| async { get(&client, &server, "/readyz").await.0 == StatusCode::OK }).await;
    states.send(ready()).unwrap();
    until_metric(&client, &server, "floe_policies_reloaded_total 1").await;
    states.send(PolicyState::NotSynced).unwrap();
    until(|| async { get(&client, &server, "/readyz").await.0 != StatusCode::OK }).await;
}

#[tokio::test]
async fn stopping_fails_readiness_first_and_finishes_what_is_under_way() {
    let mut options = options();
    // Longer than the test; stopping is not what this waits for.
    options.linger = Duration::from_secs(60);
    options.metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let (server, client) = serve(options).await;
    let held = HeldBody::begin(&client, &server).await;
    server.shut_down();
    until(|| async { get(&client, &server, "/readyz").await.1 == "draining\n" }).await;
    // Still served, on new connections too.
    let another = client_of(server.ca_pem().unwrap()).build().unwrap();
    assert_eq!(
        post(&another, &server, &create()).await.status(),
        StatusCode::OK
    );
    assert_eq!(held.finish().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_server_ends_when_what_was_under_way_is_answered() {
    for http1 in [true, false] {
        let (server, client) = serve(options()).await;
        let client = if http1 {
            client_of(server.ca_pem().unwrap())
                .http1_only()
                .build()
                .unwrap()
        } else {
            client
        };
        let held = HeldBody::begin(&client, &server).await;
        server.shut_down();
        let address = server.address();
        until(|| async { tokio::net::TcpStream::connect(address).await.is_err() }).await;
        let stopped = tokio::spawn(server.stopped());
        assert!(!stopped.is_finished());
        assert_eq!(held.finish().await.status(), StatusCode::OK);
        tokio::time::timeout(Duration::from_secs(10), stopped)
            .await
            .expect("it ends")
            .unwrap();
    }
}

#[tokio::test]
async fn a_server_does_not_wait_for_ever_for_what_is_under_way() {
    let mut options = options();
    options.drain = Duration::from_millis(20);
    let (server, client) = serve(options).await;
    let _held = HeldBody::begin(&client, &server).await;
    server.shut_down();
    tokio::time::timeout(Duration::from_secs(10), server.stopped())
        .await
        .expect("it ends");
}

/// A certificate for `localhost` that is its own authority.
fn write_certificate(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    // As the kubelet does: into a new folder, then a link is swapped.
    let data = tempfile::tempdir_in(folder).unwrap().keep();
    std::fs::write(data.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(data.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    swap(folder, &data);
    made.cert.pem()
}

fn swap(folder: &Path, data: &Path) {
    let link = folder.join("..new");
    std::os::unix::fs::symlink(data, &link).unwrap();
    std::fs::rename(&link, folder.join("current")).unwrap();
}

#[tokio::test]
async fn a_changed_certificate_is_taken_into_use_without_dropping_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let mut options = options();
    options.certificate = ServingCertificate::Files {
        chain: folder.path().join("current/tls.crt"),
        key: folder.path().join("current/tls.key"),
    };
    let server = Arc::new(start(gate(), options).await.unwrap());
    let old = client_of(&first).build().unwrap();
    assert_eq!(get(&old, &server, "/healthz").await.0, StatusCode::OK);

    let stop = Arc::new(AtomicBool::new(false));
    let requests = tokio::spawn({
        let (server, old, stop) = (Arc::clone(&server), old.clone(), Arc::clone(&stop));
        async move {
            let mut answered = 0;
            while !stop.load(Ordering::Acquire) {
                assert_eq!(
                    post(&old, &server, &create()).await.status(),
                    StatusCode::OK
                );
                answered += 1;
            }
            answered
        }
    });
    let second = write_certificate(folder.path());
    until_metric(&old, &server, "floe_certificates_reloaded_total 1").await;
    let new = client_of(&second).build().unwrap();
    assert_eq!(get(&new, &server, "/healthz").await.0, StatusCode::OK);
    // Who trusts only the old one cannot connect any more.
    let late = client_of(&first).build().unwrap();
    assert!(late.get(url(&server, "/healthz")).send().await.is_err());

    // One that cannot be used leaves the one in use.
    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("tls.crt"), &first).unwrap();
    std::fs::write(broken.join("tls.key"), "nothing").unwrap();
    swap(folder.path(), &broken);
    until_metric(&old, &server, "floe_certificates_refused_total 1").await;
    let again = client_of(&second).build().unwrap();
    assert_eq!(get(&again, &server, "/healthz").await.0, StatusCode::OK);
    // And so does one that is gone.
    std::fs::remove_file(folder.path().join("current")).unwrap();
    until_metric(&old, &server, "floe_certificates_refused_total 2").await;
    assert_eq!(get(&again, &server, "/healthz").await.0, StatusCode::OK);

    stop.store(true, Ordering::Release);
    assert!(requests.await.unwrap() > 0);
}

#[tokio::test]
async fn with_a_client_authority_only_its_certificates_may_ask_for_reviews() {
    let folder = tempfile::tempdir().unwrap();
    let identity = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = params.signed_by(&key, &issuer).unwrap();
        let pem = format!("{}{}", leaf.pem(), key.serialize_pem());
        (
            authority.pem(),
            reqwest::Identity::from_pem(pem.as_bytes()).unwrap(),
        )
    };
    let (ca, ours) = identity("kube-apiserver");
    let (_, theirs) = identity("somebody");
    let path = folder.path().join("ca.crt");
    std::fs::write(&path, ca).unwrap();
    let mut options = options();
    options.client_ca = Some(path);
    let (server, nobody) = serve(options).await;

    let answer = post(&nobody, &server, &create()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    // The kubelet has no certificate.
    assert_eq!(get(&nobody, &server, "/healthz").await.0, StatusCode::OK);

    let known = client_of(server.ca_pem().unwrap())
        .identity(ours)
        .build()
        .unwrap();
    let answer = post(&known, &server, &create()).await.text().await.unwrap();
    assert!(answer.contains(r#""caller":"authenticated""#), "{answer}");

    let stranger = client_of(server.ca_pem().unwrap())
        .identity(theirs)
        .build()
        .unwrap();
    assert!(stranger.get(url(&server, "/healthz")).send().await.is_err());
}

#[tokio::test]
async fn each_review_leaves_one_record_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("floe.log");
    let mut sink = Sink::file(&path).unwrap();
    let mut options = options();
    options.records = Some((sink.handle(), RecordFormat::Json));
    let (server, client) = serve(options).await;
    until(|| async { get(&client, &server, "/readyz").await.0 == StatusCode::OK }).await;
    post(&client, &server, &create()).await;
    post(
        &client,
        &server,
        &with(create(), "/request/namespace", json!("panic")),
    )
    .await;
    post(
        &client,
        &server,
        &with(create(), "/request/dryRun", json!("x")),
    )
    .await;
    post(
        &client,
        &server,
        &review("", "Pod", "DELETE", &pod(&spec("X"))),
    )
    .await;
    sink.close();
    let log = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let codes: Vec<_> = lines.iter().map(|line| line["codes"].clone()).collect();
    assert_eq!(
        codes,
        [
            json!(["reference-invalid"]),
            json!(["internal-error"]),
            json!(["review-malformed"]),
            json!([])
        ]
    );
    assert_eq!(lines[0]["namespace"], "shop");
    assert_eq!(lines[0]["user"], "alice");
    assert_eq!(lines[0]["imageCount"], 5);
    assert_eq!(lines[0]["verdicts"][0]["images"][0], "X INIT");
    assert_eq!(lines[3]["decision"], "allow");
    let (_, metrics) = get(&client, &server, "/metrics").await;
    for line in [
        r#"floe_reviews_total{decision="deny",path="judged"} 1"#,
        r#"floe_reviews_total{decision="deny",path="refused"} 2"#,
        r#"floe_reviews_total{decision="allow",path="no-images"} 1"#,
        r#"floe_findings_total{code="internal-error"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}\n{metrics}"
        );
    }
}

#[tokio::test]
async fn the_plain_port_has_metrics_and_probes_but_no_reviews() {
    let mut options = options();
    options.metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let (server, _) = serve(options).await;
    let plain = Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("http://{}{path}", server.metrics_address().unwrap());
    for (path, status) in [("/healthz", 200), ("/metrics", 200), ("/validate", 404)] {
        let answer = plain.get(url(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let answer = plain
        .post(url("/validate"))
        .body(create().to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_self_signed_authority_is_written_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.crt");
    let mut options = options();
    options.certificate = ServingCertificate::SelfSigned {
        names: vec!["localhost".into()],
        ca_out: Some(path.clone()),
    };
    let server = start(gate(), options).await.unwrap();
    let client = client_of(&std::fs::read_to_string(&path).unwrap())
        .build()
        .unwrap();
    assert_eq!(get(&client, &server, "/healthz").await.0, StatusCode::OK);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_registry_that_hangs_is_a_denial_before_the_api_server_gives_up() {
    let key = Key::generate(KeyKind::P256);
    let policies = PolicyState::Ready(Arc::new(policies(&[("ci", &key)], Value::Null)));
    let server = start(hanging_gate(), options_with(Box::new(once(policies))))
        .await
        .unwrap();
    let client = client_of(server.ca_pem().unwrap()).build().unwrap();
    until(|| async { get(&client, &server, "/readyz").await.0 == StatusCode::OK }).await;
    let image = format!("registry.example.com/app@sha256:{}", "0".repeat(64));
    let object = pod(&json!({"containers": [{"name": "web", "image": image}]}));
    let waiting = tokio::spawn(
        client
            .post(url(&server, "/validate?timeout=1s"))
            .header("content-type", "application/json")
            .body(review("", "Pod", "CREATE", &object).to_string())
            .send(),
    );
    until_metric(&client, &server, "floe_reviews_under_way 1").await;
    // What needs no registry is answered meanwhile.
    let delete = review("", "Pod", "DELETE", &object);
    let answer = post(&client, &server, &delete).await.text().await.unwrap();
    assert!(answer.contains(r#""allowed":true"#), "{answer}");
    assert!(!waiting.is_finished());
    let answer = waiting.await.unwrap().unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["response"]["allowed"], false);
    let codes = &answer["response"]["auditAnnotations"]["codes"];
    // By the deadline that is left of the API server's patience, and not by the
    // watch that stands behind it.
    assert_eq!(codes, "deadline-exceeded");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("retry: "), "{message}");
}

#[tokio::test]
async fn reviews_that_wait_take_no_place_of_those_that_need_not() {
    let key = Key::generate(KeyKind::P256);
    let policies = PolicyState::Ready(Arc::new(policies(&[("ci", &key)], Value::Null)));
    let mut options = options_with(Box::new(once(policies)));
    options.concurrent_reviews = 1;
    options.waiting_reviews = 1;
    let server = start(hanging_gate(), options).await.unwrap();
    let client = client_of(server.ca_pem().unwrap()).build().unwrap();
    until(|| async { get(&client, &server, "/readyz").await.0 == StatusCode::OK }).await;
    let object = |digit: &str| {
        let image = format!("registry.example.com/app@sha256:{}", digit.repeat(64));
        pod(&json!({"containers": [{"name": "web", "image": image}]}))
    };
    let waiting = tokio::spawn(
        client
            .post(url(&server, "/validate?timeout=20s"))
            .header("content-type", "application/json")
            .body(review("", "Pod", "CREATE", &object("0")).to_string())
            .send(),
    );
    until_metric(&client, &server, "floe_reviews_under_way 1").await;
    for _ in 0..3 {
        let delete = review("", "Pod", "DELETE", &object("0"));
        let answer = post(&client, &server, &delete).await.text().await.unwrap();
        assert!(answer.contains(r#""allowed":true"#), "{answer}");
        let another = review("", "Pod", "CREATE", &object("1"));
        let answer = post(&client, &server, &another).await.text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["response"]["allowed"], false);
        assert_eq!(
            answer["response"]["auditAnnotations"]["codes"],
            "gather-capacity-exceeded"
        );
    }
    waiting.abort();
}
