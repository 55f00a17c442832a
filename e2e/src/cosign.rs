//! cosign 2 and cosign 3, kept away from every public service.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use crate::{cluster::part, object::fresh_name, registry::Image, scratch::Scratch};

/// cosign's private keys are files encrypted with a password; this one guards
/// nothing.
const PASSWORD: &str = "for tests only";

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

/// A key pair made by cosign.
#[derive(Debug)]
pub struct KeyPair {
    private: PathBuf,
    public: PathBuf,
}

impl KeyPair {
    /// A new pair.
    ///
    /// # Panics
    ///
    /// cosign cannot make it.
    pub fn generate() -> Self {
        let stem = fresh_name("key");
        run(cosign("cosign2").current_dir(SCRATCH.path()).args([
            "generate-key-pair",
            "--output-key-prefix",
            &stem,
        ]));
        let file = |extension| SCRATCH.path().join(format!("{stem}.{extension}"));
        Self {
            private: file("key"),
            public: file("pub"),
        }
    }

    /// The key that the tests' policies accept.
    pub fn trusted() -> &'static Self {
        static TRUSTED: LazyLock<KeyPair> = LazyLock::new(KeyPair::generate);
        &TRUSTED
    }

    /// A key that no policy names.
    pub fn unknown() -> &'static Self {
        static UNKNOWN: LazyLock<KeyPair> = LazyLock::new(KeyPair::generate);
        &UNKNOWN
    }

    /// The public key's file.
    pub fn public_file(&self) -> &Path {
        &self.public
    }

    /// The public key, PEM.
    ///
    /// # Panics
    ///
    /// The file is gone.
    pub fn public_pem(&self) -> String {
        fs::read_to_string(&self.public).expect("cosign wrote the file")
    }
}

/// How an image is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// cosign 2: simple signing under the tag `sha256-….sig`.
    SignatureTag,
    /// cosign 3: a Sigstore bundle as a referrer.
    Bundle,
}

/// Where cosign puts signatures and what it signs, other than by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Placing<'a> {
    /// The repository that is to hold the signatures.
    pub repository: Option<&'a str>,
    /// What the tags of signatures begin with; cosign 2 alone knows this.
    pub tag_prefix: Option<&'a str>,
    /// Whether the images of an index are signed too.
    pub recursive: bool,
}

/// Signs an image by digest, without transparency log or timestamp.
///
/// # Panics
///
/// cosign refuses.
pub fn sign(layout: Layout, key: &KeyPair, image: &Image) {
    sign_placed(layout, key, image, Placing::default());
}

/// The same, placed otherwise.
///
/// # Panics
///
/// cosign refuses.
pub fn sign_placed(layout: Layout, key: &KeyPair, image: &Image, placing: Placing<'_>) {
    let mut command = match layout {
        Layout::SignatureTag => {
            let mut command = cosign("cosign2");
            command.args(["sign", "--tlog-upload=false"]);
            command
        }
        Layout::Bundle => {
            let mut command = cosign("cosign3");
            command.arg("sign");
            without_services(&mut command);
            command
        }
    };
    if let Some(repository) = placing.repository {
        command.env("COSIGN_REPOSITORY", repository);
    }
    if let Some(prefix) = placing.tag_prefix {
        command.args(["--attachment-tag-prefix", prefix]);
    }
    if placing.recursive {
        command.arg("--recursive");
    }
    run(command
        .arg("--key")
        .arg(&key.private)
        .arg("-y")
        .arg(image.pinned()));
}

/// Whether cosign itself accepts the image's signature in this layout.
///
/// # Panics
///
/// cosign cannot be started.
pub fn verifies(layout: Layout, key: &KeyPair, image: &Image) -> bool {
    let mut command = match layout {
        Layout::SignatureTag => cosign("cosign2"),
        Layout::Bundle => cosign("cosign3"),
    };
    command.args(["verify", "--insecure-ignore-tlog"]);
    if layout == Layout::Bundle {
        command.arg("--trusted-root").arg(&empty_services().1);
    }
    let output = command
        .arg("--key")
        .arg(&key.public)
        .arg(image.pinned())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    output.status.success()
}

/// Attaches an SBOM to an image as an attestation in a bundle, and nothing else.
///
/// # Panics
///
/// cosign refuses.
pub fn attest_sbom(key: &KeyPair, image: &Image) {
    let sbom = SCRATCH.write(
        &fresh_name("sbom"),
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}"#,
    );
    let mut command = cosign("cosign3");
    command
        .args(["attest", "--type", "cyclonedx", "--predicate"])
        .arg(sbom);
    without_services(&mut command);
    run(command
        .arg("--key")
        .arg(&key.private)
        .arg("-y")
        .arg(image.pinned()));
}

/// Keeps cosign 3 from fetching the configuration of the public service.
fn without_services(command: &mut Command) {
    let (config, root) = empty_services();
    command
        .arg("--signing-config")
        .arg(config)
        .arg("--trusted-root")
        .arg(root);
}

/// An empty signing configuration and an empty trusted root.
fn empty_services() -> &'static (PathBuf, PathBuf) {
    static EMPTY: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
        let config = SCRATCH.path().join("signing-config.json");
        let root = SCRATCH.path().join("trusted-root.json");
        run(cosign("cosign3")
            .args(["signing-config", "create", "--out"])
            .arg(&config));
        run(cosign("cosign3")
            .args(["trusted-root", "create", "--out"])
            .arg(&root));
        (config, root)
    });
    &EMPTY
}

pub(crate) fn cosign(name: &str) -> Command {
    let mut command = Command::new(part(name));
    isolate(&mut command);
    command.env("COSIGN_PASSWORD", PASSWORD);
    command
}

/// Copies a manifest and what it refers to with `crane`, as anybody who may
/// push could.
///
/// # Panics
///
/// crane refuses.
pub fn crane_copy(from: &str, to: &str) {
    let mut command = Command::new(part("crane"));
    isolate(&mut command);
    run(command.args(["copy", from, to]));
}

/// Puts images of one repository into a new index under a tag of it with
/// `crane`.
///
/// # Panics
///
/// crane refuses, or the images are of several repositories.
pub fn crane_index(images: &[&Image]) -> Image {
    let first = images.first().expect("an index of something");
    let same = images.iter().all(|image| image.name == first.name);
    assert!(same, "{images:?}");
    let mut index = Image {
        tag: fresh_name("index"),
        ..(*first).clone()
    };
    let mut command = Command::new(part("crane"));
    isolate(&mut command);
    command.args(["index", "append", "--tag", &index.tagged()]);
    for image in images {
        command.args(["--manifest", &image.pinned()]);
    }
    let said = output(&mut command);
    let (_, digest) = said
        .trim()
        .rsplit_once('@')
        .unwrap_or_else(|| panic!("crane names the digest: {said}"));
    digest.clone_into(&mut index.digest);
    index
}

/// No state of the user, and a dead proxy: a forgotten flag fails at once
/// instead of calling a public service. Loopback is never proxied.
fn isolate(command: &mut Command) {
    command
        .env("HOME", SCRATCH.path())
        .env("TUF_ROOT", SCRATCH.path().join("tuf"))
        .env("DOCKER_CONFIG", SCRATCH.path().join("docker"))
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1");
}

#[track_caller]
pub(crate) fn run(command: &mut Command) {
    output(command);
}

/// What it writes to its standard output.
#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether cosign 3 takes this TUF repository for what it says, beginning with
/// this root; what it learns it keeps in `state`.
///
/// # Errors
///
/// It does not; the error is what it said.
///
/// # Panics
///
/// cosign cannot be started.
pub fn initialize(state: &Path, mirror: &str, anchor: &Path) -> Result<(), String> {
    let mut command = cosign("cosign3");
    command
        .args(["initialize", "--mirror", mirror, "--root"])
        .arg(anchor)
        .env("TUF_ROOT", state)
        .stdin(Stdio::null());
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
