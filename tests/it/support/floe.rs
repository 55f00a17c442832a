//! The real binary, run in a folder of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::authority::{Image, Key, KeyKind, RepositoryContents};

/// A folder with an image layout, a key and a policy, and the binary to run in
/// it.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
    pub(crate) key: Key,
    pub(crate) signed: Image,
    pub(crate) unsigned: Image,
}

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workshop {
    /// `layout/` with one image signed by `key.pub` and one unsigned, tagged
    /// `signed` and `unsigned`; `policy.yaml` demands that key of everything.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = Key::generate(KeyKind::P256);
        let mut contents = RepositoryContents::new();
        let signed = contents.image("signed");
        let unsigned = contents.image("unsigned");
        contents.sign_bundle(&signed, &key);
        let workshop = Self {
            folder,
            key,
            signed,
            unsigned,
        };
        contents.write_layout(&workshop.path("layout"));
        workshop.write("key.pub", &workshop.key.pem());
        workshop.write("policy.yaml", &policy("release", "enforce"));
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders it needs.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The reference of the signed image.
    pub(crate) fn good(&self) -> String {
        format!("registry.example.com/app@{}", self.signed.digest)
    }

    /// The reference of the unsigned image.
    pub(crate) fn bad(&self) -> String {
        format!("registry.example.com/app@{}", self.unsigned.digest)
    }

    /// Runs `floe` with these words, `input` on its standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &str) -> Run {
        run(self.command(words), input)
    }

    /// Runs `floe` with these words.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_with(words, "")
    }

    /// `floe verify WORDS --layout layout --policy policy.yaml`.
    pub(crate) fn verify(&self, words: &[&str]) -> Run {
        let all = [
            &["verify"],
            words,
            &["--layout", "layout", "--policy", "policy.yaml"],
        ];
        self.run(&all.concat())
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = floe(self.folder.path());
        command.args(words);
        command
    }
}

/// The binary, in `folder`, with nothing of the tester's environment that
/// matters.
pub(crate) fn floe(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("DOCKER_CONFIG")
        .env_remove("NO_COLOR");
    command
}

pub(crate) fn run(mut command: Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // Whoever does not read its input closes it; that is no failure.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes());
    Run::of(child.wait_with_output().expect("ended"))
}

/// A policy about everything that demands `key.pub`.
pub(crate) fn policy(name: &str, enforcement: &str) -> String {
    format!(
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: {{ name: {name} }}\nspec:\n  \
         match: {{}}\n  enforcement: {enforcement}\n  authorities:\n    - name: release-key\n      \
         key: {{ file: key.pub }}\n"
    )
}

impl Run {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The codes of all findings in the JSON report, of policies and of none,
    /// notes left out.
    pub(crate) fn codes(&self) -> Vec<String> {
        self.codes_of(|kind| kind != "note")
    }

    /// The codes of all notes in the JSON report.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.codes_of(|kind| kind == "note")
    }

    fn codes_of(&self, of: impl Fn(&Value) -> bool) -> Vec<String> {
        let report = self.json();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut codes = Vec::new();
        for image in list(&report["images"]) {
            let of_policies = list(&image["policies"])
                .into_iter()
                .flat_map(|policy| list(&policy["findings"]));
            for finding in list(&image["findings"]).into_iter().chain(of_policies) {
                if of(&finding["kind"]) {
                    codes.push(finding["code"].as_str().expect("a code").to_owned());
                }
            }
        }
        for object in list(&report["uncovered"])
            .iter()
            .filter(|_| of(&Value::Null))
        {
            codes.push(object["code"].as_str().expect("a code").to_owned());
        }
        codes.sort();
        codes.dedup();
        codes
    }
}
