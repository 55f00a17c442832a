//! Looking again at what may change while the server runs.
//!
//! By content, at intervals: a mounted Secret is replaced by swapping a
//! symbolic link, after which a watch on the file sees nothing any more.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::certificate::{Current, PemPair};
use super::options::PolicyPoll;
use crate::admission::{Gate, PolicyState};
use crate::source::Source;
use crate::telemetry::Metrics;
use crate::verifier::Runtime;

/// Puts policies into force as they come, until asked to stop. They are looked
/// at again after each interval, and at once when woken.
pub(super) async fn policies<S: Source, R: Runtime>(
    gate: Arc<Gate<S, R>>,
    mut poll: PolicyPoll,
    (interval, wake): (Duration, Arc<Notify>),
    metrics: Arc<Metrics>,
    loaded: Arc<AtomicBool>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let Ok((returned, state)) = tokio::task::spawn_blocking(move || {
            let state = poll();
            (poll, state)
        })
        .await
        else {
            // The poll panicked and is gone: what is in force can grow stale
            // for ever, so that nothing is better than that.
            tracing::error!("reading the policies failed; this is a defect of floe");
            gate.set_policies(PolicyState::NotSynced);
            loaded.store(false, Ordering::Release);
            return;
        };
        poll = returned;
        if let Some(state) = state {
            let ready = matches!(state, PolicyState::Ready(_));
            gate.set_policies(state);
            if loaded.swap(ready, Ordering::AcqRel) {
                metrics.policies_reloaded.inc();
            }
            tracing::info!(ready, "policies taken into use");
        }
        tokio::select! {
            stopping = wait(interval, &mut stop) => if stopping { return },
            () = wake.notified() => {}
        }
    }
}

/// Takes a changed certificate into use, until asked to stop. One that cannot
/// be used leaves the old one.
pub(super) async fn certificate(
    current: Arc<Current>,
    (chain, key): (PathBuf, PathBuf),
    mut seen: PemPair,
    interval: Duration,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    let mut unreadable = false;
    while !wait(interval, &mut stop).await {
        let read = tokio::task::spawn_blocking({
            let (chain, key) = (chain.clone(), key.clone());
            move || PemPair::read(&chain, &key)
        })
        .await;
        let pair = match read {
            Ok(Ok(pair)) => pair,
            Ok(Err(error)) => {
                // Once for each time it becomes unreadable, not at each poll.
                if !std::mem::replace(&mut unreadable, true) {
                    metrics.certificates_refused.inc();
                    tracing::error!(%error, "the serving certificate cannot be read; the old one stays");
                }
                continue;
            }
            Err(_) => continue,
        };
        unreadable = false;
        if pair == seen {
            continue;
        }
        match pair.certified_key(&chain, &key) {
            Ok(certified) => {
                current.swap(certified);
                metrics.certificates_reloaded.inc();
                tracing::info!("serving certificate taken into use");
            }
            Err(error) => {
                metrics.certificates_refused.inc();
                tracing::error!(%error, "the new serving certificate cannot be used; the old one stays");
            }
        }
        seen = pair;
    }
}

/// Waits for the interval; `true` if it is time to stop.
async fn wait(interval: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(interval) => false,
        _ = stop.wait_for(|stop| *stop) => true,
    }
}
