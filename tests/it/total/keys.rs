//! Public keys: one key has one identity.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use floe::trust::PublicKey;

use super::holds;
use crate::support::authority::{Key, KeyKind, pem};

const MESSAGE: &[u8] = b"what was signed";

struct Signed {
    key: Key,
    read: PublicKey,
    signature: Vec<u8>,
}

fn signed() -> Vec<Signed> {
    KeyKind::ALL
        .into_iter()
        .map(|kind| {
            let key = Key::generate(kind);
            Signed {
                read: PublicKey::from_spki(key.spki()).expect("a good key"),
                signature: key.sign(MESSAGE),
                key,
            }
        })
        .collect()
}

/// Two keys with different fingerprints count as two signers, so that a key
/// must verify only what was signed under its own fingerprint.
fn is_itself(key: &PublicKey, all: &[Signed]) {
    for known in all {
        let same = key.fingerprint() == known.read.fingerprint();
        let verifies = key.verify(MESSAGE, &known.signature).is_some();
        assert_eq!(same, verifies, "{:?}", known.key.kind);
    }
}

#[test]
fn a_changed_key_is_another_key_or_none() {
    let all = signed();
    let seeds: Vec<_> = all.iter().map(|s| s.key.spki().to_vec()).collect();
    holds(2_000, &seeds, |der| match PublicKey::from_spki(der) {
        Ok(key) => {
            is_itself(&key, &all);
            let expected: String = digest(&SHA256, der)
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert!(key.fingerprint().to_string().contains(&expected[..16]));
            true
        }
        Err(_) => false,
    });
}

#[test]
fn a_changed_pem_holds_the_key_that_stands_in_it_or_none() {
    let all = signed();
    let seeds: Vec<_> = all.iter().map(|s| s.key.pem().into_bytes()).collect();
    holds(2_000, &seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let Ok(key) = PublicKey::from_pem(text) else {
            return false;
        };
        is_itself(&key, &all);
        let body: String = text
            .lines()
            .filter(|line| !line.contains("-----"))
            .flat_map(|line| line.chars().filter(|c| !c.is_ascii_whitespace()))
            .collect();
        let der = STANDARD.decode(body).expect("base64");
        let again = PublicKey::from_pem(&pem("PUBLIC KEY", &der)).expect("the same key");
        assert_eq!(again.fingerprint(), key.fingerprint());
        true
    });
}
