//! What happens at the bounds: an obstacle that names the cure, and never at
//! the expense of what is worth most.

use super::*;
use crate::support::authority::{Attachment, EMPTY};

#[tokio::test]
async fn more_referrers_than_are_read_are_an_obstacle_that_names_the_cure() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    for number in 0..6 {
        contents.attach(&image, &raw_bundle(format!("{{\"number\":{number}}}")));
    }
    let registry = serve(&contents).await;
    let limits = |max_referrers, max_candidates| Limits {
        max_referrers,
        max_candidates,
        ..Limits::default()
    };
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    for (limits, code) in [
        (limits(4, 64), "too-many-referrers"),
        (limits(100, 4), "too-many-documents"),
    ] {
        let verdict = asked.verify(&engine_with(limits)).await;
        assert_eq!(codes(&verdict), [code, "document-malformed"].sorted());
        assert!(verdict.is_inconclusive(), "{verdict:?}");
    }
    let verdict = asked.verify(&engine()).await;
    assert_eq!(codes(&verdict), ["document-malformed", "signature-missing"]);
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl<const N: usize> Sorted for [&str; N] {
    fn sorted(mut self) -> Self {
        self.sort_unstable();
        self
    }
}

/// An attachment of some type that is no signature.
fn filler(artifact_type: &str, number: usize) -> Attachment {
    Attachment::Bundle {
        bytes: format!("filler {number}").into_bytes(),
        artifact_type: artifact_type.into(),
        media_type: "application/octet-stream".into(),
    }
}

#[tokio::test]
async fn a_bundle_is_read_before_everything_that_says_less_or_something_else() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    for number in 0..20 {
        contents.attach(&image, &filler(EMPTY, number));
        contents.attach(&image, &filler("application/vnd.example", number));
        contents.attach(&image, &filler("application/spdx+json", number));
    }
    contents.sign_bundle(&image, &key);
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        max_candidates: 1,
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[tokio::test]
async fn a_flood_of_referrers_leaves_the_signature_tag_its_own_budget() {
    let key = Key::generate(KeyKind::P256);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    for number in 0..20 {
        contents.attach(&image, &raw_bundle(format!("{{\"number\":{number}}}")));
    }
    contents.sign_legacy(&image, &key);
    let registry = serve(&contents).await;
    let engine = engine_with(Limits {
        max_candidates: 2,
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &image, one_key(&key));
    let verdict = asked.verify(&engine).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    // The flooded location was not complete, so it is not kept.
    settle(&engine, &asked).await;
    registry.forget_requests();
    let stranger = Key::generate(KeyKind::P256);
    let other = Asked::new(&registry, REPOSITORY, &image, one_key(&stranger));
    assert!(other.verify(&engine).await.is_inconclusive());
    assert!(registry.count("/referrers/") > 0);
}

#[tokio::test]
async fn unsigned_images_never_push_out_what_was_found() {
    let key = Key::generate(KeyKind::P256);
    let (mut contents, known) = signed(&key);
    let unsigned: Vec<_> = (0..40).map(|n| contents.image(&format!("u-{n}"))).collect();
    let registry = serve(&contents).await;
    // Room for next to nothing but the one signed image.
    let engine = engine_with(Limits {
        evidence_bytes: 64 * 1024,
        absences: 4,
        ..Limits::default()
    });
    let asked = Asked::new(&registry, REPOSITORY, &known, one_key(&key));
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    settle(&engine, &asked).await;
    for image in &unsigned {
        let asked = Asked::new(&registry, REPOSITORY, image, one_key(&key));
        assert_eq!(codes(&asked.verify(&engine).await), ["signature-missing"]);
    }
    registry.forget_requests();
    assert_eq!(asked.verify(&engine).await.decision(), Decision::Allow);
    assert_eq!(registry.requests(), []);
}
