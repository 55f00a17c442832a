//! A virtual Sigstore: certificate authority, certificate logs, transparency
//! logs of both generations and a timestamp authority, in process, without
//! network, sleeping or a clock.
//!
//! ```text
//! let sigstore = Sigstore::new(at);
//! let signed = sigstore
//!     .sign(&image)
//!     .identity(Identity::github("acme/app", ".github/workflows/release.yml", "refs/heads/main"))
//!     .log(Log::V2)
//!     .stamp(Stamp::Embedded)
//!     .layout(Layout::Bundle(Version::V03))
//!     .broken(Defect::NoSct)
//!     .make();
//! repository.attach(&image, &signed.attachment());
//! let root = sigstore.trusted_root().text();
//! ```
//!
//! What is made has public fields: a test changes one and writes the rest as it
//! was. The stages (certificate, log, token) can be used on their own as well.
//!
//! Built on nothing of floe but its digests, so that what floe reads is never
//! what floe wrote. Another program includes this folder by path, beside
//! `authority.rs`, from which only this file imports.

pub(crate) mod ca;
pub(crate) mod certificate;
pub(crate) mod ct;
mod defects;
pub(crate) mod der;
pub(crate) mod entry;
pub(crate) mod identity;
mod making;
pub(crate) mod matrix;
pub(crate) mod rekor;
pub(crate) mod root;
pub(crate) mod signed;
pub(crate) mod signing;
mod spoiling;
pub(crate) mod tree;
pub(crate) mod tsa;

use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};

pub(crate) use self::ca::{Ca, Leaf};
pub(crate) use self::defects::Defect;
pub(crate) use self::identity::{Identity, San};
pub(crate) use self::rekor::Rekor;
pub(crate) use self::root::{TrustedRoot, Window};
pub(crate) use self::signed::Signed;
pub(crate) use self::signing::Signing;
pub(crate) use self::tsa::{TokenForm, Tsa};
use super::authority;
use authority::{Image, Key, KeyKind};
use ct::CtLog;
use rekor::Witness;

/// Which transparency log takes the signature in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    None,
    /// Rekor v1.
    V1,
    /// Rekor v2 with an Ed25519 key.
    V2,
    /// Rekor v2 with an ECDSA key.
    V2Ecdsa,
}

/// The kind of entry that a log keeps of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// `hashedrekord` 0.0.1.
    HashedRekord,
    /// `hashedrekord` 0.0.2.
    HashedRekord002,
    /// `dsse` 0.0.1.
    Dsse,
    /// `dsse` 0.0.2.
    Dsse002,
    /// `intoto` 0.0.1.
    InToto,
    /// `intoto` 0.0.2.
    InToto002,
}

/// Whether there is a signed timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    None,
    /// With the signing certificate inside.
    Embedded,
    /// Without any certificate.
    Bare,
}

/// How a signature is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A Sigstore bundle with an envelope.
    Bundle(Version),
    /// A Sigstore bundle with a signature over a blob.
    Message(Version),
    /// A layer of a `.sig` manifest.
    Sig,
    /// A layer of an `.att` manifest.
    Att,
}

/// Version of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V01,
    V02,
    V03,
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashing {
    Sha256,
    Sha384,
    Sha512,
}

/// All authorities of one Sigstore. A second one made the same way is a
/// stranger to the first: same names, other keys.
pub(crate) struct Sigstore {
    /// When things are signed unless said otherwise.
    pub(crate) at: Timestamp,
    pub(crate) ca: Ca,
    /// The certificate log that is used; the second is there to be mistaken.
    pub(crate) ct_logs: [CtLog; 2],
    pub(crate) rekor: Rekor,
    pub(crate) rekor_v2: Rekor,
    pub(crate) rekor_v2_ecdsa: Rekor,
    pub(crate) tsa: Tsa,
    pub(crate) witness: Witness,
    /// The key of all RSA certificates: making one takes its time.
    rsa: OnceLock<Arc<Key>>,
}

impl Sigstore {
    /// A Sigstore that signs at `at`, and whose parts are valid since long
    /// before. Verifiers that read a clock need `at` in the past.
    pub(crate) fn new(at: Timestamp) -> Self {
        let valid = Window::from(at - SignedDuration::from_hours(24 * 300));
        Self {
            at,
            ca: Ca::fulcio(KeyKind::P384, at),
            ct_logs: [
                CtLog::new("https://ctfe.example.test/2026", KeyKind::P256, valid),
                CtLog::new("https://ctfe.example.test/2027", KeyKind::P256, valid),
            ],
            rekor: Rekor::v1("rekor.example.test", valid),
            rekor_v2: Rekor::v2("log2026-1.rekor.example.test", KeyKind::Ed25519, valid),
            rekor_v2_ecdsa: Rekor::v2("log2026-2.rekor.example.test", KeyKind::P256, valid),
            tsa: Tsa::new(KeyKind::P256, at, false),
            witness: Witness::new("witness.example.test"),
            rsa: OnceLock::new(),
        }
    }

    /// Everything that a verifier needs to trust this Sigstore.
    pub(crate) fn trusted_root(&self) -> TrustedRoot {
        TrustedRoot {
            tlogs: [&self.rekor, &self.rekor_v2, &self.rekor_v2_ecdsa]
                .map(root::log)
                .into(),
            certificate_authorities: vec![root::certificate_authority(&self.ca)],
            ctlogs: self.ct_logs.iter().map(root::ct_log).collect(),
            timestamp_authorities: vec![root::timestamp_authority(&self.tsa)],
        }
    }

    /// Begins a signature of an image.
    pub(crate) fn sign(&self, image: &Image) -> Signing<'_> {
        Signing::new(self, signing::Subject::Image(image.digest))
    }

    /// Begins a signature of a blob, as a bundle with a message signature.
    pub(crate) fn sign_blob(&self, blob: &[u8]) -> Signing<'_> {
        Signing::new(self, signing::Subject::Blob(blob.to_vec()))
            .layout(Layout::Message(Version::V03))
    }

    /// A key for a new certificate.
    pub(crate) fn key(&self, kind: KeyKind) -> Arc<Key> {
        let new = || Arc::new(Key::generate(kind));
        match kind {
            KeyKind::Rsa => Arc::clone(self.rsa.get_or_init(new)),
            _ => new(),
        }
    }

    /// The log behind a choice.
    pub(crate) fn log(&self, log: Log) -> Option<&Rekor> {
        match log {
            Log::None => None,
            Log::V1 => Some(&self.rekor),
            Log::V2 => Some(&self.rekor_v2),
            Log::V2Ecdsa => Some(&self.rekor_v2_ecdsa),
        }
    }
}
