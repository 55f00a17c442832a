//! Each lie of a mirror has its own reason, and none takes away what was
//! verified before.

use serde_json::{Value, json};

use super::*;
use crate::support::authority::{Key, KeyKind};
use crate::support::tuf::{Lie, pin};

/// Refreshes once in order, lets the place be changed, refreshes again, and
/// says what happened. What was there before serves on.
async fn after(change: impl AsyncFnOnce(&mut Place)) -> RefreshError {
    let mut place = Place::new().await;
    let process = place.process();
    process.refresh().await.expect("good");
    let text = place.text.clone();
    change(&mut place).await;
    let error = process.refresh().await.expect_err("refused");
    process.assert_gives(&text, now());
    error
}

#[tokio::test]
async fn a_mirror_that_goes_back_to_older_metadata_is_refused() {
    let mut place = Place::new().await;
    let old = place.repository.files["timestamp.json"].clone();
    place.publish();
    let process = place.process();
    process.refresh().await.expect("good");
    place.mirror.lie("timestamp.json", Lie::Body(old));
    let back = Err(RefreshError::Rollback {
        role: "timestamp".into(),
        seen: 2,
        offered: 1,
    });
    assert_eq!(process.refresh().await, back);
    // Also for a process that starts later, with or without a good cache.
    let restarted = place.process();
    restarted.load(now()).expect("cached");
    assert_eq!(restarted.refresh().await, back);
    process.assert_gives(&place.text, now());
}

#[tokio::test]
async fn a_newer_timestamp_for_an_older_snapshot_is_refused() {
    let mut place = Place::new().await;
    let old = place.repository.files["1.snapshot.json"].clone();
    place.publish();
    let process = place.process();
    process.refresh().await.expect("good");
    place.repository.publish_timestamp(pin(&old, 1));
    place.mirror.serve(&place.repository.files);
    assert_eq!(
        process.refresh().await,
        Err(RefreshError::Rollback {
            role: "snapshot (via timestamp)".into(),
            seen: 2,
            offered: 1
        })
    );
    process.assert_gives(&place.text, now());
}

#[tokio::test]
async fn a_newer_snapshot_for_older_targets_is_refused() {
    let mut place = Place::new().await;
    let old = place.repository.files["1.targets.json"].clone();
    place.publish();
    let process = place.process();
    process.refresh().await.expect("good");
    let pinned = json!({"targets.json": pin(&old, 1)});
    place.repository.publish_snapshot(pinned);
    place.mirror.serve(&place.repository.files);
    assert_eq!(
        process.refresh().await,
        Err(RefreshError::Rollback {
            role: "targets.json (via snapshot)".into(),
            seen: 2,
            offered: 1
        })
    );
    process.assert_gives(&place.text, now());
}

#[tokio::test]
async fn a_mirror_that_stands_still_is_noticed_when_its_metadata_expires() {
    let mut place = Place::new().await;
    let end = now() + days(1);
    place.repository.expire("timestamp", end);
    place.publish();
    let process = place.process();
    process.refresh().await.expect("good");
    let later = end + SignedDuration::from_secs(1);
    assert_eq!(
        process.refresher.refresh(later).await,
        Err(RefreshError::Expired {
            role: "timestamp".into(),
            expires: end
        })
    );
    process.assert_expired(later);
    // Somebody who never saw it alive does not begin to trust it.
    std::fs::remove_dir_all(place.cache()).expect("removed");
    let fresh = place.process();
    fresh.refresher.refresh(later).await.expect_err("expired");
    fresh.assert_expired(later);
}

#[tokio::test]
async fn bytes_that_are_not_those_that_were_signed_for_are_refused() {
    // The target: as long as the true one, and not it.
    let error = after(async |place| {
        place.publish_root();
        let path = newest_target(place);
        let mut content = place.text.clone().into_bytes();
        content[20] ^= 1;
        place.mirror.lie(&path, Lie::Body(content));
    })
    .await;
    assert_eq!(
        error,
        RefreshError::Mismatch("integrity check failed: trusted_root.json: sha256 mismatch".into())
    );
    let error = after(async |place| {
        place.publish_root();
        let path = newest_target(place);
        let content = place.text.clone().into_bytes();
        place.mirror.lie(&path, Lie::Body(content[1..].to_vec()));
    })
    .await;
    assert!(
        matches!(&error, RefreshError::Mismatch(why) if why.contains("length")),
        "{error}"
    );
    for name in ["2.snapshot.json", "2.targets.json"] {
        let error = after(async |place| {
            place.publish();
            let mut content = place.repository.files[name].clone();
            let last = content.len() - 2;
            content[last] ^= 1;
            place.mirror.lie(name, Lie::Body(content));
        })
        .await;
        assert!(
            matches!(&error, RefreshError::Mismatch(why) if why.contains("sha256")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn metadata_by_anybody_else_is_refused() {
    for role in ["timestamp", "snapshot", "targets"] {
        let error = after(async |place| {
            let keys = &mut place.repository.keys;
            keys.insert(role, Key::generate(KeyKind::P256));
            place.publish();
        })
        .await;
        let expected = format!("signature threshold not met for role {role}: 0/1 valid signatures");
        assert_eq!(error, RefreshError::Signatures(expected));
    }
}

#[tokio::test]
async fn a_signature_that_was_changed_is_refused() {
    let error = after(async |place| {
        place.publish();
        let content = &place.repository.files["timestamp.json"];
        let mut content: Value = serde_json::from_slice(content).expect("JSON");
        content["signed"]["expires"] = json!("2099-01-01T00:00:00Z");
        let lie = Lie::Body(content.to_string().into_bytes());
        place.mirror.lie("timestamp.json", lie);
    })
    .await;
    assert!(matches!(error, RefreshError::Signatures(_)), "{error}");
}

#[tokio::test]
async fn a_new_root_counts_only_if_the_old_one_signed_it() {
    let error = after(async |place| {
        let keys = &mut place.repository.keys;
        keys.insert("root", Key::generate(KeyKind::P256));
        place.repository.publish_root(&[]);
        place.publish();
    })
    .await;
    assert!(matches!(error, RefreshError::Signatures(_)), "{error}");
    // Signed by both, all other keys may be new.
    let mut place = Place::new().await;
    let process = place.process();
    process.refresh().await.expect("good");
    let old = std::mem::replace(
        &mut place.repository.keys,
        ROLES
            .map(|role| (role, Key::generate(KeyKind::P256)))
            .into(),
    );
    place.repository.publish_root(&[&old["root"]]);
    place.publish_root();
    assert_eq!(process.refresh().await, Ok(true));
    process.assert_gives(&place.text, now());
    let restarted = place.process();
    restarted.load(now()).expect("from the first root on");
    restarted.assert_gives(&place.text, now());
    // And one whose version jumps is none.
    let error = after(async |place| {
        place.repository.publish_root(&[]);
        let skipped = place.repository.files["2.root.json"].clone();
        place.repository.publish_root(&[]);
        let third = place.repository.files["3.root.json"].clone();
        assert_ne!(skipped, third);
        place.mirror.serve(&place.repository.files);
        place.mirror.lie("2.root.json", Lie::Body(third));
    })
    .await;
    assert_eq!(
        error,
        RefreshError::Rollback {
            role: "root".into(),
            seen: 1,
            offered: 3
        }
    );
}

#[tokio::test]
async fn a_body_without_an_end_is_given_up() {
    for name in ["2.root.json", "timestamp.json", "2.snapshot.json"] {
        let error = after(async |place| {
            place.publish();
            place.mirror.lie(name, Lie::Endless);
        })
        .await;
        assert!(
            matches!(&error, RefreshError::Mirror(why) if why.contains("exceeds max length")),
            "{name}: {error}"
        );
    }
    let error = after(async |place| {
        place.publish();
        place
            .mirror
            .lie("timestamp.json", Lie::Body(vec![b' '; 20_000]));
    })
    .await;
    assert!(
        matches!(&error, RefreshError::Mirror(why) if why.contains("content-length 20000 exceeds")),
        "{error}"
    );
}

#[tokio::test]
async fn a_mirror_that_hangs_or_drips_is_given_up_in_time() {
    let place = Place::new().await;
    place.process().refresh().await.expect("good");
    for lie in [Lie::Drip, Lie::Silent] {
        place.mirror.lie("timestamp.json", lie);
        let timeout = Duration::from_millis(300);
        let process = Process::new(TufOptions {
            timeout,
            ..place.options()
        });
        process.load(now()).expect("cached");
        let error = process.refresh().await;
        assert_eq!(error, Err(RefreshError::TooSlow(timeout)));
        process.assert_gives(&place.text, now());
    }
}

#[tokio::test]
async fn nobody_else_is_asked_where_a_mirror_points() {
    let other = Place::new().await;
    let url = format!("{}/timestamp.json", other.mirror.url);
    let error = after(async |place| place.mirror.lie("timestamp.json", Lie::Redirect(url))).await;
    assert!(
        matches!(&error, RefreshError::Mirror(why) if why.contains("302")),
        "{error}"
    );
    assert_eq!(other.mirror.asked(), [""; 0]);
}

#[tokio::test]
async fn answers_that_are_errors_or_no_metadata_are_refused() {
    let error = after(async |place| place.mirror.lie("", Lie::Status(503))).await;
    assert!(
        matches!(&error, RefreshError::Mirror(why) if why.contains("503")),
        "{error}"
    );
    let error = after(async |place| place.mirror.lie("timestamp.json", Lie::Status(404))).await;
    assert!(
        matches!(&error, RefreshError::Mirror(why) if why.contains("not found")),
        "{error}"
    );
    let lie = Lie::Body(b"<html>canary</html>".to_vec());
    let error = after(async |place| place.mirror.lie("timestamp.json", lie)).await;
    assert!(matches!(&error, RefreshError::Malformed(_)), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn a_target_that_is_signed_and_no_trust_root_leaves_the_old_one() {
    let error = after(async |place| {
        let targets = &mut place.repository.targets;
        targets.insert("trusted_root.json".into(), b"{\"canary\": 1}".to_vec());
        place.publish();
    })
    .await;
    assert!(matches!(error, RefreshError::Unusable(_)), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}

/// Where the target lies that was published last.
fn newest_target(place: &Place) -> String {
    let digest = floe::oci::Digest::sha256(place.text.as_bytes()).to_string();
    let hex = digest.strip_prefix("sha256:").expect("an algorithm");
    format!("targets/{hex}.trusted_root.json")
}
