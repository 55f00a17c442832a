//! Roots in files, folders and environment variables: each that is read, beside
//! those that are not.

use floe::trust::RootError;

use super::*;

fn read(reference: &MaterialRef) -> Result<Arc<TrustRoot>, String> {
    let configured = Configured::default();
    let materials = roots::read(std::slice::from_ref(reference), &configured, now());
    match materials.get(reference).expect("was asked for") {
        Ok(Material::Root(root)) => Ok(Arc::clone(root)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert_eq!(error.kind, MaterialErrorKind::Unavailable);
            Err(error.why.clone())
        }
    }
}

/// The same root, read under the name of this path.
fn expected(
    read: fn(&str, &str) -> Result<TrustRoot, RootError>,
    path: &Path,
    text: &str,
) -> TrustRoot {
    read(&path.display().to_string(), text).expect("a root")
}

fn root_path(path: &Path) -> MaterialRef {
    MaterialRef::RootPath(path.display().to_string())
}

#[test]
fn a_file_is_read_by_its_content_whatever_it_is_called() {
    let sigstore = Sigstore::new(now());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.txt");
    let json = sigstore.trusted_root().text();
    std::fs::write(&path, &json).expect("written");
    let root = read(&root_path(&path)).expect("a root");
    assert_eq!(*root, expected(TrustRoot::from_json, &path, &json));
    let pem = sigstore.ca.chain_pem();
    std::fs::write(&path, &pem).expect("written");
    let root = read(&root_path(&path)).expect("a root");
    let of_pem = expected(TrustRoot::from_certificates, &path, &pem);
    assert_eq!(*root, of_pem);
    let certificates = MaterialRef::CertificatesFile(path.display().to_string());
    assert_eq!(*read(&certificates).expect("a root"), of_pem);
    // Where certificates are asked for, a whole root is not taken for some.
    std::fs::write(&path, &json).expect("written");
    let why = read(&certificates).expect_err("no certificates");
    assert!(
        why.starts_with(&format!("file {}: ", path.display())),
        "{why}"
    );
    // And a key is neither.
    let key = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(&path, key.public_key_pem()).expect("written");
    read(&root_path(&path)).expect_err("a key");
    read(&certificates).expect_err("a key");
    std::fs::write(&path, key.serialize_pem()).expect("written");
    let why = read(&root_path(&path)).expect_err("a private key");
    let line = key.serialize_pem();
    assert!(!why.contains(line.lines().nth(1).expect("a line")), "{why}");
}

#[test]
fn a_folder_has_a_whole_root_or_certificates_in_several_files() {
    let sigstore = Sigstore::new(now());
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    let json = sigstore.trusted_root().text();
    write("trusted_root.json", &json);
    // As a folder of TUF targets has it.
    write("signing_config.v0.2.json", "{}");
    let root = read(&root_path(folder.path())).expect("a root");
    let whole = expected(TrustRoot::from_json, folder.path(), &json);
    assert_eq!(*root, whole);
    std::fs::remove_file(folder.path().join("trusted_root.json")).expect("removed");
    let chain = sigstore.ca.chain_pem();
    let anchor = sigstore.ca.root_pem();
    let issuing = chain.replace(&anchor, "");
    assert_ne!(issuing, chain, "the anchor is in the chain");
    write("a.crt", &issuing);
    read(&root_path(folder.path())).expect_err("no anchor");
    write("b.pem", &anchor);
    let root = read(&root_path(folder.path())).expect("a root");
    let together = format!("{issuing}\n{anchor}\n");
    let of_pem = expected(TrustRoot::from_certificates, folder.path(), &together);
    assert_eq!(*root, of_pem);
}

#[test]
fn the_embedded_root_is_there_without_configuration_and_a_file_replaces_it() {
    let embedded = TrustRoot::public_good().expect("embedded");
    let name = MaterialRef::Root("public-good".to_owned());
    assert_eq!(*read(&name).expect("a root"), embedded);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.json");
    let json = trusted_root();
    std::fs::write(&path, &json).expect("written");
    let argument = path.display().to_string();
    let configured = Configured::default()
        .with_argument(&argument)
        .expect("a path");
    let materials = roots::read(std::slice::from_ref(&name), &configured, now());
    let own = TrustRoot::from_json("public-good", &json).expect("a root");
    match materials.get(&name) {
        Some(Ok(Material::Root(root))) => assert_eq!(**root, own),
        other => panic!("{other:?}"),
    }
}
