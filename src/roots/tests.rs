use rcgen::{KeyPair, PublicKeyData};

use super::*;
use crate::trust::{MaterialErrorKind, PUBLIC_GOOD};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn found(reference: &MaterialRef, configured: &Configured) -> Result<Material, MaterialError> {
    let materials = read(std::slice::from_ref(reference), configured, NOW);
    materials.get(reference).expect("was asked for").clone()
}

fn why(reference: &MaterialRef, configured: &Configured) -> String {
    let error = found(reference, configured).expect_err("not there");
    assert_eq!(error.kind, MaterialErrorKind::Unavailable);
    error.why
}

fn why_no_key(path: &Path) -> String {
    let reference = MaterialRef::File(path.display().to_string());
    why(&reference, &Configured::default())
}

fn why_no_root(path: &Path) -> String {
    let reference = MaterialRef::RootPath(path.display().to_string());
    why(&reference, &Configured::default())
}

#[test]
fn a_key_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = KeyPair::generate().expect("a key");
    let path = folder.path().join("ci.pub");
    std::fs::write(&path, pair.public_key_pem()).expect("written");
    let reference = MaterialRef::File(path.display().to_string());
    let material = found(&reference, &Configured::default()).expect("a key");
    let expected = PublicKey::from_spki(&pair.subject_public_key_info()).expect("a key");
    assert_eq!(material, Material::Key(expected));
}

#[test]
fn what_is_no_key_is_named_without_being_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ci.pub");
    assert!(why_no_key(&path).ends_with("ci.pub: there is no such file"));
    assert!(why_no_key(folder.path()).ends_with("is not a file"));
    std::fs::write(&path, "canary-7f3a").expect("written");
    assert!(why_no_key(&path).contains("not a PEM public key"));
    assert!(!why_no_key(&path).contains("canary"));
    std::fs::write(&path, vec![b'a'; 64 * 1024 + 1]).expect("written");
    assert!(why_no_key(&path).ends_with("is larger than 65536 bytes, so it is no key"));
    std::fs::write(&path, [0xff, 0xfe]).expect("written");
    assert!(why_no_key(&path).ends_with("is not text, so it is no key"));
    let private = KeyPair::generate().expect("a key").serialize_pem();
    std::fs::write(&path, &private).expect("written");
    let line = private.lines().nth(1).expect("a line of it");
    assert!(why_no_key(&path).contains("this is a private key"));
    assert!(!why_no_key(&path).contains(line));
}

#[test]
fn an_environment_variable_that_is_not_set_is_said() {
    let configured = Configured::default();
    let name = "FLOE_TEST_NO_SUCH_VARIABLE".to_owned();
    for reference in [
        MaterialRef::Env(name.clone()),
        MaterialRef::CertificatesEnv(name),
    ] {
        assert_eq!(
            why(&reference, &configured),
            "environment variable FLOE_TEST_NO_SUCH_VARIABLE: is not set"
        );
    }
}

#[test]
fn what_is_no_trust_root_is_named_without_being_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root");
    assert!(why_no_root(&path).ends_with("root: there is no such file"));
    std::fs::write(&path, "canary-7f3a").expect("written");
    assert!(
        why_no_root(&path)
            .ends_with("root: is neither a trusted root (JSON) nor certificates (PEM)")
    );
    for text in [
        "{\"canary\": 1}",
        "{canary",
        "-----BEGIN CANARY-----\ncanary\n",
    ] {
        std::fs::write(&path, text).expect("written");
        let why = why_no_root(&path);
        assert!(!why.contains("canary"), "{why}");
    }
    std::fs::write(&path, vec![b'{'; 1024 * 1024 + 1]).expect("written");
    assert!(why_no_root(&path).ends_with("is larger than 1048576 bytes, so it is no trust root"));
    std::fs::remove_file(&path).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    assert!(why_no_root(&path).ends_with("root: is not a file"));
}

#[test]
fn a_folder_is_one_root_and_never_two_of_which_one_does_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    assert!(why_no_root(folder.path()).ends_with(
        "the folder has neither trusted_root.json nor a file that ends in .pem or .crt"
    ));
    // Neither of these is a root, and a mounted ConfigMap has the last one.
    write("README", "what this is");
    write("signing_config.v0.2.json", "{}");
    write(".hidden.pem", "x");
    assert!(why_no_root(folder.path()).contains("the folder has neither"));
    write("trusted_root.json", "{}");
    assert!(why_no_root(folder.path()).contains("trusted_root.json: "));
    write("ca.pem", "canary");
    assert!(why_no_root(folder.path()).ends_with(
        "the folder has trusted_root.json and certificates; remove the one or the other"
    ));
    std::fs::remove_file(folder.path().join("trusted_root.json")).expect("removed");
    assert!(why_no_root(folder.path()).ends_with("ca.pem: is not a PEM certificate"));
    std::fs::remove_file(folder.path().join("ca.pem")).expect("removed");
    std::fs::create_dir(folder.path().join("more.pem")).expect("made");
    assert!(why_no_root(folder.path()).ends_with("more.pem: is not a file"));
}

#[test]
fn a_name_that_nobody_configured_is_told_with_those_that_there_are() {
    let configured = Configured::default()
        .with_path("staging", "/nowhere/staging.json")
        .expect("a name");
    assert_eq!(
        why(&MaterialRef::Root("corp".to_owned()), &configured),
        "trust root corp: no root of this name is configured; there are public-good, staging"
    );
    assert_eq!(
        why(&MaterialRef::Root("staging".to_owned()), &configured),
        "trust root staging: /nowhere/staging.json: there is no such file"
    );
}

#[test]
fn a_path_under_the_name_of_the_embedded_root_replaces_it() {
    let configured = Configured::default()
        .with_argument("/nowhere/a=b.json")
        .expect("a path");
    assert_eq!(
        why(&MaterialRef::Root(PUBLIC_GOOD.to_owned()), &configured),
        "trust root public-good: /nowhere/a=b.json: there is no such file"
    );
    assert_eq!(
        configured
            .with_argument("public-good=/else")
            .expect_err("twice"),
        ConfiguredError::Twice("public-good".to_owned())
    );
}

#[test]
fn names_of_roots_are_plain() {
    for name in [
        "",
        "-a",
        "a-",
        "Corp",
        "a b",
        "a.b",
        "a/b",
        "ä",
        &"a".repeat(64),
    ] {
        assert_eq!(
            Configured::default()
                .with_path(name, "x")
                .expect_err("no name"),
            ConfiguredError::Name(name.to_owned())
        );
    }
    for name in ["a", "corp-2", &"a".repeat(63)] {
        assert!(Configured::is_name(name));
    }
}
