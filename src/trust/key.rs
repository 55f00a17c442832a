//! Public keys and the signature schemes they may be used with.
//!
//! A key is read once, strictly, into the form that verification uses. Strictly
//! means: one key has one accepted encoding, because its fingerprint stands for
//! its holder wherever distinct signers are counted.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest as lc_digest;
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, VerificationAlgorithm};

use crate::oci::{Algorithm, Digest, Hex};

/// SHA-256 over the DER of a key's SubjectPublicKeyInfo: the identity of a key,
/// and what `publicKey.hint` of a bundle contains in base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyFingerprint([u8; 32]);

impl KeyFingerprint {
    /// A fingerprint somebody wrote down. It proves nothing about a key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn of(spki: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(Digest::sha256(spki).as_bytes());
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        f.write_str(Hex::of(&self.0).as_str())
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

macro_rules! schemes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $algorithm:expr;)*) => {
        /// A signature scheme. ECDSA signatures are ASN.1 DER only; Ed25519 is
        /// the pure variant only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Scheme { $($(#[$doc])* $name,)* }

        impl Scheme {
            /// The name in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            fn algorithm(self) -> &'static dyn VerificationAlgorithm {
                match self { $(Self::$name => $algorithm,)* }
            }
        }
    };
}

schemes! {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256 = "ecdsa-p256-sha256", &lc::ECDSA_P256_SHA256_ASN1;
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384 = "ecdsa-p384-sha384", &lc::ECDSA_P384_SHA384_ASN1;
    /// ECDSA on P-384 with SHA-256.
    EcdsaP384Sha256 = "ecdsa-p384-sha256", &lc::ECDSA_P384_SHA256_ASN1;
    /// ECDSA on P-521 with SHA-512.
    EcdsaP521Sha512 = "ecdsa-p521-sha512", &lc::ECDSA_P521_SHA512_ASN1;
    /// ECDSA on P-521 with SHA-256.
    EcdsaP521Sha256 = "ecdsa-p521-sha256", &lc::ECDSA_P521_SHA256_ASN1;
    /// Ed25519.
    Ed25519 = "ed25519", &lc::ED25519;
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaPkcs1Sha256 = "rsa-pkcs1-sha256", &lc::RSA_PKCS1_2048_8192_SHA256;
    /// RSA-PSS with SHA-256.
    RsaPssSha256 = "rsa-pss-sha256", &lc::RSA_PSS_2048_8192_SHA256;
    /// RSA PKCS#1 v1.5 with SHA-384.
    RsaPkcs1Sha384 = "rsa-pkcs1-sha384", &lc::RSA_PKCS1_2048_8192_SHA384;
    /// RSA-PSS with SHA-384.
    RsaPssSha384 = "rsa-pss-sha384", &lc::RSA_PSS_2048_8192_SHA384;
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaPkcs1Sha512 = "rsa-pkcs1-sha512", &lc::RSA_PKCS1_2048_8192_SHA512;
    /// RSA-PSS with SHA-512.
    RsaPssSha512 = "rsa-pss-sha512", &lc::RSA_PSS_2048_8192_SHA512;
}

/// The schemes of one kind of key, in the order in which they are tried.
///
/// cosign signs with the hash that belongs to the curve, but its verification
/// and other tools assume SHA-256 for every key: both are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa,
}

impl KeyKind {
    const fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::P256 => &[Scheme::EcdsaP256Sha256],
            Self::P384 => &[Scheme::EcdsaP384Sha384, Scheme::EcdsaP384Sha256],
            Self::P521 => &[Scheme::EcdsaP521Sha512, Scheme::EcdsaP521Sha256],
            Self::Ed25519 => &[Scheme::Ed25519],
            Self::Rsa => &[
                Scheme::RsaPkcs1Sha256,
                Scheme::RsaPssSha256,
                Scheme::RsaPkcs1Sha384,
                Scheme::RsaPssSha384,
                Scheme::RsaPkcs1Sha512,
                Scheme::RsaPssSha512,
            ],
        }
    }
}

/// A public key: ECDSA P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192
/// bits. Cloning is cheap; two keys are equal if their fingerprints are.
#[derive(Clone)]
pub struct PublicKey {
    fingerprint: KeyFingerprint,
    verifiers: Arc<[(Scheme, ParsedPublicKey)]>,
}

/// Why a text is not a usable public key. Names the cure and never quotes the
/// text: it may be a private key that was given by mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM block, or a damaged one.
    #[error(
        "not a PEM public key; expected one block from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----"
    )]
    NotPem,
    /// More than one PEM block.
    #[error("{0} PEM blocks where one public key is expected; give each key its own authority")]
    SeveralBlocks(usize),
    /// Text before or after the block.
    #[error("there is text around the PEM block; keep only the block of the public key")]
    TextAround,
    /// A private key.
    #[error(
        "this is a private key; give the public key, for example from `openssl pkey -in KEY -pubout` or `cosign public-key --key KEY`, and treat the private key as exposed"
    )]
    PrivateKey,
    /// A certificate.
    #[error(
        "this is a certificate; give the public key in it, from `openssl x509 -in CERT -noout -pubkey`"
    )]
    Certificate,
    /// A PKCS#1 block, `RSA PUBLIC KEY`.
    #[error(
        "this is a PKCS#1 RSA public key; convert it with `openssl rsa -RSAPublicKey_in -in KEY -pubout`"
    )]
    Pkcs1,
    /// Another PEM label.
    #[error("the PEM block is not a public key; its label must be PUBLIC KEY")]
    Label,
    /// Not a SubjectPublicKeyInfo in canonical DER.
    #[error("the block does not hold a SubjectPublicKeyInfo in DER; write the public key again")]
    Der,
    /// An algorithm without a scheme here.
    #[error(
        "public key algorithm {0} is not supported; use ECDSA P-256, P-384 or P-521, Ed25519 or RSA"
    )]
    Algorithm(String),
    /// A curve without a scheme here.
    #[error("elliptic curve {0} is not supported; use P-256, P-384 or P-521")]
    Curve(String),
    /// Curve parameters written out instead of named.
    #[error(
        "the elliptic curve is given by explicit parameters; name it, with `openssl ec -param_enc named_curve`"
    )]
    ExplicitCurve,
    /// A compressed point.
    #[error(
        "the elliptic curve point is compressed; write it with `openssl ec -conv_form uncompressed`"
    )]
    CompressedPoint,
    /// RSA modulus outside the accepted range.
    #[error("the RSA key has {0} bits; 2048 to 8192 are accepted")]
    RsaSize(usize),
    /// The numbers are not a key that binds anybody: a point off the curve or of
    /// small order, an exponent that is even or 1.
    #[error("the numbers in the block are not a usable {0} public key; generate the key again")]
    Invalid(&'static str),
}

impl PublicKey {
    /// Reads exactly one PEM block `PUBLIC KEY`, with nothing but white space
    /// around it.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_spki(&parse::pem(text)?)
    }

    /// Reads a SubjectPublicKeyInfo in DER (RFC 5280, section 4.1).
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let kind = parse::spki(der)?;
        let verifiers = kind
            .schemes()
            .iter()
            .map(|scheme| {
                ParsedPublicKey::new(scheme.algorithm(), der)
                    .map(|key| (*scheme, key))
                    .map_err(|_| KeyError::Invalid(kind.as_str()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            fingerprint: KeyFingerprint::of(der),
            verifiers,
        })
    }

    /// The identity of the key.
    pub const fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    /// Whether this is an Ed25519 key, for which cosign writes a variant of the
    /// scheme that is not accepted.
    pub(super) fn is_ed25519(&self) -> bool {
        matches!(self.verifiers[..], [(Scheme::Ed25519, _)])
    }

    /// The schemes of this key, in the order in which they are tried.
    pub(super) fn schemes(&self) -> impl Iterator<Item = Scheme> {
        self.verifiers.iter().map(|(scheme, _)| *scheme)
    }

    /// Tries the schemes of this key in order and returns the first under which
    /// `signature` is a signature of `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Option<Scheme> {
        self.verifiers
            .iter()
            .find(|(_, key)| key.verify_sig(message, signature).is_ok())
            .map(|(scheme, _)| *scheme)
    }
}

impl PublicKey {
    /// As [`Self::verify`] where only the digest of the message is known.
    /// Schemes that hash otherwise, and Ed25519, which hashes twice, are not
    /// tried.
    pub fn verify_digest(&self, digest: &Digest, signature: &[u8]) -> Option<Scheme> {
        let algorithm = match digest.algorithm() {
            Algorithm::Sha256 => &lc_digest::SHA256,
            Algorithm::Sha512 => &lc_digest::SHA512,
        };
        let hashed = lc_digest::Digest::import_less_safe(digest.as_bytes(), algorithm).ok()?;
        self.verifiers
            .iter()
            .find(|(_, key)| key.verify_digest_sig(&hashed, signature).is_ok())
            .map(|(scheme, _)| *scheme)
    }
}

impl KeyKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "ECDSA P-256",
            Self::P384 => "ECDSA P-384",
            Self::P521 => "ECDSA P-521",
            Self::Ed25519 => "Ed25519",
            Self::Rsa => "RSA",
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint)
    }
}
