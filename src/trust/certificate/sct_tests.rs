use der::{Decode, Encode};
use rcgen::{
    CertificateParams, CustomExtension, KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey,
};

use super::pki::{self, Holder, at};
use super::{Leaf, scts};
use crate::oci::Digest;
use crate::trust::root::{Log, TrustRoot};
use crate::trust::{PublicKey, Rejection, RejectionKind, SctProof, Window};

/// 2026-01-01T00:00:30Z
const SEEN: u64 = 1_767_225_630_000;

/// A certificate transparency log.
struct CtLog {
    id: [u8; 32],
    key: KeyPair,
    algorithm: [u8; 2],
}

impl CtLog {
    fn new(algorithm: &'static SignatureAlgorithm, tls: [u8; 2]) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut id = [0; 32];
        id.copy_from_slice(Digest::sha256(&key.subject_public_key_info()).as_bytes());
        Self {
            id,
            key,
            algorithm: tls,
        }
    }

    fn p256() -> Self {
        Self::new(&rcgen::PKCS_ECDSA_P256_SHA256, [4, 3])
    }

    fn log(&self) -> Log {
        Log {
            id: self.id,
            key: PublicKey::from_spki(&self.key.subject_public_key_info()).unwrap(),
            origin: "ct.example".into(),
            window: Window::default(),
        }
    }

    /// An SCT over `tbs`, with `extensions`.
    fn sct(&self, tbs: &[u8], issuer: &[u8], extensions: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 0];
        message.extend(SEEN.to_be_bytes());
        message.extend([0, 1]);
        message.extend(Digest::sha256(issuer).as_bytes());
        message.extend(&(tbs.len() as u32).to_be_bytes()[1..]);
        message.extend(tbs);
        message.extend(vector(extensions));
        let mut sct = vec![0];
        sct.extend(self.id);
        sct.extend(SEEN.to_be_bytes());
        sct.extend(vector(extensions));
        sct.extend(self.algorithm);
        sct.extend(vector(&self.key.sign(&message).unwrap()));
        sct
    }
}

fn vector(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend(bytes);
    out
}

fn root(logs: Vec<Log>) -> TrustRoot {
    let pem = pki::root(pki::authority("Unused"));
    let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &pem.der).unwrap();
    let mut root = TrustRoot::from_certificates("acme", &pem).unwrap();
    root.ct_logs = logs;
    root
}

/// The extension with these SCTs.
fn list(scts: &[Vec<u8>]) -> CustomExtension {
    let all: Vec<u8> = scts.iter().flat_map(|sct| vector(sct)).collect();
    extension(&vector(&all))
}

fn extension(list: &[u8]) -> CustomExtension {
    let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
    CustomExtension::from_oid_content(&oid, pki::tlv(4, list))
}

/// What the log sees: the certificate before the SCTs are in it.
struct Issuing {
    issuer: Holder,
    key: KeyPair,
    params: CertificateParams,
    tbs: Vec<u8>,
}

impl Issuing {
    fn new() -> Self {
        let issuer = pki::root(pki::authority("Root"));
        let key = KeyPair::generate().unwrap();
        let params = pki::signer();
        let without = issuer.certifies_key(&params, &key);
        let tbs = x509_cert::Certificate::from_der(&without).unwrap();
        let tbs = tbs.tbs_certificate.to_der().unwrap();
        Self {
            issuer,
            key,
            params,
            tbs,
        }
    }

    fn spki(&self) -> Vec<u8> {
        self.issuer.ca().spki
    }

    fn with(&self, list: CustomExtension) -> Vec<u8> {
        let mut params = self.params.clone();
        // Not last, so that what follows has to be kept.
        params.custom_extensions.insert(0, list);
        self.issuer.certifies_key(&params, &self.key)
    }

    fn check(&self, list: CustomExtension, logs: Vec<Log>) -> Result<SctProof, Rejection> {
        let der = self.with(list);
        let leaf = Leaf::parse(&der).unwrap();
        scts(&leaf, &self.spki(), &root(logs))
    }
}

#[track_caller]
fn refused(found: Result<SctProof, Rejection>, kind: RejectionKind, words: &str) {
    let rejection = found.unwrap_err();
    assert_eq!(rejection.kind, kind, "{rejection}");
    assert!(rejection.detail.contains(words), "{rejection}");
}

#[test]
fn a_timestamp_by_a_log_of_the_root_is_proof() {
    let issuing = Issuing::new();
    let logs = [
        CtLog::p256(),
        CtLog::new(&rcgen::PKCS_ECDSA_P384_SHA384, [5, 3]),
    ];
    for log in logs {
        for extensions in [&[][..], &[0, 0, 5, 0, 0, 0, 0, 1]] {
            let sct = log.sct(&issuing.tbs, &issuing.spki(), extensions);
            let found = issuing.check(list(&[sct]), vec![log.log()]).unwrap();
            assert_eq!(
                found,
                SctProof {
                    log: log.id,
                    at: at("2026-01-01T00:00:30Z")
                }
            );
        }
    }
}

#[test]
fn a_certificate_without_a_timestamp_has_none() {
    let issuing = Issuing::new();
    let log = CtLog::p256();
    let der = issuing.issuer.certifies_key(&issuing.params, &issuing.key);
    let leaf = Leaf::parse(&der).unwrap();
    refused(
        scts(&leaf, &issuing.spki(), &root(vec![log.log()])),
        RejectionKind::SctMissing,
        "no signed certificate timestamp",
    );
    refused(
        issuing.check(list(&[]), vec![log.log()]),
        RejectionKind::SctMissing,
        "no signed certificate timestamp",
    );
}

#[test]
fn a_timestamp_over_anything_else_is_invalid() {
    let issuing = Issuing::new();
    let log = CtLog::p256();
    let logs = || vec![log.log()];
    let not_by = "not made by the log ct.example over this certificate";
    let invalid = RejectionKind::SctInvalid;
    let other = Issuing::new();
    let sct = log.sct(&other.tbs, &issuing.spki(), &[]);
    refused(issuing.check(list(&[sct]), logs()), invalid, not_by);
    let sct = log.sct(&issuing.tbs, &other.spki(), &[]);
    refused(issuing.check(list(&[sct]), logs()), invalid, not_by);
    let good = log.sct(&issuing.tbs, &issuing.spki(), &[]);
    // Version and log aside, every byte is signed or the signature itself.
    for (place, what) in [
        (33, "time"),
        (40, "time"),
        (43, "algorithm"),
        (60, "signature"),
    ] {
        let mut sct = good.clone();
        sct[place] ^= 1;
        let found = issuing.check(list(&[sct]), logs());
        assert_eq!(found.unwrap_err().kind, invalid, "{what}");
    }
    let mut params = issuing.params.clone();
    params
        .custom_extensions
        .push(pki::extension(20, &pki::utf8("push")));
    params.custom_extensions.push(list(&[good]));
    let der = issuing.issuer.certifies_key(&params, &issuing.key);
    let leaf = Leaf::parse(&der).unwrap();
    refused(scts(&leaf, &issuing.spki(), &root(logs())), invalid, not_by);
}

#[test]
fn a_log_that_the_root_does_not_name_proves_nothing() {
    let issuing = Issuing::new();
    let (known, unknown) = (CtLog::p256(), CtLog::p256());
    let theirs = unknown.sct(&issuing.tbs, &issuing.spki(), &[]);
    refused(
        issuing.check(list(std::slice::from_ref(&theirs)), vec![known.log()]),
        RejectionKind::SctInvalid,
        "that the trust root does not name",
    );
    let ours = known.sct(&issuing.tbs, &issuing.spki(), &[]);
    let both = list(&[theirs, ours.clone()]);
    assert_eq!(
        issuing.check(both, vec![known.log()]).unwrap().log,
        known.id
    );
    // An impostor under the id of a known log.
    let impostor = CtLog {
        id: known.id,
        ..CtLog::p256()
    };
    let forged = impostor.sct(&issuing.tbs, &issuing.spki(), &[]);
    for scts in [vec![forged.clone()], vec![ours.clone(), forged]] {
        refused(
            issuing.check(list(&scts), vec![known.log()]),
            RejectionKind::SctInvalid,
            "not made by the log",
        );
    }
}

#[test]
fn the_log_must_have_been_trusted_at_the_time_of_the_timestamp() {
    let issuing = Issuing::new();
    let log = CtLog::p256();
    let sct = log.sct(&issuing.tbs, &issuing.spki(), &[]);
    let mut trusted = log.log();
    trusted.window.end = Some(at("2026-01-01T00:00:30Z"));
    assert!(
        issuing
            .check(list(std::slice::from_ref(&sct)), vec![trusted.clone()])
            .is_ok()
    );
    trusted.window.end = Some(at("2026-01-01T00:00:29.999Z"));
    refused(
        issuing.check(list(&[sct]), vec![trusted]),
        RejectionKind::SctInvalid,
        "when the log ct.example was not trusted",
    );
}

#[test]
fn the_scheme_must_be_the_one_that_the_timestamp_names() {
    let issuing = Issuing::new();
    for (algorithm, named) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, [5, 3]),
        (&rcgen::PKCS_ECDSA_P384_SHA384, [4, 3]),
        (&rcgen::PKCS_ED25519, [8, 7]),
    ] {
        let log = CtLog::new(algorithm, named);
        let sct = log.sct(&issuing.tbs, &issuing.spki(), &[]);
        refused(
            issuing.check(list(&[sct]), vec![log.log()]),
            RejectionKind::SctInvalid,
            "not made by the log",
        );
    }
}

#[test]
fn a_list_that_cannot_be_read_to_its_end_is_invalid() {
    let issuing = Issuing::new();
    let log = CtLog::p256();
    let sct = log.sct(&issuing.tbs, &issuing.spki(), &[]);
    let good = vector(&vector(&sct));
    let mut version = sct.clone();
    version[0] = 1;
    let bad = [
        Vec::new(),
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0]].concat(),
        vector(&[&vector(&sct)[..], &[0]].concat()),
        vector(&vector(&[&sct[..], &[0]].concat())),
        vector(&vector(&version)),
        vector(&vector(&[])),
    ];
    for list in bad {
        refused(
            issuing.check(extension(&list), vec![log.log()]),
            RejectionKind::SctInvalid,
            "cannot be read",
        );
    }
    refused(
        issuing.check(list(&vec![sct; 9]), vec![log.log()]),
        RejectionKind::SctInvalid,
        "more than 8",
    );
}
