//! X.509 certificates (RFC 5280), as Fulcio and the timestamp authority write
//! them, and with every defect that a test asks for.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use jiff::Timestamp;

use super::der;
use super::{Key, KeyKind};

pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const SUBJECT_KEY_ID: &str = "2.5.29.14";
pub(crate) const AUTHORITY_KEY_ID: &str = "2.5.29.35";
pub(crate) const SUBJECT_ALT_NAME: &str = "2.5.29.17";
pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// Purposes of a key.
pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub(crate) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub(crate) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";

/// One extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    /// What is inside of extnValue.
    pub(crate) value: Vec<u8>,
}

impl Extension {
    pub(crate) fn new(oid: &str, value: Vec<u8>) -> Self {
        Self {
            oid: oid.to_owned(),
            critical: false,
            value,
        }
    }

    pub(crate) fn critical(oid: &str, value: Vec<u8>) -> Self {
        Self {
            critical: true,
            ..Self::new(oid, value)
        }
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        let critical = if self.critical {
            der::yes()
        } else {
            Vec::new()
        };
        der::sequence(&[der::oid(&self.oid), critical, der::octets(&self.value)])
    }
}

/// `keyUsage: digitalSignature`.
pub(crate) fn digital_signature() -> Extension {
    Extension::critical(KEY_USAGE, vec![0x03, 0x02, 0x07, 0x80])
}

/// `keyUsage: keyCertSign, cRLSign`.
pub(crate) fn certificate_signing() -> Extension {
    Extension::critical(KEY_USAGE, vec![0x03, 0x02, 0x01, 0x06])
}

/// `extKeyUsage` with these purposes.
pub(crate) fn purposes(oids: &[&str]) -> Extension {
    let purposes: Vec<_> = oids.iter().map(|oid| der::oid(oid)).collect();
    Extension::new(EXTENDED_KEY_USAGE, der::sequence(&purposes))
}

/// `basicConstraints: CA`, with a path length or without one.
pub(crate) fn authority(path_length: Option<u8>) -> Extension {
    let length = path_length.map(der::number).unwrap_or_default();
    Extension::critical(BASIC_CONSTRAINTS, der::sequence(&[der::yes(), length]))
}

/// The key identifier of RFC 7093, method 1.
pub(crate) fn key_id(spki: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, spki).as_ref()[..20].to_vec()
}

/// A distinguished name of an organization and a common name.
pub(crate) fn name(organization: &str, common_name: &str) -> Vec<u8> {
    let attribute =
        |oid: &str, text: &str| der::set(&[der::sequence(&[der::oid(oid), der::printable(text)])]);
    der::sequence(&[
        attribute("2.5.4.10", organization),
        attribute("2.5.4.3", common_name),
    ])
}

/// The name of certificates that have none.
pub(crate) fn no_name() -> Vec<u8> {
    der::sequence::<Vec<u8>>(&[])
}

/// AlgorithmIdentifier of the signatures that [`Key::sign`] makes.
pub(crate) fn signature_algorithm(kind: KeyKind) -> Vec<u8> {
    match kind {
        KeyKind::P256 => der::sequence(&[der::oid("1.2.840.10045.4.3.2")]),
        KeyKind::P384 => der::sequence(&[der::oid("1.2.840.10045.4.3.3")]),
        KeyKind::P521 => der::sequence(&[der::oid("1.2.840.10045.4.3.4")]),
        KeyKind::Ed25519 => der::sequence(&[der::oid("1.3.101.112")]),
        KeyKind::Rsa => der::sequence(&[der::oid("1.2.840.113549.1.1.11"), der::tlv(0x05, &[])]),
    }
}

/// What a certificate says.
#[derive(Debug, Clone)]
pub(crate) struct Tbs {
    /// Unsigned, big-endian.
    pub(crate) serial: Vec<u8>,
    pub(crate) signature: KeyKind,
    /// A name in DER.
    pub(crate) issuer: Vec<u8>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// A name in DER.
    pub(crate) subject: Vec<u8>,
    /// SubjectPublicKeyInfo in DER.
    pub(crate) spki: Vec<u8>,
    pub(crate) extensions: Vec<Extension>,
}

impl Tbs {
    /// TBSCertificate in DER.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let extensions: Vec<_> = self.extensions.iter().map(Extension::to_der).collect();
        let extensions = if extensions.is_empty() {
            Vec::new()
        } else {
            der::context(3, &der::sequence(&extensions))
        };
        der::sequence(&[
            der::context(0, &der::number(2)),
            der::integer(&self.serial),
            signature_algorithm(self.signature),
            self.issuer.clone(),
            der::sequence(&[der::time(self.not_before), der::time(self.not_after)]),
            self.subject.clone(),
            self.spki.clone(),
            extensions,
        ])
    }

    /// The certificate that `key` makes of it.
    pub(crate) fn signed_by(&self, key: &Key) -> Vec<u8> {
        let tbs = self.to_der();
        let signature = key.sign(&tbs);
        der::sequence(&[tbs, signature_algorithm(key.kind), der::bits(&signature)])
    }

    /// Replaces the extension of this kind, or adds it.
    pub(crate) fn put(&mut self, extension: Extension) {
        match self.extensions.iter_mut().find(|e| e.oid == extension.oid) {
            Some(there) => *there = extension,
            None => self.extensions.push(extension),
        }
    }

    /// Leaves out the extension of this kind.
    pub(crate) fn drop(&mut self, oid: &str) {
        self.extensions.retain(|e| e.oid != oid);
    }
}

/// A certificate authority or one of its intermediates: key, name, certificate.
pub(crate) struct Signer {
    pub(crate) key: Key,
    /// A name in DER.
    pub(crate) name: Vec<u8>,
    /// The certificate in DER.
    pub(crate) certificate: Vec<u8>,
}

impl Signer {
    /// A self-signed root.
    pub(crate) fn root(
        kind: KeyKind,
        name: Vec<u8>,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Self {
        let key = Key::generate(kind);
        let id = key_id(key.spki());
        let tbs = Tbs {
            serial: vec![1],
            signature: kind,
            issuer: name.clone(),
            not_before,
            not_after,
            subject: name.clone(),
            spki: key.spki().to_vec(),
            extensions: vec![
                certificate_signing(),
                authority(None),
                Extension::new(SUBJECT_KEY_ID, der::octets(&id)),
                Extension::new(AUTHORITY_KEY_ID, der::sequence(&[der::primitive(0, &id)])),
            ],
        };
        let certificate = tbs.signed_by(&key);
        Self {
            key,
            name,
            certificate,
        }
    }

    /// An intermediate below this one, as `edit` wants it.
    pub(crate) fn intermediate(
        &self,
        kind: KeyKind,
        name: Vec<u8>,
        not_before: Timestamp,
        not_after: Timestamp,
        edit: impl FnOnce(&mut Tbs),
    ) -> Self {
        let key = Key::generate(kind);
        let mut tbs = self.request(key.spki(), name.clone(), not_before, not_after);
        tbs.serial = vec![2];
        tbs.extensions.insert(0, certificate_signing());
        tbs.extensions.insert(1, purposes(&[CODE_SIGNING]));
        tbs.extensions.insert(2, authority(Some(0)));
        edit(&mut tbs);
        Self {
            certificate: tbs.signed_by(&self.key),
            key,
            name,
        }
    }

    /// What this one would sign for a key: names and key identifiers, nothing
    /// about usage yet.
    pub(crate) fn request(
        &self,
        spki: &[u8],
        subject: Vec<u8>,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Tbs {
        let own = key_id(self.key.spki());
        // 16 bytes as Fulcio's, another for each certificate.
        static ISSUED: AtomicU64 = AtomicU64::new(0);
        let issued = ISSUED.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut serial = [&key_id(spki)[..8], &issued].concat();
        serial[0] = 0x40 | (serial[0] & 0x3f);
        Tbs {
            serial,
            signature: self.key.kind,
            issuer: self.name.clone(),
            not_before,
            not_after,
            subject,
            spki: spki.to_vec(),
            extensions: vec![
                Extension::new(SUBJECT_KEY_ID, der::octets(&key_id(spki))),
                Extension::new(AUTHORITY_KEY_ID, der::sequence(&[der::primitive(0, &own)])),
            ],
        }
    }
}
