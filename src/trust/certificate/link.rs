//! Signatures between the certificates of one authority, checked once.
//!
//! Nearly all of what a path costs are signatures, and those above the issuing
//! certificate are the same for every leaf. What is remembered is nothing but
//! that this key made this signature over these bytes: which certificates may
//! stand in a path, and when, is judged each time.

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use webpki::aws_lc_rs as algorithms;

use super::CaCertificate;

/// With which signatures authorities may sign certificates.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// How many pairs of certificates are looked at: certificates with one name can
/// be made so that each might have signed each other one.
const MAX_CHECKS: usize = 64;

/// The signatures within one authority that were verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::trust) struct Links(Vec<Link>);

/// A signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    /// With which of [`ALGORITHMS`].
    algorithm: usize,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Links {
    /// Checks which certificates of `chain` were signed by which others. What
    /// was not, or is left out, is checked again whenever a path needs it.
    pub(in crate::trust) fn within(chain: &[CaCertificate]) -> Self {
        let pairs = chain.iter().flat_map(|child| {
            let parents = chain
                .iter()
                .filter(|parent| child.issuer == parent.subject && child.der != parent.der);
            parents.map(move |parent| (child, parent))
        });
        let checked = pairs.take(MAX_CHECKS);
        Self(
            checked
                .filter_map(|(child, parent)| Link::check(child, parent).ok().flatten())
                .collect(),
        )
    }

    /// The algorithms for a path search, which take what is known for verified.
    pub(super) fn algorithms(&self) -> Vec<Remembering<'_>> {
        let numbered = ALGORITHMS.iter().enumerate();
        numbered
            .map(|(number, inner)| Remembering {
                number,
                inner: *inner,
                known: &self.0,
            })
            .collect()
    }
}

impl Link {
    /// The signature of `parent` on `child`, if it is one.
    fn check(child: &CaCertificate, parent: &CaCertificate) -> der::Result<Option<Self>> {
        let mut parts = SliceReader::new(AnyRef::from_der(&child.der)?.value())?;
        let message = parts.tlv_bytes()?;
        let signed_with = AnyRef::decode(&mut parts)?.value();
        let signature = BitStringRef::decode(&mut parts)?.raw_bytes();
        let mut parts = SliceReader::new(AnyRef::from_der(&parent.spki)?.value())?;
        let kind = AnyRef::decode(&mut parts)?.value();
        let key = BitStringRef::decode(&mut parts)?.raw_bytes();
        let verified = ALGORITHMS.iter().position(|algorithm| {
            algorithm.signature_alg_id().as_ref() == signed_with
                && algorithm.public_key_alg_id().as_ref() == kind
                && algorithm.verify_signature(key, message, signature).is_ok()
        });
        Ok(verified.map(|algorithm| Self {
            algorithm,
            key: key.to_vec(),
            message: message.to_vec(),
            signature: signature.to_vec(),
        }))
    }
}

/// An algorithm that does not verify again what it has verified.
#[derive(Debug)]
pub(super) struct Remembering<'l> {
    number: usize,
    inner: &'static dyn SignatureVerificationAlgorithm,
    known: &'l [Link],
}

impl SignatureVerificationAlgorithm for Remembering<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let known = self.known.iter().any(|link| {
            link.algorithm == self.number
                && link.signature == signature
                && link.key == public_key
                && link.message == message
        });
        if known {
            return Ok(());
        }
        self.inner.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.inner.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.inner.signature_alg_id()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::SigningKey as _;

    use super::super::pki;
    use super::*;

    #[test]
    fn the_signatures_within_a_chain_are_remembered_and_no_others() {
        let root = pki::root(pki::authority("Root"));
        let between = root.certifies(pki::authority("Between"));
        let impostor = pki::root(pki::authority("Root"));
        let links = |chain: &[&pki::Holder]| {
            let chain: Vec<_> = chain.iter().map(|holder| holder.ca()).collect();
            Links::within(&chain).0
        };
        assert_eq!(links(&[&between, &root]).len(), 1);
        // Nothing is remembered of who signs itself, or under the same name.
        assert_eq!(links(&[&root]), []);
        assert_eq!(links(&[&between, &impostor]), []);
        let good = links(&[&between, &root]);
        assert_eq!(links(&[&between, &impostor, &root]), good);
    }

    #[test]
    fn what_is_remembered_is_one_signature_by_one_key_over_one_message() {
        let root = pki::root(pki::authority("Root"));
        let between = root.certifies(pki::authority("Between"));
        let links = Links::within(&[between.ca(), root.ca()]);
        let [link] = &links.0[..] else {
            panic!("one signature");
        };
        let algorithms = links.algorithms();
        let good = &algorithms[link.algorithm];
        let says = |key: &[u8], message: &[u8], signature: &[u8]| {
            good.verify_signature(key, message, signature).is_ok()
        };
        let (key, message, signature) = (&link.key, &link.message, &link.signature);
        assert!(says(key, message, signature));
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        };
        assert!(!says(&flipped(key), message, signature));
        assert!(!says(key, &flipped(message), signature));
        assert!(!says(key, message, &flipped(signature)));
        for (number, other) in algorithms.iter().enumerate() {
            if number != link.algorithm {
                assert!(other.verify_signature(key, message, signature).is_err());
            }
        }
        // What is not remembered is verified.
        let other = rcgen::KeyPair::generate().unwrap();
        let signature = other.sign(b"message").unwrap();
        let key = rcgen::PublicKeyData::der_bytes(&other);
        assert!(says(key, b"message", &signature));
    }
}
