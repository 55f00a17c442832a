//! What others decide the size of, at sizes that only an attacker chooses.

use floe::verdict::Decision;
use floe::verifier::Limits;

use crate::gather::{Asked, REPOSITORY, assert_inconclusive, codes, engine_with, one_key, serve};
use crate::support::authority::{Key, KeyKind, RepositoryContents, raw_bundle};

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
