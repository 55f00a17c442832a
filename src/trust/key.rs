//! Public keys and the signature schemes they may be used with.

use std::fmt;

/// SHA-256 over the DER of a key's SubjectPublicKeyInfo: the identity of a key,
/// and what `publicKey.hint` of a bundle contains in base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyFingerprint([u8; 32]);

impl KeyFingerprint {
    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

/// A signature scheme, named as in reports: `ecdsa-p256-sha256`, `ed25519`,
/// `rsa-pkcs1-sha256`, `rsa-pss-sha256` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scheme(pub(super) &'static str);

impl Scheme {
    /// The name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// A public key: ECDSA P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192
/// bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
    fingerprint: KeyFingerprint,
}

/// Why a text is not a usable public key. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one PEM block.
    #[error("{0}")]
    Pem(String),
}

impl PublicKey {
    /// Reads one PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// See [`KeyError`]; more than one block is an error too.
    pub fn from_pem(_text: &str) -> Result<Self, KeyError> {
        let _ = ();
        panic!("placeholder")
    }

    /// The identity of the key.
    pub const fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    /// Tries the schemes of this key in order and returns the first that
    /// verifies.
    pub fn verify(&self, _message: &[u8], _signature: &[u8]) -> Option<Scheme> {
        let _ = ();
        panic!("placeholder")
    }
}
