//! What a process that starts finds in the cache.

use serde_json::Value;

use super::*;
use crate::support::tuf::Lie;

/// A place whose cache is filled and whose mirror is down.
async fn filled() -> Place {
    let place = Place::new().await;
    place.process().refresh().await.expect("good");
    place.mirror.lie("", Lie::Status(503));
    place
}

#[tokio::test]
async fn a_cache_survives_a_restart_and_serves_without_the_mirror() {
    let place = filled().await;
    place.mirror.asked();
    let restarted = place.process();
    restarted.load(now() + days(2)).expect("cached");
    assert!(restarted.configured.tried());
    restarted.assert_gives(&place.text, now() + days(2));
    assert_eq!(restarted.root.age().refreshed, Some(now()));
    assert_eq!(restarted.root.age().expires, Some(now() + days(30)));
    assert_eq!(place.mirror.asked(), [""; 0]);
}

#[tokio::test]
async fn a_cache_that_expired_meanwhile_is_expired_and_not_merely_absent() {
    let place = filled().await;
    let restarted = place.process();
    let later = now() + days(31);
    let error = restarted.load(later).expect_err("expired");
    assert!(matches!(error, RefreshError::Expired { .. }), "{error}");
    restarted.assert_expired(later);
    restarted.refresher.refresh(later).await.expect_err("down");
    let why = restarted.assert_expired(later);
    assert!(why.contains("503"), "{why}");
}

#[tokio::test]
async fn a_cache_is_trusted_for_nothing_and_a_damaged_one_is_fetched_again() {
    let place = filled().await;
    let path = file(&place.cache());
    let good = std::fs::read(&path).expect("a file");
    let parsed: Value = serde_json::from_slice(&good).expect("JSON");
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut document = parsed.clone();
        edit(&mut document);
        document.to_string().into_bytes()
    };
    // Another root for the same name, signed by its own keys all the way.
    let stranger = filled().await;
    let other = std::fs::read(file(&stranger.cache())).expect("a file");
    let foreign: Value = serde_json::from_slice(&other).expect("JSON");
    let damaged = [
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        b"null".to_vec(),
        edited(&|cache| cache["format"] = "floe-tuf-cache/v0".into()),
        edited(&|cache| cache["good"]["timestamp.json"] = "e30=".into()),
        edited(&|cache| cache["good"]["targets/trusted_root.json"] = "e30=".into()),
        edited(&|cache| cache["good"]["snapshot.json"] = "%%".into()),
        edited(&|cache| {
            let files = cache["good"].as_object_mut().expect("files");
            files.remove("targets/trusted_root.json");
        }),
        edited(&|cache| {
            let target = "targets/trusted_root.json";
            cache["good"][target] = foreign["good"][target].clone();
        }),
        other,
    ];
    for bytes in damaged {
        std::fs::write(&path, &bytes).expect("written");
        let restarted = place.process();
        restarted.load(now()).expect_err("nothing good");
        restarted.assert_unavailable(now());
        restarted.refresh().await.expect_err("down");
        restarted.assert_unavailable(now());
        // And it stands in nobody's way.
        std::fs::write(&path, &bytes).expect("written");
        place.mirror.serve(&place.repository.files);
        let restarted = place.process();
        restarted.load(now()).expect_err("nothing good");
        assert_eq!(restarted.refresh().await, Ok(true));
        restarted.assert_gives(&place.text, now());
        place.process().load(now()).expect("whole again");
        place.mirror.lie("", Lie::Status(503));
    }
}

#[tokio::test]
async fn a_pipe_in_place_of_the_cache_is_not_waited_for() {
    let place = filled().await;
    let path = file(&place.cache());
    std::fs::remove_file(&path).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    let error = place.process().load(now()).expect_err("no file");
    assert!(
        matches!(&error, RefreshError::NoCache(why) if why.ends_with("is not a file")),
        "{error}"
    );
}

#[tokio::test]
async fn a_refresh_that_ended_in_the_middle_leaves_the_whole_set_before_it() {
    let mut place = Place::new().await;
    let process = place.process();
    process.refresh().await.expect("good");
    let old = place.repository.files.clone();
    let text = place.text.clone();
    place.publish_root();
    place.mirror.lie("2.snapshot.json", Lie::Status(404));
    process.refresh().await.expect_err("half of it");
    process.assert_gives(&text, now());
    let restarted = place.process();
    restarted.load(now()).expect("the set before");
    restarted.assert_gives(&text, now());
    // What was seen of the new one is a floor all the same.
    place.mirror.serve(&old);
    assert_eq!(
        restarted.refresh().await,
        Err(RefreshError::Rollback {
            role: "timestamp".into(),
            seen: 2,
            offered: 1
        })
    );
    place.mirror.serve(&place.repository.files);
    assert_eq!(restarted.refresh().await, Ok(true));
    restarted.assert_gives(&place.text, now());
}

#[tokio::test]
async fn a_cache_of_another_pinned_root_is_nothing() {
    let place = filled().await;
    let stranger = Place::new().await;
    let process = Process::new(TufOptions {
        root: stranger.repository.initial_root(),
        ..place.options()
    });
    let error = process.load(now()).expect_err("not its own");
    assert!(matches!(error, RefreshError::Signatures(_)), "{error}");
    process.assert_unavailable(now());
}

#[tokio::test]
async fn no_half_written_file_is_left_behind() {
    let place = filled().await;
    let names: Vec<_> = std::fs::read_dir(place.cache())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["tuf.json"]);
}
