//! What is at the other ends: registries, readers, the webhook, other names.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use super::pod;
use crate::support::floe::{Workshop, policy, run};

#[test]
fn a_run_over_a_layout_asks_no_registry() {
    let workshop = Workshop::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address");
    let reference = format!("{host}/app@{}", workshop.unsigned.digest);
    for words in [&["--offline"] as &[&str], &[]] {
        let run = workshop.verify(&[&[reference.as_str()], words].concat());
        assert_eq!(run.code, 6, "{run:?}");
    }
    listener.set_nonblocking(true).expect("a socket");
    let error = listener.accept().expect_err("nobody has called");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_registry_that_is_not_there_or_does_not_let_us_in_is_5() {
    let workshop = Workshop::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address");
    let reference = format!("{host}/app@{}", workshop.signed.digest);
    let words = ["verify", &reference, "--key", "key.pub", "--output", "json"];
    let forbidding = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 4096];
            // The last connection comes from the test and says nothing.
            if stream.read(&mut head).expect("a request") == 0 {
                return;
            }
            let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            // Whoever has left does not want it.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let run = workshop.run(&words);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["registry-access-denied".into()]),
        "{run:?}"
    );
    drop(TcpStream::connect(host).expect("a connection"));
    forbidding.join().expect("ended");
    let run = workshop.run(&words);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["registry-unreachable".into()])
    );
}

#[test]
fn a_webhook_that_cannot_start_says_everything_that_is_wrong() {
    let workshop = Workshop::new();
    workshop.write(
        "bad/a.yaml",
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: a }\nspec: { match: {}, tags: resolve }\n",
    );
    workshop.write("bad/b.yaml", "kind: Nonsense\n");
    workshop.write("empty/readme.txt", "nothing");
    workshop.write(
        "settings.yaml",
        "apiVersion: floe.dev/v1\nkind: Settings\nnonsense: 1\n",
    );
    for (words, code, parts) in [
        (&["webhook"] as &[&str], 64, &["--policies PATH"] as &[&str]),
        (
            &["webhook", "--policies", "policy.yaml", "--tls-cert", "x"],
            64,
            &["--tls-key"],
        ),
        (
            &["webhook", "--policies", "bad"],
            1,
            &["a.yaml", "spec.tags", "b.yaml", "kind"],
        ),
        (
            &["webhook", "--policies", "empty"],
            1,
            &["empty has no policy"],
        ),
        (
            &["webhook", "--config", "settings.yaml"],
            1,
            &["settings.yaml", "nonsense"],
        ),
        (
            &[
                "webhook",
                "--policies",
                "policy.yaml",
                "--listen",
                "127.0.0.1:0",
                "--tls-cert",
                "gone.pem",
                "--tls-key",
                "gone.key",
            ],
            1,
            &["gone.pem"],
        ),
    ] {
        let run = workshop.run(words);
        assert_eq!(run.code, code, "{words:?}: {run:?}");
        for part in parts {
            assert!(run.err.contains(part), "{part}: {run:?}");
        }
    }
}

#[test]
fn a_webhook_serves_until_it_is_asked_to_stop() {
    let workshop = Workshop::new();
    let child = webhook(&workshop, "serving");
    let authority = std::fs::read_to_string(workshop.path("ca.pem")).expect("an authority");
    assert!(authority.contains("BEGIN CERTIFICATE"));
    assert_eq!(stopped(child), Some(0));
}

#[test]
fn a_webhook_says_in_its_log_which_key_it_cannot_have() {
    let workshop = Workshop::new();
    std::fs::remove_file(workshop.path("key.pub")).expect("removed");
    let child = webhook(&workshop, "key.pub: there is no such file");
    assert_eq!(stopped(child), Some(0));
}

/// Starts a webhook and waits until its log says `text`.
fn webhook(workshop: &Workshop, text: &str) -> std::process::Child {
    let mut child = workshop
        .command(&[
            "webhook",
            "--policies",
            "policy.yaml",
            "--listen",
            "127.0.0.1:0",
            "--ca-out",
            "ca.pem",
            "--log-file",
            "floe.log",
        ])
        .spawn()
        .expect("started");
    let log = workshop.path("floe.log");
    while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text)) {
        assert!(child.try_wait().expect("known").is_none(), "it ended");
        std::thread::yield_now();
    }
    child
}

/// Asks a webhook to stop, and gives its exit code.
fn stopped(mut child: std::process::Child) -> Option<i32> {
    let asked = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("a signal");
    assert!(asked.success());
    child.wait().expect("ended").code()
}

#[test]
fn a_policy_is_checked_with_every_problem_listed() {
    let workshop = Workshop::new();
    let run = workshop.run(&["policy", "check", "policy.yaml"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.ends_with("1 policy compiles\n"), "{run:?}");
    assert!(
        run.out.contains("a signature names no repository"),
        "{run:?}"
    );
    let signer = workshop
        .verify(&[&workshop.good(), "--output", "json"])
        .json();
    let signer = &signer["images"][0]["policies"][0]["signers"][0]["signer"];
    let signer = signer.as_str().expect("who signed");
    let accepted =
        format!("release (enforce): a digest, and signatures by\n  release-key: {signer}\n");
    assert!(run.out.contains(&accepted), "{accepted}: {run:?}");
    let twice = policy("twice", "enforce") + "    - name: again\n      key: { file: key.pub }\n";
    workshop.write("twice.yaml", &twice);
    let run = workshop.run(&["policy", "check", "twice.yaml"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("twice: "), "{run:?}");
    std::fs::remove_file(workshop.path("key.pub")).expect("removed");
    let run = workshop.run(&["policy", "check", "policy.yaml"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("warning: file "), "{run:?}");
    assert!(run.out.contains("release-key: no key"), "{run:?}");
    workshop.write(
        "bad.yaml",
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: x }\n\
         spec: { match: {}, tags: resolve, enforcement: maybe, promotedTo: {} }\n",
    );
    let run = workshop.run(&["policy", "check", "bad.yaml"]);
    assert_eq!(run.code, 1, "{run:?}");
    for part in ["spec.tags", "spec.enforcement", "spec.promotedTo"] {
        assert!(run.err.contains(part), "{part}: {run:?}");
    }
}

#[test]
fn a_policy_that_covers_more_and_asks_for_less_is_a_warning() {
    let workshop = Workshop::new();
    let narrow = policy("payments", "enforce").replace(
        "match: {}",
        "match: { images: [\"registry.example.com/pay/**\"] }",
    );
    let broad = "---\napiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: base }\n\
                 spec: { match: {}, level: unverified }\n";
    workshop.write("both.yaml", &format!("{narrow}{broad}"));
    let run = workshop.run(&["policy", "check", "both.yaml"]);
    assert_eq!(run.code, 0, "{run:?}");
    let warning = "warning: policy base covers all that payments does and more, and asks for no \
                   signature as payments does";
    assert!(run.out.contains(warning), "{run:?}");
    workshop.write(
        "both.yaml",
        &format!("{narrow}{}", broad.replace("{}", "{ channels: [dev] }")),
    );
    let run = workshop.run(&["policy", "check", "both.yaml"]);
    assert!(!run.out.contains("warning"), "{run:?}");
}

#[test]
fn a_reader_that_goes_away_changes_neither_the_answer_nor_the_exit_code() {
    let workshop = Workshop::new();
    // More than a pipe holds, so that writing must fail.
    let images: Vec<_> = (0..400)
        .map(|n| format!("registry.example.com/app-{n}@{}", workshop.unsigned.digest))
        .collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    workshop.write("pod.json", &pod("web", &images));
    let mut child = workshop
        .command(&[
            "verify",
            "-f",
            "pod.json",
            "--layout",
            "layout",
            "--policy",
            "policy.yaml",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let mut err = String::new();
    let mut stream = child.stderr.take().expect("piped");
    stream.read_to_string(&mut err).expect("text");
    let status = child.wait().expect("ended");
    assert_eq!((status.code(), err.as_str()), (Some(6), ""));
}

#[test]
fn the_binary_answers_to_its_other_names() {
    let workshop = Workshop::new();
    let folder = workshop.path("bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, words) in [
        ("floe-verify", &[] as &[&str]),
        ("kubectl-floe", &["verify"]),
    ] {
        let link = folder.join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_floe"), &link).expect("a link");
        let mut command = std::process::Command::new(&link);
        command.current_dir(workshop.path(".")).args(words).args([
            &workshop.good(),
            "--key",
            "key.pub",
            "--layout",
            "layout",
        ]);
        let answer = run(command, "");
        assert_eq!(answer.code, 0, "{name}: {answer:?}");
        let mut command = std::process::Command::new(&link);
        command.args(words).arg("--help");
        let help = run(command, "").out;
        let typed = if words.is_empty() {
            "Usage: floe verify [OPTIONS]"
        } else {
            "Usage: kubectl floe verify [OPTIONS]"
        };
        assert!(help.contains(typed), "{help}");
    }
}
