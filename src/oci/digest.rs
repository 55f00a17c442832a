//! Content digests in their canonical form only.

use std::fmt;
use std::str::FromStr;

/// A digest algorithm registered by the OCI image specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256: 32 bytes, 64 hex digits. Every implementation must support it.
    Sha256,
    /// SHA-512: 64 bytes, 128 hex digits.
    Sha512,
}

impl Algorithm {
    /// The name as it stands before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// The digest of some bytes: `sha256:` and 64, or `sha512:` and 128 lower-case
/// hex digits.
///
/// Upper-case hex, other algorithms and other lengths are refused, so that two
/// digests are the same if and only if their texts are. Follows the OCI image
/// specification v1.1, *Descriptors: Digests*.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// A SHA-256 digest.
    Sha256([u8; 32]),
    /// A SHA-512 digest.
    Sha512([u8; 64]),
}

/// Why a text is not a canonical digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no colon.
    #[error("a digest is written as ALGORITHM:HEX, for example sha256:9f2c…")]
    MissingAlgorithm,
    /// The algorithm is neither `sha256` nor `sha512`.
    #[error("digest algorithm {0:?} is not supported; use sha256 or sha512")]
    UnsupportedAlgorithm(String),
    /// The hex part is too short or too long.
    #[error("a {algorithm} digest has {expected} hex digits, found {found}")]
    Length {
        /// Name of the algorithm.
        algorithm: &'static str,
        /// Hex digits the algorithm needs.
        expected: usize,
        /// Bytes found after the colon.
        found: usize,
    },
    /// A character is not one of `0-9a-f`.
    #[error("a digest is written in lower-case hex digits only")]
    NotLowerHex,
}

impl Digest {
    /// Hashes `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        use aws_lc_rs::digest::{SHA256, SHA512, digest};
        match algorithm {
            Algorithm::Sha256 => {
                let mut value = [0; 32];
                value.copy_from_slice(digest(&SHA256, bytes).as_ref());
                Self::Sha256(value)
            }
            Algorithm::Sha512 => {
                let mut value = [0; 64];
                value.copy_from_slice(digest(&SHA512, bytes).as_ref());
                Self::Sha512(value)
            }
        }
    }

    /// Hashes `bytes` with SHA-256, the algorithm of everything floe writes.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, bytes)
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The raw bytes: 32 or 64.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(value) => value,
            Self::Sha512(value) => value,
        }
    }

    /// The part after the colon.
    pub fn hex(&self) -> String {
        Hex::of(self.as_bytes()).as_str().to_owned()
    }
}

/// Lower-case hex digits of at most 64 bytes, written on the stack: each log
/// line has several digests, and a formatter goes digit by digit.
pub(crate) struct Hex {
    digits: [u8; 128],
    len: usize,
}

impl Hex {
    /// The digits of `bytes`, or of the first 64.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [b'0'; 128];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(bytes) {
            *pair = [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ];
        }
        let len = digits.len().min(bytes.len() * 2);
        Self { digits, len }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.len]).expect("hex digits are ASCII")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::MissingAlgorithm)?;
        match algorithm {
            "sha256" => decode("sha256", hex).map(Self::Sha256),
            "sha512" => decode("sha512", hex).map(Self::Sha512),
            other => Err(DigestError::UnsupportedAlgorithm(
                other.chars().take(32).collect(),
            )),
        }
    }
}

fn decode<const N: usize>(algorithm: &'static str, hex: &str) -> Result<[u8; N], DigestError> {
    let digits = hex.as_bytes();
    if digits.len() != N * 2 {
        return Err(DigestError::Length {
            algorithm,
            expected: N * 2,
            found: digits.len(),
        });
    }
    let mut value = [0; N];
    for (byte, pair) in value.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(value)
}

const fn nibble(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(DigestError::NotLowerHex),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = Hex::of(self.as_bytes());
        let algorithm = self.algorithm().as_str();
        if f.width().is_some() || f.precision().is_some() {
            return f.pad(&format!("{algorithm}:{}", hex.as_str()));
        }
        f.write_str(algorithm)?;
        f.write_str(":")?;
        f.write_str(hex.as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SHA-256 and SHA-512 of the empty string, FIPS 180-4 examples.
    const EMPTY_256: &str =
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const EMPTY_512: &str = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                             47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

    #[test]
    fn both_algorithms_hash_parse_and_print() {
        assert_eq!(Digest::sha256(b"").to_string(), EMPTY_256);
        assert_eq!(Digest::of(Algorithm::Sha512, b"").to_string(), EMPTY_512);
        assert_eq!(EMPTY_256.parse(), Ok(Digest::sha256(b"")));
        assert_eq!(EMPTY_512.parse(), Ok(Digest::of(Algorithm::Sha512, b"")));
    }

    #[test]
    fn only_the_canonical_form_is_a_digest() {
        let upper = EMPTY_256.to_uppercase().replace("SHA256", "sha256");
        for (text, error) in [
            ("", DigestError::MissingAlgorithm),
            ("e3b0", DigestError::MissingAlgorithm),
            ("md5:e3b0", DigestError::UnsupportedAlgorithm("md5".into())),
            (
                "SHA256:e3b0",
                DigestError::UnsupportedAlgorithm("SHA256".into()),
            ),
            (
                "sha256+b64:e3b0",
                DigestError::UnsupportedAlgorithm("sha256+b64".into()),
            ),
            (
                "sha256:e3b0",
                DigestError::Length {
                    algorithm: "sha256",
                    expected: 64,
                    found: 4,
                },
            ),
            (upper.as_str(), DigestError::NotLowerHex),
            (&EMPTY_256.replace('e', "g"), DigestError::NotLowerHex),
            (&EMPTY_256.replace('e', " "), DigestError::NotLowerHex),
            (
                &EMPTY_512[..71],
                DigestError::Length {
                    algorithm: "sha512",
                    expected: 128,
                    found: 64,
                },
            ),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(error), "{text}");
        }
    }
}
