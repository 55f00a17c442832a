//! What the engine costs without network and TLS: parsing a reference,
//! selecting and deciding, a whole review over an image layout – beside what
//! the parsing of the same review costs alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use floe::admission::{self, Caller, Coverage, Gate, PolicyState, Reviewed};
use floe::oci::Reference;
use floe::policy::{PolicyDocument, PolicySet, compile};
use floe::source::layout::Layout;
use floe::telemetry::{RecordFormat, ReviewRecord, Sink, SinkHandle};
use floe::trust::Materials;
use floe::verdict::{Decision, Subject};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::Timestamp;
use serde_json::json;

#[path = "../tests/it/support/authority.rs"]
#[allow(dead_code, reason = "the tests use all of it, this program a part")]
mod authority;
#[path = "support/reviews.rs"]
mod reviews;

use authority::{Key, KeyKind, RepositoryContents};
use reviews::Detail;

fn policy(key: &Key) -> PolicySet {
    let document = json!({
        "apiVersion": "floe.dev/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": "prod"},
        "spec": {
            "match": {"images": ["registry.example.com/**"], "namespaces": {"names": ["shop-*"]}},
            "authorities": [{"name": "ci", "key": {"pem": key.pem()}}],
        },
    });
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: document.to_string(),
    };
    compile(&[document])
        .expect("a policy that compiles")
        .bind(&Materials::default())
}

fn references(c: &mut Criterion) {
    let pinned = format!("registry.example.com/team/app@sha256:{}", "0f".repeat(32));
    c.bench_function("reference/pinned", |b| {
        b.iter(|| black_box(&pinned).parse::<Reference>());
    });
    c.bench_function("reference/shorthand", |b| {
        b.iter(|| black_box("nginx:1.27").parse::<Reference>());
    });
}

fn engine(c: &mut Criterion) {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    contents.sign_bundle(&image, &key);
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let policies = policy(&key);
    let reference: Reference = format!("registry.example.com/team/app@{}", image.digest)
        .parse()
        .expect("a reference");
    let subject = Subject {
        namespace: Some("shop-prod".into()),
        channels: None,
    };
    let request = || Request {
        reference: &reference,
        subject: &subject,
        policies: &policies,
        at: Timestamp::UNIX_EPOCH,
        deadline: Instant::now() + Duration::from_secs(10),
    };

    c.bench_function("policy/select", |b| {
        b.iter(|| policies.select(black_box(reference.repository()), &subject));
    });
    let warm = Verifier::new(
        Layout::open(folder.path()).expect("a layout"),
        Blocking,
        Limits::default(),
    );
    assert_eq!(
        Blocking.run(warm.verify(request())).decision(),
        Decision::Allow
    );
    c.bench_function("verify/warm", |b| {
        b.iter(|| Blocking.run(warm.verify(request())));
    });
    c.bench_function("verify/cold-layout", |b| {
        b.iter(|| {
            let layout = Layout::open(folder.path()).expect("a layout");
            let cold = Verifier::new(layout, Blocking, Limits::default());
            Blocking.run(cold.verify(request()))
        });
    });
}

/// Writes the line of a review as the webhook does.
fn record(reviewed: &Reviewed<'_>, sink: &SinkHandle) {
    let images: Vec<_> = reviewed
        .grounds
        .images()
        .map(|image| (image.written(), image.verdict()))
        .collect();
    let request = reviewed.request.as_ref().expect("a request");
    let record = ReviewRecord {
        at: Timestamp::UNIX_EPOCH,
        uid: &reviewed.uid,
        namespace: request.namespace(),
        group: request.kind.group.as_str(),
        kind: request.kind.kind.as_str(),
        subresource: None,
        name: None,
        operation: request.operation.as_str(),
        user: Some("system:serviceaccount:kube-system:replicaset-controller"),
        dry_run: false,
        caller: Caller::Unauthenticated.as_str(),
        allowed: true,
        path: "judged",
        codes: &[],
        images: &images,
        took: Duration::from_micros(20),
    };
    sink.write_with(|line| record.write(RecordFormat::Json, line));
}

/// Whole reviews: bytes in, bytes out.
fn reviewing(c: &mut Criterion) {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let images: Vec<_> = (0..20)
        .map(|number| {
            let image = contents.image(&format!("v{number}"));
            contents.sign_bundle(&image, &key);
            format!(
                "registry.example.com/store/app-{number}:1.{number}@{}",
                image.digest
            )
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let verifier = Verifier::new(
        Layout::open(folder.path()).expect("a layout"),
        Blocking,
        Limits::default(),
    );
    let gate = Gate::new(verifier, Coverage::builtin(), Box::new(|_| None));
    gate.set_policies(PolicyState::Ready(Arc::new(policy(&key))));
    let sink = Sink::start(std::io::sink()).expect("a thread");
    let handle = sink.handle();

    for (count, detail) in [(1, Detail::Full), (6, Detail::Short), (20, Detail::Full)] {
        let body = reviews::pod("shop-prod", &images[..count], detail);
        let body = body.as_bytes();
        let review = || {
            Blocking
                .run(gate.review(
                    body,
                    Timestamp::UNIX_EPOCH,
                    Instant::now() + Duration::from_secs(10),
                    Caller::Unauthenticated,
                ))
                .expect("an answer")
        };
        let reviewed = review();
        assert!(
            reviewed.grounds.allows() && reviewed.grounds.images().count() == count,
            "{}",
            String::from_utf8_lossy(&reviewed.response)
        );
        let mut group = c.benchmark_group(format!("review/{count}-images"));
        let parse = || {
            let request = admission::Request::read(black_box(body)).expect("a review");
            Coverage::builtin()
                .references_in(&request, request.object.as_ref())
                .map(|images| images.len())
        };
        group.bench_function("parse-only", |b| b.iter(parse));
        group.bench_function("warm", |b| b.iter(review));
        group.bench_function("log-line", |b| b.iter(|| record(&reviewed, &handle)));
        group.bench_function("untyped-parse", |b| {
            b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(body)));
        });
    }
}

criterion_group!(benches, references, engine, reviewing);
criterion_main!(benches);
