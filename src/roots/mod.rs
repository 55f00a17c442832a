//! Reads the trust material that policies refer to: key files and environment
//! variables.
//!
//! What cannot be read becomes one sentence in [`Materials`], and the authority
//! is then inconclusive – never trusted with an older key. No error quotes what
//! was read, since somebody may have named the wrong file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::trust::{Material, MaterialError, MaterialRef, Materials, PublicKey};

/// Largest key file: an RSA key of 8192 bits takes about 1.5 KiB in PEM.
const MAX_KEY: u64 = 64 * 1024;

/// Reads each reference once.
pub fn read(references: &[MaterialRef]) -> Materials {
    let mut materials = Materials::default();
    for reference in references {
        materials.insert(reference.clone(), material(reference));
    }
    materials
}

fn material(reference: &MaterialRef) -> Result<Material, MaterialError> {
    let text = match reference {
        MaterialRef::File(path) => file(Path::new(path)),
        MaterialRef::Env(name) => env(name),
        MaterialRef::CertificatesFile(_)
        | MaterialRef::CertificatesEnv(_)
        | MaterialRef::Root(_)
        | MaterialRef::RootPath(_) => Err("cannot be read yet".to_owned()),
    };
    text.and_then(|text| PublicKey::from_pem(&text).map_err(|error| error.to_string()))
        .map(Material::Key)
        .map_err(|why| MaterialError::unavailable(format!("{reference}: {why}")))
}

fn file(path: &Path) -> Result<String, String> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => format!("cannot be read: {kind}"),
    };
    // Asked before opening, because opening a pipe waits for its other end.
    let about = std::fs::metadata(path).map_err(cannot)?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_KEY + 1).read_to_end(&mut bytes))
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_KEY {
        return Err(format!("is larger than {MAX_KEY} bytes, so it is no key"));
    }
    String::from_utf8(bytes).map_err(|_| "is not text, so it is no PEM key".to_owned())
}

fn env(name: &str) -> Result<String, String> {
    let text = std::env::var_os(name).ok_or("is not set")?;
    if text.len() as u64 > MAX_KEY {
        return Err(format!("is longer than {MAX_KEY} bytes, so it is no key"));
    }
    text.into_string()
        .map_err(|_| "is not text, so it is no PEM key".to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PublicKeyData};

    use super::*;

    fn why(path: &Path) -> String {
        let reference = MaterialRef::File(path.display().to_string());
        let materials = read(std::slice::from_ref(&reference));
        let found = materials.get(&reference).expect("was asked for");
        found.clone().expect_err("no key there").why
    }

    #[test]
    fn a_key_file_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = KeyPair::generate().expect("a key");
        let path = folder.path().join("ci.pub");
        std::fs::write(&path, pair.public_key_pem()).expect("written");
        let reference = MaterialRef::File(path.display().to_string());
        let materials = read(std::slice::from_ref(&reference));
        let material = materials
            .get(&reference)
            .expect("was asked for")
            .clone()
            .expect("a key");
        let expected = PublicKey::from_spki(&pair.subject_public_key_info()).expect("a key");
        assert_eq!(material, Material::Key(expected));
    }

    #[test]
    fn what_is_no_key_is_named_without_being_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ci.pub");
        assert!(why(&path).ends_with("ci.pub: there is no such file"));
        assert!(why(folder.path()).ends_with("is not a file"));
        std::fs::write(&path, "canary-7f3a").expect("written");
        assert!(why(&path).contains("not a PEM public key"));
        assert!(!why(&path).contains("canary"));
        std::fs::write(&path, vec![b'a'; 64 * 1024 + 1]).expect("written");
        assert!(why(&path).ends_with("is larger than 65536 bytes, so it is no key"));
        std::fs::write(&path, [0xff, 0xfe]).expect("written");
        assert!(why(&path).ends_with("is not text, so it is no PEM key"));
        let private = KeyPair::generate().expect("a key").serialize_pem();
        std::fs::write(&path, &private).expect("written");
        let line = private.lines().nth(1).expect("a line of it");
        assert!(why(&path).contains("this is a private key"));
        assert!(!why(&path).contains(line));
    }

    #[test]
    fn an_environment_variable_that_is_not_set_is_said() {
        let reference = MaterialRef::Env("FLOE_TEST_NO_SUCH_VARIABLE".to_owned());
        let materials = read(std::slice::from_ref(&reference));
        assert_eq!(
            materials.get(&reference),
            Some(&Err(MaterialError::unavailable(
                "environment variable FLOE_TEST_NO_SUCH_VARIABLE: is not set"
            )))
        );
    }
}
