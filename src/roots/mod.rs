//! Reads the trust material that policies refer to: files and environment
//! variables.
//!
//! What cannot be read stays in the answer as a sentence, so that the authority
//! becomes inconclusive and nothing falls back to what was there before. No
//! sentence quotes the bytes that were read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::trust::{AuthorityMaterial, MaterialRef, Materials, PublicKey};

/// Most bytes of one public key. The largest accepted key, RSA of 8192 bits,
/// has 1.5 KiB as PEM; the rest is room for comments around it.
const MAX_KEY: u64 = 64 * 1024;

/// Reads all `references`. Relative files are looked up in the working
/// directory of the process.
pub fn read<'a>(references: impl IntoIterator<Item = &'a MaterialRef>) -> Materials {
    let mut materials = Materials::default();
    for reference in references {
        let material = text(reference)
            .and_then(|text| {
                PublicKey::from_pem(&text).map_err(|error| format!("{reference}: {error}"))
            })
            .map(|key| Arc::new(AuthorityMaterial::key(key)));
        materials.insert(reference.clone(), material);
    }
    materials
}

fn text(reference: &MaterialRef) -> Result<String, String> {
    match reference {
        MaterialRef::File(path) => {
            file(Path::new(path)).map_err(|why| format!("{reference} cannot be read: {why}"))
        }
        MaterialRef::Env(name) => std::env::var(name).map_err(|error| match error {
            std::env::VarError::NotPresent => format!("{reference} is not set"),
            std::env::VarError::NotUnicode(_) => format!("{reference} is not text"),
        }),
    }
}

fn file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_KEY + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_KEY {
        return Err(format!("it is larger than {MAX_KEY} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(materials: &Materials, reference: &MaterialRef) -> String {
        match materials.get(reference) {
            Some(Err(sentence)) => sentence.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_sentence_that_names_the_place_and_quotes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            MaterialRef::File(path.display().to_string())
        };
        let large = path("large", &vec![b'-'; 70_000]);
        let binary = path("binary", &[0xff, 0xfe]);
        let secret = path("secret", b"hunter2");
        let missing = MaterialRef::File("/nowhere/cosign.pub".into());
        let unset = MaterialRef::Env("FLOE_TEST_VARIABLE_THAT_IS_NOT_SET".into());
        let all = [&large, &binary, &secret, &missing, &unset];
        let materials = read(all);
        for (reference, part) in [
            (&large, "it is larger than 65536 bytes"),
            (&binary, "it is not text"),
            (&missing, "No such file"),
            (&unset, "is not set"),
        ] {
            let sentence = sentence(&materials, reference);
            assert!(sentence.contains(part), "{sentence}");
            assert!(sentence.contains(&reference.to_string()), "{sentence}");
        }
        assert!(!sentence(&materials, &secret).contains("hunter2"));
    }

    #[test]
    fn a_public_key_in_a_file_is_material() {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = rcgen::KeyPair::generate().expect("a key");
        let path = folder.path().join("key.pub");
        std::fs::write(&path, pair.public_key_pem()).expect("written");
        let reference = MaterialRef::File(path.display().to_string());
        let materials = read([&reference]);
        assert!(
            matches!(materials.get(&reference), Some(Ok(material)) if material.keys().len() == 1)
        );
    }
}
