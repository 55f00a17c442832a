//! What a log signed: promises, proofs, checkpoints.

use super::*;

const V03: Option<BundleVersion> = Some(BundleVersion::V0_3);
const V01: Option<BundleVersion> = Some(BundleVersion::V0_1);

type Edit = fn(&World, &mut LogEntry);

fn proof(entry: &mut LogEntry) -> &mut InclusionProof {
    entry.proof.as_mut().expect("a proof")
}

fn checkpoint(entry: &mut LogEntry, edit: impl FnOnce(&str) -> String) {
    let text = proof(entry).checkpoint.as_mut().expect("a checkpoint");
    *text = edit(text);
}

/// Signs a changed note again.
fn note(operator: &Operator, entry: &mut LogEntry, edit: impl FnOnce(&str) -> String) {
    checkpoint(entry, |text| {
        let (note, _) = text.split_once("\n\n").expect("two parts");
        let note = edit(&format!("{note}\n"));
        format!("{note}\n{}", operator.line(&note))
    });
}

#[test]
fn entries_of_two_logs_are_two_and_one_entry_that_comes_twice_is_refused() {
    let world = World::new();
    assert_eq!(world.judge_all(vec![world.first(), world.second()]), Ok(2));
    let twice = vec![world.first(), world.second(), world.first()];
    assert_eq!(world.judge_all(twice), Err("log-entry-malformed"));
}

#[test]
fn an_entry_of_each_generation_is_proven_with_what_the_log_signed() {
    let world = World::new();
    let proof = LogProof {
        root: Arc::from("test"),
        log: [1; 32],
        index: 1001,
        integrated: Timestamp::from_second(TAKEN).ok(),
        window: world.root().logs[0].window,
    };
    for bundle in [None, V01, Some(BundleVersion::V0_2), V03] {
        assert_eq!(world.judge(world.first(), bundle), Ok(proof.clone()));
    }
    // Without a promise there is no time, and the index is that in the tree.
    let mut entry = world.first();
    entry.promise = None;
    let unpromised = LogProof {
        index: 1,
        integrated: None,
        ..proof
    };
    assert_eq!(world.judge(entry, V03), Ok(unpromised.clone()));
    let second = LogProof {
        log: [2; 32],
        ..unpromised
    };
    let mut entry = world.second();
    assert_eq!(world.judge(entry.clone(), V03), Ok(second.clone()));
    // Nobody signed that time.
    entry.integrated_time = Some(TAKEN);
    assert_eq!(world.judge(entry, V03), Ok(second));
}

#[test]
fn each_layout_must_have_the_parts_that_it_is_specified_to_have() {
    let world = World::new();
    let without = |promise: bool, proof: bool, checkpoint: bool| {
        let mut entry = world.first();
        entry.promise = entry.promise.filter(|_| promise);
        entry.proof = entry.proof.filter(|_| proof);
        if let Some(proof) = &mut entry.proof {
            proof.checkpoint = proof.checkpoint.take().filter(|_| checkpoint);
        }
        entry
    };
    let code = |entry, bundle| world.judge(entry, bundle).err().unwrap_or("accepted");
    for (bundle, codes) in [
        (
            None,
            ["accepted", "log-promise-missing", "log-checkpoint-invalid"],
        ),
        (
            V01,
            ["accepted", "log-promise-missing", "log-checkpoint-invalid"],
        ),
        (
            Some(BundleVersion::V0_2),
            ["log-proof-missing", "accepted", "log-proof-missing"],
        ),
        (V03, ["log-proof-missing", "accepted", "log-proof-missing"]),
    ] {
        let found = [
            code(without(true, false, false), bundle),
            code(without(false, true, true), bundle),
            code(without(true, true, false), bundle),
        ];
        assert_eq!(found, codes, "{bundle:?}");
        let nothing = code(without(false, false, false), bundle);
        assert!(["log-promise-missing", "log-proof-missing"].contains(&nothing));
        let mut second = world.second();
        second.proof = None;
        assert_eq!(code(second, bundle), "log-proof-missing");
    }
    let mut second = world.second();
    world.v2.promise(&mut second);
    assert_eq!(code(second, V03), "log-promise-invalid");
}

#[test]
fn an_entry_that_could_not_be_read_is_malformed_where_a_log_is_asked_for() {
    let world = World::new();
    let signed = Signed {
        signature: &world.signature,
        stamped: &world.signature,
        payload: Payload::Bytes(&world.payload),
        material: &material(vec![Ok(world.first()), Err("it is short".into())]),
        bundle: None,
    };
    let key = world.signer.public();
    let rejection = verify(&signed, &SignerKey::Managed(&key), &world.root());
    let expected = Rejection::new(RejectionKind::LogEntryMalformed, "it is short");
    assert_eq!(rejection, Err(expected));
}

fn refused(what: fn(&World) -> LogEntry, twins: &[(&str, &str, Edit)]) {
    let world = World::new();
    for (name, code, edit) in twins {
        let mut entry = what(&world);
        edit(&world, &mut entry);
        assert_eq!(world.judge(entry, V03), Err(*code), "{name}");
    }
}

#[test]
fn a_promise_counts_only_as_the_log_made_it_while_its_key_was_trusted() {
    const PROMISE: &str = "log-promise-invalid";
    refused(
        World::first,
        &[
            ("bit flipped", PROMISE, |_, e| {
                e.promise.as_mut().expect("a promise")[9] ^= 1;
            }),
            ("empty", PROMISE, |_, e| e.promise = Some(Vec::new())),
            ("another time", PROMISE, |_, e| {
                e.integrated_time = Some(TAKEN + 1)
            }),
            ("no time", PROMISE, |_, e| e.integrated_time = None),
            ("another index", PROMISE, |_, e| e.index += 1),
            ("another body", PROMISE, |_, e| e.body.push(b' ')),
            ("by another log", PROMISE, |w, e| w.v2.promise(e)),
            ("before the key", "log-unknown", |w, e| {
                e.integrated_time = Some(START - 1);
                w.v1.promise(e);
            }),
            ("after the key", "log-unknown", |w, e| {
                e.integrated_time = Some(END + 1);
                w.v1.promise(e);
            }),
            ("beyond all times", "log-entry-malformed", |w, e| {
                e.integrated_time = Some(i64::MAX);
                w.v1.promise(e);
            }),
            ("log of another name", PROMISE, |_, e| {
                e.log_id = vec![2; 32]
            }),
            ("log of no name", "log-unknown", |_, e| {
                e.log_id = vec![3; 32]
            }),
            ("log of half a name", "log-unknown", |_, e| {
                e.log_id.truncate(4)
            }),
        ],
    );
}

#[test]
fn a_proof_of_rekor_v1_counts_only_for_the_tree_of_its_checkpoint() {
    const PROOF: &str = "log-proof-invalid";
    refused(
        World::first,
        &[
            ("hash flipped", PROOF, |_, e| proof(e).hashes[1][0] ^= 1),
            ("hash less", PROOF, |_, e| proof(e).hashes.truncate(1)),
            ("hash more", PROOF, |_, e| proof(e).hashes.push([0; 32])),
            ("another place", PROOF, |_, e| proof(e).index = 0),
            ("outside the tree", PROOF, |_, e| proof(e).index = 3),
            ("another size", PROOF, |_, e| proof(e).tree_size = 4),
            ("no size", PROOF, |_, e| proof(e).tree_size = 0),
            ("another root", PROOF, |_, e| proof(e).root_hash[0] ^= 1),
            ("no root", PROOF, |_, e| proof(e).root_hash.clear()),
            ("checkpoint of another tree", PROOF, |w, e| {
                proof(e).checkpoint = Some(w.v1.checkpoint(3, &[7; 32]));
            }),
            ("tree without leaves", PROOF, |w, e| {
                proof(e).checkpoint = Some(w.v1.checkpoint(0, &[7; 32]));
                proof(e).tree_size = 0;
                proof(e).root_hash = vec![7; 32];
            }),
            ("another leaf", PROOF, |w, e| {
                e.body.push(b' ');
                w.v1.promise(e);
            }),
        ],
    );
}

#[test]
fn place_and_size_of_rekor_v2_come_from_the_entry_and_the_checkpoint() {
    const PROOF: &str = "log-proof-invalid";
    let world = World::new();
    let mut entry = world.second();
    // Copies that nobody signed.
    proof(&mut entry).index = 7;
    proof(&mut entry).tree_size = 0;
    assert!(world.judge(entry, V03).is_ok());
    refused(
        World::second,
        &[
            ("another place", PROOF, |_, e| e.index = 0),
            ("outside the tree", PROOF, |_, e| e.index = 3),
            ("another size", PROOF, |_, e| proof(e).tree_size = 4),
            ("another root", PROOF, |_, e| proof(e).root_hash[0] ^= 1),
            ("root of another form", PROOF, |_, e| {
                proof(e).root_hash = vec![0; 72]
            }),
            ("hash flipped", PROOF, |_, e| proof(e).hashes[0][0] ^= 1),
            ("another leaf", PROOF, |_, e| e.body.push(b' ')),
            ("larger tree", PROOF, |w, e| {
                proof(e).checkpoint = Some(w.v2.checkpoint(5, &proof(e).root_hash.clone()));
                proof(e).tree_size = 5;
            }),
        ],
    );
}

#[test]
fn a_checkpoint_counts_only_if_the_log_of_the_entry_signed_it() {
    const CHECKPOINT: &str = "log-checkpoint-invalid";
    refused(
        World::second,
        &[
            ("bit flipped", CHECKPOINT, |_, e| {
                checkpoint(e, |text| {
                    let (head, line) = text.rsplit_once(' ').expect("a line");
                    let mut bytes = STANDARD.decode(line.trim()).expect("base64");
                    bytes[20] ^= 1;
                    format!("{head} {}\n", STANDARD.encode(bytes))
                });
            }),
            ("by another log under this name", CHECKPOINT, |w, e| {
                let other = Operator::new(Key::ed25519(), 2, &w.v2.log.origin, Generation::V2);
                note(&other, e, str::to_owned);
            }),
            ("under another key id", CHECKPOINT, |w, e| {
                checkpoint(e, |text| {
                    let (note, _) = text.split_once("\n\n").expect("two parts");
                    let signed = format!("{note}\n");
                    let bytes = [&[9; 4][..], &w.v2.key.sign(signed.as_bytes())].concat();
                    let line = format!("{} {}", w.v2.log.origin, STANDARD.encode(bytes));
                    format!("{note}\n\n\u{2014} {line}\n")
                });
            }),
            ("of another log of the root", CHECKPOINT, |w, e| {
                let root = proof(e).root_hash.clone();
                proof(e).checkpoint = Some(w.v1.checkpoint(3, &root));
            }),
            ("of another origin", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| n.replace("log.example", "log.elsewhere"));
            }),
            ("of a tree of Rekor v1", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| n.replacen('\n', " - 42\n", 1));
            }),
            ("signed by another name", CHECKPOINT, |_, e| {
                checkpoint(e, |text| text.replace("\u{2014} log", "\u{2014} lag"));
            }),
            ("no checkpoint at all", CHECKPOINT, |_, e| {
                checkpoint(e, |_| "checkpoint".into());
            }),
        ],
    );
    refused(
        World::first,
        &[
            ("without a tree", CHECKPOINT, |w, e| {
                note(&w.v1, e, |n| n.replacen(" - 42", "", 1));
            }),
            ("with a tree that is no number", CHECKPOINT, |w, e| {
                note(&w.v1, e, |n| n.replacen(" - 42", " - x", 1));
            }),
            ("of another host", CHECKPOINT, |w, e| {
                note(&w.v1, e, |n| n.replacen("rekor", "ricor", 1));
            }),
        ],
    );
}

#[test]
fn a_checkpoint_has_one_spelling_even_if_the_log_signed_another() {
    const CHECKPOINT: &str = "log-checkpoint-invalid";
    refused(
        World::second,
        &[
            ("number with a sign", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| n.replace("\n3\n", "\n+3\n"));
            }),
            ("number with a zero", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| n.replace("\n3\n", "\n03\n"));
            }),
            ("line with a space", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| n.replace("\n3\n", "\n3 \n"));
            }),
            ("line with a return", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| n.replace("\n3\n", "\n3\r\n"));
            }),
            ("no root hash", CHECKPOINT, |w, e| {
                note(&w.v2, e, |n| {
                    let lines: Vec<_> = n.lines().take(2).collect();
                    format!("{}\n", lines.join("\n"))
                });
            }),
            ("third part", CHECKPOINT, |_, e| {
                checkpoint(e, |text| format!("{text}\nmore\n"));
            }),
            ("no line end", CHECKPOINT, |_, e| {
                checkpoint(e, |text| text.trim_end().into());
            }),
            ("line that is no signature", CHECKPOINT, |_, e| {
                checkpoint(e, |text| format!("{text}more\n"));
            }),
            ("signature of four words", CHECKPOINT, |_, e| {
                checkpoint(e, |text| format!("{} x\n", text.trim_end()));
            }),
            ("hyphen for the dash", CHECKPOINT, |_, e| {
                checkpoint(e, |text| text.replace('\u{2014}', "-"));
            }),
            ("too many signatures", CHECKPOINT, |_, e| {
                checkpoint(e, |text| {
                    let line = text.lines().last().expect("a line").to_owned();
                    format!("{text}{}", format!("{line}\n").repeat(32))
                });
            }),
        ],
    );
}

#[test]
fn other_signatures_of_a_checkpoint_neither_count_nor_hinder() {
    let world = World::new();
    let with = |before: String, after: String| {
        let mut entry = world.second();
        checkpoint(&mut entry, |text| {
            let (note, line) = text.split_once("\n\n").expect("two parts");
            format!("{note}\n\n{before}{line}{after}")
        });
        world.judge(entry, V03)
    };
    let line = |name: &str, bytes: &[u8]| format!("\u{2014} {name} {}\n", STANDARD.encode(bytes));
    let witness = line("witness.example.test", &[7; 76]);
    // Another key whose id begins alike, as C2SP says that they may.
    let collision = line("log.example.test", &[&[2; 4][..], &[0; 64]].concat());
    assert!(with(witness.clone(), collision.clone()).is_ok());
    assert!(with(collision, witness).is_ok());
}

#[test]
fn a_log_is_called_by_its_host_with_or_without_the_port() {
    for (origin, name, called) in [
        ("log.example.test:8000", "log.example.test:8000", true),
        ("log.example.test:8000", "log.example.test", true),
        ("log.example.test/path", "log.example.test/path", true),
        ("log.example.test/path", "log.example.test", true),
        ("log.example.test", "log.example.test:8000", false),
        ("log.example.test", "example.test", false),
        ("log.example.test", "", false),
    ] {
        let mut world = World::new();
        world.v2.log.origin = name.into();
        let entry = world.second();
        world.v2.log.origin = origin.into();
        let expected = if called {
            "accepted"
        } else {
            "log-checkpoint-invalid"
        };
        let found = world.judge(entry, V03).err().unwrap_or("accepted");
        assert_eq!(found, expected, "{origin} {name}");
    }
}
