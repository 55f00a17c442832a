//! What the engine costs without network and TLS: parsing a reference,
//! selecting and deciding, a whole review over an image layout.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use floe::oci::Reference;
use floe::policy::{PolicyDocument, PolicySet, compile};
use floe::source::layout::Layout;
use floe::trust::Materials;
use floe::verdict::{Decision, Subject};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::Timestamp;
use serde_json::json;

#[path = "../tests/it/support/authority.rs"]
#[allow(dead_code, reason = "the tests use all of it, this program a part")]
mod authority;

use authority::{Key, KeyKind, RepositoryContents};

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

criterion_group!(benches, references, engine);
criterion_main!(benches);
