//! What others decide the size of, at sizes that only an attacker chooses.

use std::net::{IpAddr, Ipv4Addr};

use floe::verdict::Decision;
use floe::verifier::Limits;

use crate::gather::{Asked, REPOSITORY, assert_inconclusive, codes, engine_with, one_key, serve};
use crate::support::authority::{Key, KeyKind, RepositoryContents, raw_bundle};
use crate::support::reviews::create;
use crate::support::server::{
    client_of, get, options, post, serve as serve_gate, until, until_metric, url,
};
use reqwest::StatusCode;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A bundle that nobody signed, about `size` bytes long.
fn large(number: usize, size: usize) -> String {
    format!(
        "{{\"number\":{number},\"filler\":\"{}\"}}",
        "x".repeat(size)
    )
}

#[tokio::test]
async fn documents_beyond_the_bytes_that_are_read_are_not_fetched_and_are_an_obstacle() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    for number in 0..6 {
        contents.attach(&image, &raw_bundle(large(number, 100_000)));
    }
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let engine = engine_with(Limits {
        document_bytes: 350_000,
        ..Limits::default()
    });
    let verdict = asked.verify(&engine).await;
    assert_inconclusive(&verdict, &["document-malformed", "too-many-documents"]);
    assert_eq!(registry.count("/blobs/"), 3);
}

#[tokio::test]
async fn large_documents_do_not_crowd_out_a_signature_beside_them() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    for number in 0..6 {
        contents.attach(&image, &raw_bundle(large(number, 100_000)));
    }
    contents.sign_bundle(&image, &key);
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let engine = engine_with(Limits {
        document_bytes: 0,
        ..Limits::default()
    });
    let verdict = asked.verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[tokio::test]
async fn what_all_flights_hold_is_bounded_and_free_again_afterwards() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.attach(&image, &raw_bundle(large(0, 100_000)));
    let registry = serve(&contents).await;
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let limits = |bytes| Limits {
        document_bytes_at_once: bytes,
        ..Limits::default()
    };
    let verdict = asked.verify(&engine_with(limits(50_000))).await;
    assert_inconclusive(&verdict, &["gather-capacity-exceeded"]);
    let engine = engine_with(limits(150_000));
    for version in ["v2", "v3", "v4"] {
        let mut contents = RepositoryContents::new();
        let image = contents.image(version);
        contents.attach(&image, &raw_bundle(large(0, 100_000)));
        let registry = serve(&contents).await;
        let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
        let verdict = asked.verify(&engine).await;
        assert_eq!(codes(&verdict), ["document-malformed", "signature-missing"]);
    }
}

#[tokio::test]
async fn large_reviews_share_a_bounded_memory_and_small_ones_need_none_of_it() {
    let mut options = options();
    options.body_bytes = 512 * 1024;
    options.large_bodies = 0;
    let (server, client) = serve_gate(options).await;
    let padded = |bytes: usize| format!("{}{}", create(), " ".repeat(bytes));
    let large = || {
        client
            .post(url(&server, "/validate"))
            .header("content-type", "application/json")
            .body(padded(400 * 1024))
            .send()
    };
    assert_eq!(large().await.unwrap().status(), StatusCode::OK);
    let (end, body) = futures_channel::mpsc::unbounded();
    end.unbounded_send(Ok::<_, std::io::Error>(padded(400 * 1024)))
        .unwrap();
    let held = client
        .post(url(&server, "/validate"))
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(body))
        .send();
    let held = tokio::spawn(held);
    until_metric(&client, &server, "floe_reviews_under_way 1").await;
    until(|| async { large().await.unwrap().status() == StatusCode::SERVICE_UNAVAILABLE }).await;
    let refused = large().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(
        refused.text().await.unwrap(),
        "too many large reviews at the same time; try again\n"
    );
    assert_eq!(
        post(&client, &server, &create()).await.status(),
        StatusCode::OK
    );
    drop(end);
    assert_eq!(held.await.unwrap().unwrap().status(), StatusCode::OK);
    until(|| async { large().await.unwrap().status() == StatusCode::OK }).await;
}

#[tokio::test]
async fn connections_of_one_address_leave_places_for_others() {
    let mut options = options();
    options.listen = (Ipv4Addr::UNSPECIFIED, 0).into();
    options.connections = 8;
    let (server, client) = serve_gate(options).await;
    let port = server.address().port();
    // All of 127.0.0.0/8 is this machine, and each address is one of its own.
    let mut idle = Vec::new();
    for _ in 0..8 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket
            .bind((Ipv4Addr::new(127, 0, 0, 9), 0).into())
            .unwrap();
        let stream = socket
            .connect((Ipv4Addr::LOCALHOST, port).into())
            .await
            .unwrap();
        idle.push(stream);
    }
    assert_eq!(get(&client, &server, "/healthz").await.0, StatusCode::OK);
    let mut closed = 0;
    for stream in &mut idle[2..] {
        let end: std::io::Result<usize> = TcpStream::read(stream, &mut [0; 1]).await;
        closed += usize::from(matches!(end, Ok(0) | Err(_)));
    }
    assert_eq!(closed, 6, "those over the share are closed");
}

#[tokio::test]
async fn one_address_that_sends_slowly_leaves_places_for_others() {
    let mut options = options();
    options.listen = (Ipv4Addr::UNSPECIFIED, 0).into();
    options.concurrent_reviews = 4;
    let (server, client) = serve_gate(options).await;
    let slow = client_of(server.ca_pem().unwrap())
        .local_address(IpAddr::from([127, 0, 0, 9]))
        .build()
        .unwrap();
    let send = || {
        let (end, body) = futures_channel::mpsc::unbounded::<std::io::Result<Vec<u8>>>();
        let request = slow
            .post(url(&server, "/validate"))
            .header("content-type", "application/json")
            .body(reqwest::Body::wrap_stream(body));
        (end, tokio::spawn(request.send()))
    };
    let held = send();
    until_metric(&client, &server, "floe_reviews_under_way 1").await;
    for _ in 0..8 {
        let (_end, refused) = send();
        let refused = refused.await.unwrap().unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            refused.text().await.unwrap(),
            "too many reviews from one address at the same time; try again\n"
        );
    }
    assert_eq!(
        post(&client, &server, &create()).await.status(),
        StatusCode::OK
    );
    drop(held);
}

#[tokio::test]
async fn a_manifest_that_is_broken_by_a_long_text_is_described_in_a_short_one() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let registry = serve(&contents).await;
    let broken = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","size":"{}"}},"layers":[]}}"#,
        "x".repeat(3_000_000)
    );
    let tag = format!("sha256-{}.sig", image.digest.hex());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.push_manifest(REPOSITORY, Some(&tag), media_type, broken);
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine_with(Limits::default())).await;
    assert_eq!(codes(&verdict), ["document-malformed", "signature-missing"]);
    for finding in verdict.all_findings() {
        assert!(finding.message.len() < 1000, "{}", finding.message.len());
    }
}
