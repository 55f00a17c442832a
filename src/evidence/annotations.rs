//! What cosign's legacy layouts keep in the annotations of a layer: the
//! signature, the certificates, the log entry and the timestamp.
//!
//! The layouts differ in what is signed and not in these. Each part that cannot
//! be read stands for itself: it counts for nothing where it is asked for, and
//! a key whose signature is good needs none of them.

use std::collections::BTreeMap;

use super::json::{self, JsonError, Object};
use super::{LogEntry, SignerMaterial, VerificationMaterial, material, pem};

/// The signature of a simple-signing layer, base64.
pub(super) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The certificate of a keyless or PKI signature, PEM.
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";

/// The certificates above it, PEM.
const CHAIN: &str = "dev.sigstore.cosign/chain";

/// The log entry, as Rekor v1 answered.
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";

/// The RFC 3161 timestamp.
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// Every annotation that verification reads.
pub(super) const ALL: [&str; 5] = [SIGNATURE, CERTIFICATE, CHAIN, LOG_ENTRY, TIMESTAMP];

/// The annotation `key`, if it is there and says anything: cosign writes some
/// of them empty.
pub(super) fn get<'a>(annotations: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    annotations
        .get(key)
        .map(String::as_str)
        .filter(|text| !text.is_empty())
}

impl VerificationMaterial {
    /// Reads the annotations of a layer.
    pub(super) fn from_annotations(annotations: &BTreeMap<String, String>) -> Self {
        Self {
            signer: signer(annotations),
            log_entries: get(annotations, LOG_ENTRY)
                .map(|text| LogEntry::from_annotation(text).map_err(|JsonError(detail)| detail))
                .into_iter()
                .collect(),
            timestamps: get(annotations, TIMESTAMP)
                .map(|text| timestamp(text).unwrap_or_default())
                .into_iter()
                .collect(),
        }
    }
}

fn signer(annotations: &BTreeMap<String, String>) -> SignerMaterial {
    let Some(text) = get(annotations, CERTIFICATE) else {
        return SignerMaterial::PublicKey { hint: None };
    };
    let mut leaf = pem::blocks(text, pem::CERTIFICATE, 1).unwrap_or_default();
    let leaf = leaf.pop().unwrap_or_default();
    match get(annotations, CHAIN) {
        None => SignerMaterial::Certificate(leaf),
        Some(text) => {
            let above = pem::blocks(text, pem::CERTIFICATE, material::MAX_CHAIN - 1)
                .unwrap_or_else(|| vec![Vec::new()]);
            SignerMaterial::Chain([leaf].into_iter().chain(above).collect())
        }
    }
}

fn timestamp(text: &str) -> Result<Vec<u8>, JsonError> {
    Object::parse("timestamp", text, &["SignedRFC3161Timestamp"])?.base64("SignedRFC3161Timestamp")
}

/// The signature in the annotation, decoded.
pub(super) fn signature(text: &str) -> Result<Vec<u8>, String> {
    json::base64(text).ok_or_else(|| format!("{SIGNATURE} is not standard base64 with padding"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----\n";

    fn read(pairs: &[(&str, &str)]) -> VerificationMaterial {
        let annotations = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        VerificationMaterial::from_annotations(&annotations.collect())
    }

    #[test]
    fn empty_annotations_are_absent_ones() {
        let nothing = VerificationMaterial {
            signer: SignerMaterial::PublicKey { hint: None },
            log_entries: Vec::new(),
            timestamps: Vec::new(),
        };
        assert_eq!(read(&[]), nothing);
        assert_eq!(read(&ALL.map(|key| (key, ""))), nothing);
        assert_eq!(read(&[(CHAIN, PEM)]), nothing);
    }

    #[test]
    fn certificates_are_read_leaf_first() {
        let signer = |pairs: &[(&str, &str)]| read(pairs).signer;
        let two = format!("{PEM}{PEM}");
        let hi = || b"hi".to_vec();
        assert_eq!(
            signer(&[(CERTIFICATE, PEM)]),
            SignerMaterial::Certificate(hi())
        );
        assert_eq!(
            signer(&[(CERTIFICATE, PEM), (CHAIN, &two)]),
            SignerMaterial::Chain(vec![hi(), hi(), hi()])
        );
        // What cannot be read is there and nobody's.
        for text in ["PEM", &two] {
            assert_eq!(
                signer(&[(CERTIFICATE, text)]),
                SignerMaterial::Certificate(Vec::new())
            );
        }
        for text in ["PEM", &PEM.repeat(material::MAX_CHAIN)] {
            assert_eq!(
                signer(&[(CERTIFICATE, PEM), (CHAIN, text)]),
                SignerMaterial::Chain(vec![hi(), Vec::new()])
            );
        }
    }

    #[test]
    fn a_log_entry_or_timestamp_that_cannot_be_read_is_kept_as_one() {
        let material = read(&[(LOG_ENTRY, "[]"), (TIMESTAMP, "{}")]);
        assert_eq!(
            material.log_entries,
            [Err("log entry is not an object".to_owned())]
        );
        assert_eq!(material.timestamps, [Vec::<u8>::new()]);
        let material = read(&[(TIMESTAMP, r#"{"SignedRFC3161Timestamp":"aGk="}"#)]);
        assert_eq!(material.timestamps, [b"hi".to_vec()]);
    }
}
