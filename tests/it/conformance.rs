//! The published cases of the Sigstore conformance suite, through the client
//! that the suite itself would call.
//!
//! A case is a folder: what its name ends in says whether it must be refused.
//! The cases are not part of this repository; `FLOE_CONFORMANCE_VECTORS` names
//! the folder that holds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::digest;

/// Cases that floe judges otherwise than the suite, each with the reason. One
/// that agrees after all fails the test, so that the list stays true.
const EXCEPTIONS: &[(&str, &str)] = &[];

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The fewest cases that are worth calling a run: fewer mean a wrong folder.
const FEWEST: usize = 30;

#[test]
#[expect(clippy::print_stdout, reason = "how many agree belongs into the log")]
#[ignore = "needs FLOE_CONFORMANCE_VECTORS; ./test runs it where that is set"]
fn every_published_case_agrees_by_path_and_by_digest() {
    let folder = std::env::var_os("FLOE_CONFORMANCE_VECTORS")
        .expect("FLOE_CONFORMANCE_VECTORS names the folder of the cases");
    let folder = PathBuf::from(folder).join("sigstore-bundle");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.join("bundle.sigstore.json").is_file())
        .collect();
    cases.sort();
    assert!(cases.len() >= FEWEST, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    let mut refused = 0;
    for case in &cases {
        let name = case.file_name().expect("a name").to_string_lossy();
        let expected = !name.ends_with("_fail");
        refused += usize::from(!expected);
        let exception = EXCEPTIONS.iter().find(|(known, _)| *known == name);
        for form in [artifact(case, &folder), digest_of(&artifact(case, &folder))] {
            let (accepted, said) = verify(case, &form);
            match exception {
                None if accepted != expected => {
                    wrong.push(format!("{name} ({form}): accepted: {accepted}\n{said}"));
                }
                Some((_, reason)) if accepted == expected => {
                    wrong.push(format!("{name} agrees, although {reason}"));
                }
                _ => {}
            }
        }
    }
    assert!(
        refused > 0 && refused < cases.len(),
        "only one kind of case"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "conformance: {} cases agree, by path and by digest",
        cases.len()
    );
}

/// What was signed.
fn artifact(case: &Path, folder: &Path) -> String {
    let own = case.join("artifact");
    let path = if own.is_file() {
        own
    } else {
        folder.join("a.txt")
    };
    path.display().to_string()
}

fn digest_of(path: &str) -> String {
    let bytes = fs::read(path).expect("the artifact");
    let hash = digest::digest(&digest::SHA256, &bytes);
    let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Whether the client accepts, and what it said.
fn verify(case: &Path, form: &str) -> (bool, String) {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sigstore-conformance-client");
    let text = |name: &str, default: &str| match fs::read_to_string(case.join(name)) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => default.to_owned(),
    };
    let mut command = Command::new(client);
    command
        .env("FLOE", env!("CARGO_BIN_EXE_floe"))
        .arg("verify-bundle")
        .arg("--bundle")
        .arg(case.join("bundle.sigstore.json"));
    let key = case.join("key.pub");
    if key.is_file() {
        command.arg("--key").arg(key);
    } else {
        command
            .args(["--certificate-identity", &text("identity", IDENTITY)])
            .args(["--certificate-oidc-issuer", &text("issuer", ISSUER)]);
    }
    let root = case.join("trusted_root.json");
    if root.is_file() {
        command.arg("--trusted-root").arg(root);
    }
    let output = command.arg(form).output().expect("the client runs");
    // 0 is yes and 6 is no; anything else is neither and must not pass for one,
    // but for a trust root that cannot be used.
    let code = output.status.code();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        matches!(code, Some(0 | 1 | 6)),
        "{}: {code:?}\n{said}",
        case.display()
    );
    (code == Some(0), said)
}
