//! The loop in the background.

use std::time::Instant;

use floe::roots::tuf::{Clock, Told};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::support::tuf::Lie;

/// Runs it with a clock that starts at `start`.
fn run(process: Process, start: Timestamp) -> UnboundedReceiver<Told> {
    let (send, receive) = unbounded_channel();
    let began = Instant::now();
    let clock: Clock =
        Arc::new(move || start + SignedDuration::try_from(began.elapsed()).expect("a short time"));
    tokio::spawn(process.refresher.run(clock, move |told| {
        // The test may have seen enough.
        let _ = send.send(told);
    }));
    receive
}

async fn next(told: &mut UnboundedReceiver<Told>) -> Told {
    let waited = tokio::time::timeout(Duration::from_secs(20), told.recv()).await;
    waited.expect("it is told in time").expect("it runs")
}

#[tokio::test]
async fn an_expiry_is_told_when_it_comes_although_nothing_is_refreshed() {
    let mut place = Place::new().await;
    let end = now() + days(1);
    place.repository.expire("timestamp", end);
    place.publish();
    let process = place.process();
    let configured = process.configured.clone();
    let start = end - SignedDuration::from_millis(1500);
    let mut told = run(process, start);
    assert_eq!(next(&mut told).await, Told::Changed);
    assert_eq!(next(&mut told).await, Told::Expired);
    let reference = MaterialRef::Root(NAME.to_owned());
    let materials = roots::read(std::slice::from_ref(&reference), &configured, end);
    let error = materials.get(&reference).expect("asked").clone();
    assert_eq!(error.expect_err("expired").kind, MaterialErrorKind::Expired);
}

#[tokio::test]
async fn a_repository_is_asked_at_once_and_again_and_again() {
    let mut place = Place::new().await;
    let process = Process::new(TufOptions {
        refresh_every: Duration::from_millis(20),
        ..place.options()
    });
    let mut told = run(process, now());
    assert_eq!(next(&mut told).await, Told::Changed);
    assert_eq!(next(&mut told).await, Told::Same);
    place.mirror.lie("", Lie::Status(503));
    loop {
        match next(&mut told).await {
            Told::Same => {}
            Told::Failed(RefreshError::Mirror(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    // It comes back by itself.
    place.publish_root();
    while next(&mut told).await != Told::Changed {}
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_told_and_the_root_serves() {
    let place = Place::new().await;
    std::fs::write(place.cache(), "a file").expect("written");
    let process = place.process();
    let configured = process.configured.clone();
    let mut told = run(process, now());
    assert_eq!(next(&mut told).await, Told::Changed);
    assert!(matches!(next(&mut told).await, Told::NotKept(_)));
    assert!(configured.tried());
}
