//! Refused twins of signatures that a log has seen: by certificate or by key,
//! in every layout, with and without timestamps.
//!
//! Whoever forges holds what a forger may hold: the logs and timestamp
//! authorities sign whatever they are given, a certificate authority signs what
//! it should not have, keys are stolen. What a twin changes is the only thing
//! that is wrong with it.

mod certificates;
mod contents;
mod logs;
mod stamps;

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::support::authority::{Attachment, Image, Key};
use crate::support::sigstore::entry::{Body, By};
use crate::support::sigstore::matrix::Case;
use crate::support::sigstore::rekor::Place;
use crate::support::sigstore::signed::Content;
use crate::support::sigstore::{
    Ca, Defect, Layout, Log, Rekor, Signed, Signing, Sigstore, Stamp, TrustedRoot, Version,
};

pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// In place of a reason: the trust root itself cannot be used.
pub(crate) const NO_ROOT: &str = "no-root";

/// What the twins are made from.
pub(crate) struct Good<'a> {
    pub(crate) case: Case,
    pub(crate) sigstore: &'a Sigstore,
    /// Another Sigstore with the same names and other keys.
    pub(crate) stranger: &'a Sigstore,
    pub(crate) image: &'a Image,
    /// Another image of the same signer.
    pub(crate) other: &'a Image,
    pub(crate) who: Who<'a>,
    pub(crate) signed: Signed,
}

/// Who may sign.
#[derive(Clone)]
pub(crate) enum Who<'a> {
    /// Holders of certificates by the Sigstore's authority.
    Keyless,
    /// The holder of a managed key.
    Managed(Arc<Key>),
    /// Holders of certificates by a private authority.
    Own(&'a Ca),
}

/// A signature that must be refused.
pub(crate) struct Twin {
    pub(crate) name: &'static str,
    /// The stable code of the reason.
    pub(crate) code: &'static str,
    pub(crate) attachment: Attachment,
    /// The trust root that it is judged under.
    pub(crate) root: TrustedRoot,
    /// Certificates of the private authority, in PEM.
    pub(crate) own: Option<String>,
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyless => "keyless",
            Self::Managed(_) => "key",
            Self::Own(_) => "own authority",
        })
    }
}

struct Twins<'a> {
    good: &'a Good<'a>,
    list: Vec<Twin>,
}

impl<'a> Good<'a> {
    /// A good signature of this form.
    pub(crate) fn new(
        case: Case,
        sigstore: &'a Sigstore,
        stranger: &'a Sigstore,
        [image, other]: [&'a Image; 2],
        who: Who<'a>,
    ) -> Self {
        let signed = begun(case, sigstore, image, &who).make();
        Self {
            case,
            sigstore,
            stranger,
            image,
            other,
            who,
            signed,
        }
    }

    /// Begins the same again.
    pub(crate) fn again(&self) -> Signing<'a> {
        self.anew(self.image)
    }

    /// Begins the same for any image.
    fn anew(&self, image: &Image) -> Signing<'a> {
        begun(self.case, self.sigstore, image, &self.who)
    }

    /// Begins another signature by the same key with the same certificate.
    fn same_signer(&self, image: &Image) -> Signing<'a> {
        let signing = self.anew(image);
        match &self.signed.leaf {
            Some(leaf) => signing.with_leaf(leaf),
            None => signing,
        }
    }

    fn broken(&self, defect: Defect) -> Signed {
        self.again().broken(defect).make()
    }

    fn edited(&self, edit: impl FnOnce(&mut Signed)) -> Signed {
        let mut signed = self.signed.clone();
        edit(&mut signed);
        signed
    }

    fn log(&self) -> &'a Rekor {
        self.sigstore.log(self.case.log).expect("a log")
    }

    fn by<'b>(&'b self, signed: &'b Signed) -> By<'b> {
        match signed.certificates.first() {
            Some(der) => By::Certificate(der, signed.key.kind),
            None => By::Key(&signed.key),
        }
    }

    /// What the log keeps of a signature.
    fn body(&self, content: &Content, by: By<'_>) -> Body {
        self.again().body(content, by, self.case.key, self.log())
    }

    /// Logs another body for this signature, genuinely.
    fn logged(&self, body: &Body) -> Signed {
        self.edited(|signed| signed.entries = vec![self.enter(body)])
    }

    fn enter(&self, body: &Body) -> crate::support::sigstore::rekor::LogEntry {
        self.log().enter(body, self.sigstore.at, Place::default())
    }

    fn is_keyless(&self) -> bool {
        matches!(self.who, Who::Keyless)
    }

    fn has_certificate(&self) -> bool {
        !matches!(self.who, Who::Managed(_))
    }

    /// Whether somebody trusted says when the signature was made.
    fn is_timed(&self) -> bool {
        self.is_stamped() || self.is_first_generation()
    }

    fn is_legacy(&self) -> bool {
        self.version().is_none()
    }

    /// The version of the bundle; legacy layouts have none.
    fn version(&self) -> Option<Version> {
        match self.case.layout {
            Layout::Bundle(version) | Layout::Message(version) => Some(version),
            Layout::Sig | Layout::Att => None,
        }
    }

    fn is_first_generation(&self) -> bool {
        self.case.log == Log::V1
    }

    fn is_stamped(&self) -> bool {
        self.case.stamp != Stamp::None
    }

    fn is_newest(&self) -> bool {
        self.version() == Some(Version::V03)
    }

    /// Everything of this form that must be refused.
    pub(crate) fn twins(&self) -> Vec<Twin> {
        let mut twins = Twins {
            good: self,
            list: Vec::new(),
        };
        contents::add(&mut twins);
        if self.case.log != Log::None {
            logs::add(&mut twins);
        }
        if self.is_stamped() {
            stamps::add(&mut twins);
        }
        if self.has_certificate() {
            certificates::add(&mut twins);
        }
        twins.list
    }
}

/// Begins a signature of this form.
fn begun<'a>(case: Case, sigstore: &'a Sigstore, image: &Image, who: &Who<'a>) -> Signing<'a> {
    let signing = case.signing(sigstore, image);
    match who {
        Who::Keyless => signing,
        Who::Managed(key) => signing.with_key(key),
        Who::Own(ca) => signing.by(ca),
    }
}

impl Twins<'_> {
    fn add(&mut self, name: &'static str, code: &'static str, signed: &Signed) {
        self.attach(name, code, signed.attachment());
    }

    fn attach(&mut self, name: &'static str, code: &'static str, attachment: Attachment) {
        let own = match self.good.who {
            Who::Own(ca) => Some(ca.chain_pem()),
            Who::Keyless | Who::Managed(_) => None,
        };
        self.list.push(Twin {
            name,
            code,
            attachment,
            root: self.good.sigstore.trusted_root(),
            own,
        });
    }

    /// The good signature under another trust root.
    fn root(
        &mut self,
        name: &'static str,
        code: &'static str,
        edit: impl FnOnce(&mut TrustedRoot),
    ) {
        let signed = self.good.signed.clone();
        self.under(name, code, &signed, edit);
    }

    fn under(
        &mut self,
        name: &'static str,
        code: &'static str,
        signed: &Signed,
        edit: impl FnOnce(&mut TrustedRoot),
    ) {
        self.add(name, code, signed);
        edit(&mut self.list.last_mut().expect("added").root);
    }

    fn defect(&mut self, name: &'static str, code: &'static str, defect: Defect) {
        let signed = self.good.broken(defect);
        self.add(name, code, &signed);
    }
}
