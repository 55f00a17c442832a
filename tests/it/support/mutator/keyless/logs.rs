//! Log entries, promises, proofs and checkpoints.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{DAY, Good, Twins};
use crate::support::sigstore::entry::{self, Body};
use crate::support::sigstore::rekor::{LogEntry, Place, Proof, Rekor};
use crate::support::sigstore::signed::Content;
use crate::support::sigstore::{Defect, Log, Version};

const MISSING: &str = "log-entry-missing";
const UNSUPPORTED: &str = "log-entry-unsupported";
const MALFORMED: &str = "log-entry-malformed";
const UNKNOWN: &str = "log-unknown";
const MISMATCH: &str = "log-entry-mismatch";
const PROMISE: &str = "log-promise-invalid";
const PROOF: &str = "log-proof-invalid";
const NO_PROOF: &str = "log-proof-missing";
const CHECKPOINT: &str = "log-checkpoint-invalid";
const EXPIRED: &str = "certificate-not-valid-at-signing";
const NO_TIME: &str = "trusted-time-missing";

pub(super) fn add(twins: &mut Twins<'_>) {
    bodies(twins);
    whose(twins);
    if twins.good.is_first_generation() {
        promises(twins);
    }
    if twins.good.is_legacy() {
        return;
    }
    proofs(twins);
    checkpoints(twins);
}

/// Genuine entries about something else.
fn bodies(twins: &mut Twins<'_>) {
    let good = twins.good;
    let signed = &good.signed;
    twins.add("no log entry", MISSING, &good.edited(|s| s.entries.clear()));
    twins.defect(
        "genuine entry of the signer's other signature",
        MISMATCH,
        Defect::EntryOfAnother,
    );
    stolen(twins);
    let other_key = good.again().make();
    let by = good.by(&other_key);
    if good.has_certificate() {
        let body = good.body(&signed.content, by);
        twins.add(
            "entry of another certificate",
            MISMATCH,
            &good.logged(&body),
        );
    } else {
        let key = good.stranger.key(good.case.key);
        let body = good.body(&signed.content, entry::By::Key(&key));
        twins.add("entry of another key", MISMATCH, &good.logged(&body));
    }
    let with = |edit: &dyn Fn(&mut Content)| {
        let mut content = signed.content.clone();
        edit(&mut content);
        good.logged(&good.body(&content, good.by(signed)))
    };
    let entry = with(&|content| match content {
        Content::Dsse(envelope) => envelope.signatures[0][9] ^= 1,
        Content::Bytes { signature, .. } => signature[9] ^= 1,
    });
    // `intoto` 0.0.1 keeps no signature.
    if signed.entries[0].kind != "intoto" || signed.entries[0].version != "0.0.1" {
        twins.add("entry of another signature", MISMATCH, &entry);
    }
    let entry = with(&|content| match content {
        Content::Dsse(envelope) => envelope.payload.push(b' '),
        Content::Bytes { signed, .. } => signed.push(b' '),
    });
    twins.add("entry of another payload", MISMATCH, &entry);
    let body = |kind, version, text: String| Body {
        kind,
        version,
        bytes: text.into_bytes(),
    };
    for (name, kind, version, code) in [
        (
            "entry of a kind that is not read",
            "rekord",
            "0.0.1",
            UNSUPPORTED,
        ),
        (
            "entry of a version to come",
            "hashedrekord",
            "0.0.9",
            UNSUPPORTED,
        ),
        (
            "entry without anything in it",
            "hashedrekord",
            "0.0.1",
            MALFORMED,
        ),
    ] {
        let text = json!({"apiVersion": version, "kind": kind, "spec": {}});
        let logged = good.logged(&body(kind, version, entry::canonical(&text)));
        twins.add(name, code, &logged);
    }
    if let Content::Dsse(envelope) = &signed.content {
        let dsse = entry::dsse_v002(envelope, good.by(signed));
        twins.add("entry dsse 0.0.2", UNSUPPORTED, &good.logged(&dsse));
        let mut two = envelope.clone();
        two.signatures.push(vec![7; 70]);
        let dsse = entry::dsse_v001(&two, good.by(signed));
        if good.is_first_generation() {
            twins.add("entry of two signatures", MISMATCH, &good.logged(&dsse));
        }
    }
    if !good.is_legacy() {
        let announced = good.edited(|s| s.entries[0].kind = "rekord".into());
        twins.add("entry announced as another kind", UNSUPPORTED, &announced);
        let logged = good.logged(&body(
            good_kind(good).0,
            good_kind(good).1,
            "no JSON".to_owned(),
        ));
        twins.add("entry that is no JSON", MALFORMED, &logged);
    }
}

fn good_kind(good: &Good<'_>) -> (&'static str, &'static str) {
    if good.is_first_generation() {
        ("dsse", "0.0.1")
    } else {
        ("hashedrekord", "0.0.2")
    }
}

/// A key that was stolen after its certificate had expired.
fn stolen(twins: &mut Twins<'_>) {
    let good = twins.good;
    if !good.has_certificate() {
        return;
    }
    let later = good.sigstore.at + DAY;
    let genuine = good.same_signer(good.other).make();
    let stolen = good.same_signer(good.image).at(later).make();
    let mut borrowed = stolen.clone();
    borrowed.entries.clone_from(&genuine.entries);
    borrowed.tokens.clone_from(&genuine.tokens);
    twins.add(
        "expired stolen key with an unrelated genuine log entry",
        MISMATCH,
        &borrowed,
    );
    twins.add(
        "expired stolen key with a new log entry and timestamp",
        EXPIRED,
        &stolen,
    );
    let mut mixed = stolen;
    mixed.tokens.clone_from(&genuine.tokens);
    if good.is_stamped() {
        twins.add(
            "expired stolen key with an unrelated genuine timestamp",
            "timestamp-invalid",
            &mixed,
        );
    }
}

/// Whose log it is.
fn whose(twins: &mut Twins<'_>) {
    let good = twins.good;
    let stranger = good.stranger.log(good.case.log).expect("a log");
    let other = good.again().logged_in(stranger).make();
    twins.add("log that nobody knows", UNKNOWN, &other);
    let past = json!({"start": "2020-01-01T00:00:00Z", "end": "2020-12-31T00:00:00Z"});
    // An entry of the second generation has no time but that of its certificate.
    if good.is_first_generation() || good.has_certificate() {
        twins.root("log whose key was retired before", UNKNOWN, |root| {
            for log in &mut root.tlogs {
                log["publicKey"]["validFor"] = past.clone();
            }
        });
    }
    twins.root("root without logs", UNKNOWN, |root| root.tlogs.clear());
    twins.root("root of a stranger", UNKNOWN, |root| {
        root.tlogs = good.stranger.trusted_root().tlogs;
    });
    let code = if good.is_first_generation() {
        PROMISE
    } else {
        CHECKPOINT
    };
    let renamed = good.edited(|s| {
        let other = if good.is_first_generation() {
            &good.sigstore.rekor_v2
        } else {
            &good.sigstore.rekor
        };
        s.entries[0].log_id = other.id().to_vec();
    });
    twins.add("entry under the name of another log", code, &renamed);
    let cut = good.edited(|s| s.entries[0].log_id.truncate(4));
    twins.add("entry under a name that is no name", UNKNOWN, &cut);
}

/// Signed entry timestamps.
fn promises(twins: &mut Twins<'_>) {
    let good = twins.good;
    twins.defect("bit of the promise flipped", PROMISE, Defect::PromiseForged);
    twins.defect("promise of a stranger", PROMISE, Defect::PromiseOfStranger);
    twins.defect(
        "integrated time that was not promised",
        PROMISE,
        Defect::IntegratedTimeForged,
    );
    let moved = good.edited(|s| s.entries[0].log_index += 1);
    twins.add("index that was not promised", PROMISE, &moved);
    let borrowed = good.edited(|s| {
        s.entries[0].promise = good.again().make().entries[0].promise.clone();
    });
    twins.add("promise of another entry", PROMISE, &borrowed);
    if good.has_certificate() {
        for (name, defect) in [
            ("integrated long after now", Defect::IntegratedInFuture),
            (
                "integrated after the certificate's end",
                Defect::IntegratedTooLate,
            ),
        ] {
            twins.defect(name, EXPIRED, defect);
        }
        let early = good.edited(|s| {
            let entry = &mut s.entries[0];
            entry.integrated_time = entry.integrated_time.map(|time| time - 3600);
            good.log().promise(entry);
        });
        twins.add("integrated before the certificate's start", EXPIRED, &early);
    }
    if good.is_legacy() {
        twins.defect("no promise", PROMISE, Defect::NoPromise);
    } else if good.version() == Some(Version::V01) {
        twins.defect(
            "no promise in version 0.1",
            "log-promise-missing",
            Defect::NoPromise,
        );
    } else if good.is_keyless() && !good.is_stamped() {
        twins.defect("no promise, and no other time", NO_TIME, Defect::NoPromise);
    }
}

fn proofs(twins: &mut Twins<'_>) {
    let good = twins.good;
    let first = good.is_first_generation();
    let proof = |edit: &dyn Fn(&mut Proof)| {
        good.edited(|s| edit(s.entries[0].proof.as_mut().expect("a proof")))
    };
    if good.version() != Some(Version::V01) {
        twins.defect("no proof", NO_PROOF, Defect::NoProof);
    }
    twins.defect("bit of the path flipped", PROOF, Defect::PathForged);
    twins.defect(
        "genuine checkpoint of a larger tree",
        PROOF,
        Defect::ProofOfAnotherSize,
    );
    let short = proof(&|p| {
        p.path.pop();
    });
    twins.add("path without its last hash", PROOF, &short);
    let long = proof(&|p| p.path.push([7; 32]));
    twins.add("path with one hash more", PROOF, &long);
    let turned = proof(&|p| p.path.reverse());
    twins.add("path in the other order", PROOF, &turned);
    if first {
        let moved = proof(&|p| p.log_index -= 1);
        twins.add("proof of another place", PROOF, &moved);
        let outside = proof(&|p| p.log_index = p.size);
        twins.add("proof of a place outside the tree", PROOF, &outside);
        let other = proof(&|p| p.root[0] ^= 1);
        twins.add("root beside another checkpoint", PROOF, &other);
        let size = proof(&|p| p.size += 1);
        twins.add("size beside another checkpoint", PROOF, &size);
    } else {
        let moved = good.edited(|s| s.entries[0].log_index -= 1);
        twins.add("proof of another place", PROOF, &moved);
        let outside = good.edited(|s| s.entries[0].log_index = 11);
        twins.add("proof of a place outside the tree", PROOF, &outside);
        let negative = good.edited(|s| s.entries[0].log_index = -1);
        twins.add("negative index", MALFORMED, &negative);
    }
    let forged = good.edited(|s| {
        // The body of another entry in this entry's place, and the promise for
        // it where there is one.
        let other = good.again().make().entries.remove(0);
        s.entries[0].body = other.body;
        if first {
            good.log().promise(&mut s.entries[0]);
        }
    });
    twins.add("body of another entry", PROOF, &forged);
}

fn checkpoints(twins: &mut Twins<'_>) {
    let good = twins.good;
    let log = good.log();
    let checkpoint = |edit: &dyn Fn(&LogEntry, &Proof) -> String| {
        good.edited(|s| {
            let entry = s.entries[0].clone();
            let proof = s.entries[0].proof.as_mut().expect("a proof");
            proof.checkpoint = Some(edit(&entry, proof));
        })
    };
    twins.defect(
        "checkpoint of the same tree by another log",
        CHECKPOINT,
        Defect::CheckpointOfAnotherLog,
    );
    twins.defect(
        "checkpoint signed by a stranger",
        CHECKPOINT,
        Defect::CheckpointForged,
    );
    twins.defect(
        "checkpoint without a signature",
        CHECKPOINT,
        Defect::CheckpointUnsigned,
    );
    let code = if good.version() == Some(Version::V01) {
        CHECKPOINT
    } else {
        NO_PROOF
    };
    twins.defect("no checkpoint", code, Defect::NoCheckpoint);
    let renamed = checkpoint(&|_, proof| {
        let note = log.note(proof.size, &proof.root);
        let note = note.replacen(&log.host, "log.elsewhere.test", 1);
        format!("{note}\n{}", log.signature_line(&note))
    });
    twins.add("checkpoint of a log of another name", CHECKPOINT, &renamed);
    let witnessed = checkpoint(&|_, proof| {
        let note = log.note(proof.size, &proof.root);
        let witness = &good.sigstore.witness;
        format!(
            "{note}\n{}",
            witness.signature_line(&note, good.sigstore.at)
        )
    });
    twins.add(
        "checkpoint that only a witness signed",
        CHECKPOINT,
        &witnessed,
    );
    let hint = checkpoint(&|_, proof| {
        let note = log.note(proof.size, &proof.root);
        let blob = [&[0; 4][..], &log.key.sign(note.as_bytes())].concat();
        format!("{note}\n\u{2014} {} {}\n", log.host, STANDARD.encode(blob))
    });
    twins.add("checkpoint signed under another key id", CHECKPOINT, &hint);
    let size = checkpoint(&|_, proof| log.checkpoint(proof.size + 1, &proof.root));
    // A log that signs two sizes for one root lies; the proof must still fit.
    twins.add(
        "checkpoint of another size with the same root",
        PROOF,
        &size,
    );
    let root = checkpoint(&|_, proof| log.checkpoint(proof.size, &[7; 32]));
    twins.add("genuine checkpoint of another tree", PROOF, &root);
    let third =
        checkpoint(&|_, proof| format!("{}\nmore\n", log.checkpoint(proof.size, &proof.root)));
    twins.add("third part behind the signatures", CHECKPOINT, &third);
    let text = checkpoint(&|_, _| "checkpoint".to_owned());
    twins.add("checkpoint that is none", CHECKPOINT, &text);
    if good.case.log == Log::V2 {
        // Another log of the same host and generation: the host proves nothing.
        let twin = Arc::new(Rekor::v2(&log.host, log.key.kind, log.valid));
        let body = good.body(&good.signed.content, good.by(&good.signed));
        let entry = twin.enter(&body, good.sigstore.at, Place::default());
        let other = good.edited(|s| {
            s.entries = vec![LogEntry {
                log_id: log.id().to_vec(),
                ..entry
            }];
        });
        twins.add("entry in another log of the same host", CHECKPOINT, &other);
    }
}
