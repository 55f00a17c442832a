//! Certificate authorities: Fulcio's shape, a private one's, and broken ones.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::certificate::{self, CODE_SIGNING, Signer, Tbs};
use super::ct::{self, CtLog};
use super::identity::Identity;
use super::root::Window;
use super::{Key, KeyKind};

/// An authority with everything between the issuing key and the root.
pub(crate) struct Ca {
    /// The issuing one first, the root last.
    pub(crate) signers: Vec<Signer>,
    pub(crate) valid: Window,
}

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) key: Arc<Key>,
    /// In DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Certificates above, the root last, in DER.
    pub(crate) chain: Vec<Vec<u8>>,
}

/// One timestamp that a certificate log shall give.
#[derive(Clone)]
pub(crate) struct SctOrder<'a> {
    pub(crate) log: &'a CtLog,
    pub(crate) at: Timestamp,
    pub(crate) extensions: Vec<u8>,
    /// The key of another issuer, for a timestamp over something else.
    pub(crate) issuer_spki: Option<Vec<u8>>,
    /// Whether a bit of the signature is wrong.
    pub(crate) forged: bool,
}

impl<'a> SctOrder<'a> {
    pub(crate) fn new(log: &'a CtLog, at: Timestamp) -> Self {
        Self {
            log,
            at,
            extensions: Vec::new(),
            issuer_spki: None,
            forged: false,
        }
    }
}

fn name(common: &str) -> Vec<u8> {
    certificate::name("sigstore.test", common)
}

fn years(at: Timestamp) -> (Timestamp, Timestamp) {
    let day = SignedDuration::from_hours(24);
    (at - day * 400, at + day * 3000)
}

impl Ca {
    /// A root and an intermediate, as Fulcio has them.
    pub(crate) fn fulcio(kind: KeyKind, at: Timestamp) -> Self {
        Self::edited(kind, at, |_| ())
    }

    /// A root and an intermediate whose certificate was edited before it was
    /// signed.
    pub(crate) fn edited(kind: KeyKind, at: Timestamp, edit: impl FnOnce(&mut Tbs)) -> Self {
        let (from, until) = years(at);
        let root = Signer::root(kind, name("sigstore"), from, until);
        let issuing = root.intermediate(kind, name("sigstore-intermediate"), from, until, edit);
        Self {
            signers: vec![issuing, root],
            valid: Window::from(from),
        }
    }

    /// An authority that issues with its root.
    pub(crate) fn root_only(kind: KeyKind, at: Timestamp) -> Self {
        let (from, until) = years(at);
        Self {
            signers: vec![Signer::root(kind, name("sigstore"), from, until)],
            valid: Window::from(from),
        }
    }

    /// An intermediate that was valid until an hour before `at`.
    pub(crate) fn expired(kind: KeyKind, at: Timestamp) -> Self {
        Self::edited(kind, at, |tbs| {
            tbs.not_after = at - SignedDuration::from_hours(1)
        })
    }

    /// An intermediate below an intermediate that allows none below it.
    pub(crate) fn too_long(kind: KeyKind, at: Timestamp) -> Self {
        let mut ca = Self::fulcio(kind, at);
        let (from, until) = years(at);
        let below = ca.signers[0].intermediate(kind, name("sigstore-below"), from, until, |_| ());
        ca.signers.insert(0, below);
        ca
    }

    /// The one that issues.
    pub(crate) fn issuer(&self) -> &Signer {
        &self.signers[0]
    }

    /// All certificates, the root last.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        self.signers.iter().map(|s| s.certificate.clone()).collect()
    }

    /// The certificate of the root in PEM.
    pub(crate) fn root_pem(&self) -> String {
        let root = self.signers.last().expect("a root");
        super::authority::pem("CERTIFICATE", &root.certificate)
    }

    /// Every certificate in PEM, the root last.
    pub(crate) fn chain_pem(&self) -> String {
        let pem = |der: &Vec<u8>| super::authority::pem("CERTIFICATE", der);
        self.chain().iter().map(pem).collect()
    }

    /// What Fulcio would sign for this identity, without certificate
    /// timestamps.
    pub(crate) fn order(
        &self,
        key: &Key,
        identity: &Identity,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Tbs {
        let mut tbs =
            self.issuer()
                .request(key.spki(), certificate::no_name(), not_before, not_after);
        tbs.extensions.insert(0, certificate::digital_signature());
        tbs.extensions
            .insert(1, certificate::purposes(&[CODE_SIGNING]));
        tbs.extensions.extend(identity.alternative_names());
        tbs.extensions.extend(identity.extensions());
        tbs
    }

    /// Signs an order after the certificate logs have.
    pub(crate) fn issue(&self, key: Arc<Key>, mut tbs: Tbs, scts: &[SctOrder<'_>]) -> Leaf {
        let precertificate = tbs.to_der();
        let issuer = self.issuer();
        let scts: Vec<_> = scts
            .iter()
            .map(|order| {
                let spki = order.issuer_spki.as_deref().unwrap_or(issuer.key.spki());
                let mut sct = order
                    .log
                    .sign(&precertificate, spki, order.at, &order.extensions);
                if order.forged {
                    *sct.signature.last_mut().expect("a signature") ^= 1;
                }
                sct
            })
            .collect();
        if !scts.is_empty() {
            tbs.extensions.push(ct::list(&scts));
        }
        Leaf {
            key,
            certificate: tbs.signed_by(&issuer.key),
            not_before: tbs.not_before,
            not_after: tbs.not_after,
            chain: self.chain(),
        }
    }
}
