//! A timestamp authority (RFC 3161): tokens as CMS signed data (RFC 5652) with
//! signed attributes, as the Sigstore timestamp authority writes them.

use jiff::{SignedDuration, Timestamp};

use super::certificate::{self, Signer, Tbs};
use super::der;
use super::root::Window;
use super::{Hashing, Key, KeyKind};

const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// A timestamp authority: a root, an intermediate if wanted, a signing key.
pub(crate) struct Tsa {
    pub(crate) root: Signer,
    pub(crate) intermediate: Option<Signer>,
    pub(crate) key: Key,
    /// The signing certificate in DER.
    pub(crate) certificate: Vec<u8>,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    pub(crate) valid: Window,
}

/// How a token is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenForm {
    /// The hash of the message imprint.
    pub(crate) hash: Hashing,
    /// Whether the signing certificate is inside.
    pub(crate) embedded: bool,
    /// Whether the response around the token is there, as in bundles.
    pub(crate) response: bool,
    /// Whether a second signer info follows.
    pub(crate) signed_twice: bool,
    /// Whether a bit of the signature is wrong.
    pub(crate) forged: bool,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self {
            hash: Hashing::Sha256,
            embedded: true,
            response: true,
            signed_twice: false,
            forged: false,
        }
    }
}

impl Tsa {
    /// An authority whose certificates are valid around `at` for years.
    pub(crate) fn new(kind: KeyKind, at: Timestamp, intermediate: bool) -> Self {
        Self::edited(kind, at, intermediate, |_| ())
    }

    /// An authority whose signing certificate was edited before it was signed.
    pub(crate) fn edited(
        kind: KeyKind,
        at: Timestamp,
        intermediate: bool,
        edit: impl FnOnce(&mut Tbs),
    ) -> Self {
        let day = SignedDuration::from_hours(24);
        let (from, until) = (at - day * 400, at + day * 400);
        let name = |common: &str| certificate::name("sigstore.test", common);
        let root = Signer::root(KeyKind::P384, name("sigstore-tsa-selfsigned"), from, until);
        let intermediate = intermediate.then(|| {
            root.intermediate(
                KeyKind::P384,
                name("sigstore-tsa-intermediate"),
                from,
                until,
                |tbs| {
                    tbs.put(certificate::purposes(&[certificate::TIME_STAMPING]));
                },
            )
        });
        let key = Key::generate(kind);
        let above = intermediate.as_ref().unwrap_or(&root);
        let mut tbs = above.request(key.spki(), name("sigstore-tsa"), from, until);
        tbs.extensions.insert(0, certificate::digital_signature());
        let mut purpose = certificate::purposes(&[certificate::TIME_STAMPING]);
        purpose.critical = true;
        tbs.extensions.push(purpose);
        edit(&mut tbs);
        Self {
            certificate: tbs.signed_by(&above.key),
            issuer: tbs.issuer,
            serial: tbs.serial,
            key,
            valid: Window::from(from),
            intermediate,
            root,
        }
    }

    /// The signing certificate, the intermediate, the root.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let above = self.intermediate.iter().chain([&self.root]);
        std::iter::once(self.certificate.clone())
            .chain(above.map(|signer| signer.certificate.clone()))
            .collect()
    }

    /// A token over `message`, made at `at`.
    pub(crate) fn token(&self, message: &[u8], at: Timestamp, form: TokenForm) -> Vec<u8> {
        let info = self.info(message, at, form.hash);
        let own = Hashing::for_key(self.key.kind);
        let mut signers = vec![self.signer_info(&info, at, form.forged)];
        if form.signed_twice {
            signers.push(self.signer_info(&info, at + SignedDuration::from_secs(1), false));
        }
        let mut certificates = Vec::new();
        if form.embedded {
            certificates.push(self.certificate.clone());
            certificates.extend(self.intermediate.iter().map(|s| s.certificate.clone()));
        }
        let signed_data = der::sequence(&[
            der::number(3),
            der::set(&[algorithm(own)]),
            der::sequence(&[der::oid(TST_INFO), der::context(0, &der::octets(&info))]),
            der::context(0, &der::joined(&certificates)),
            der::set(&signers),
        ]);
        let content = der::sequence(&[
            der::oid("1.2.840.113549.1.7.2"),
            der::context(0, &signed_data),
        ]);
        if !form.response {
            return content;
        }
        der::sequence(&[der::sequence(&[der::number(0)]), content])
    }

    /// TSTInfo.
    fn info(&self, message: &[u8], at: Timestamp, hash: Hashing) -> Vec<u8> {
        let name = certificate::name("sigstore.test", "sigstore-tsa");
        der::sequence(&[
            der::number(1),
            der::oid("1.3.6.1.4.1.57264.2"),
            der::sequence(&[algorithm(hash), der::octets(&hash.of(message))]),
            der::integer(&[0x75, 0x06, 0x6f, 0x80, 0x56]),
            der::generalized_time(at),
            der::sequence(&[der::number(1)]),
            der::integer(&[0x82, 0xff, 0x98, 0x23]),
            der::context(0, &der::context(4, &name)),
        ])
    }

    fn signer_info(&self, info: &[u8], at: Timestamp, forged: bool) -> Vec<u8> {
        let hash = Hashing::for_key(self.key.kind);
        let attribute =
            |oid: &str, value: Vec<u8>| der::sequence(&[der::oid(oid), der::set(&[value])]);
        let issuer_names = der::sequence(&[der::context(4, &self.issuer)]);
        let certificate_id = der::sequence(&[
            der::octets(&Hashing::Sha256.of(&self.certificate)),
            der::sequence(&[issuer_names, der::integer(&self.serial)]),
        ]);
        let attributes = der::set(&[
            attribute("1.2.840.113549.1.9.3", der::oid(TST_INFO)),
            attribute("1.2.840.113549.1.9.5", der::time(at)),
            attribute("1.2.840.113549.1.9.4", der::octets(&hash.of(info))),
            attribute(
                "1.2.840.113549.1.9.16.2.47",
                der::sequence(&[der::sequence(&[certificate_id])]),
            ),
        ]);
        let mut signature = self.key.sign(&attributes);
        if forged {
            *signature.last_mut().expect("a signature") ^= 1;
        }
        // The same bytes, but tagged as [0].
        let mut tagged = attributes;
        tagged[0] = 0xa0;
        der::sequence(&[
            der::number(1),
            der::sequence(&[self.issuer.clone(), der::integer(&self.serial)]),
            algorithm(hash),
            tagged,
            certificate::signature_algorithm(self.key.kind),
            der::octets(&signature),
        ])
    }
}

fn algorithm(hash: Hashing) -> Vec<u8> {
    der::sequence(&[der::oid(hash.oid())])
}
