//! One document, one authority's material: a verified claim or a rejection.

use std::sync::Arc;

use super::prove::prove;
use super::signed::{Payload, Signed};
use super::{
    AttestationClaim, AuthorityMaterial, Claim, Established, OldBundles, Proof, Rejection,
    RejectionKind, SignatureClaim, SignatureLayout, Verified,
};
use crate::evidence::simple_signing::COSIGN_TYPE;
use crate::evidence::statement::{COSIGN_SIGN, Statement, StatementError};
use crate::evidence::{
    Attestation, Body, Bundle, BundleContent, BundleVersion, Document, DsseContent,
    MessageSignature, SimpleSigning, dsse,
};
use crate::oci::Digest;

/// Checks whether `document` is a signature of `subject`, or an attestation
/// about it, by a signer of `material`.
///
/// "Signed" means a simple-signing payload bound to this digest, or a DSSE
/// envelope whose in-toto statement has the predicate type
/// `https://sigstore.dev/cosign/sign/v1` and this digest among its subjects; a
/// statement of any other type is an attestation. Names and references in a
/// statement or payload are reported and bind nothing.
///
/// # Errors
///
/// A [`super::Rejection`] with the first thing that is wrong, in this order:
/// format, syntax, signature, log, timestamp and certificate, what was signed,
/// binding to the subject. Nothing inside a payload is believed before its
/// signature was checked.
pub fn establish(
    document: &Document,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
    match &document.body {
        Body::SimpleSigning(signing) => simple_signing(signing, subject, material),
        Body::Attestation(attestation) => {
            self::attestation(document, attestation, subject, material)
        }
        Body::Bundle(bundle) => self::bundle(document, bundle, subject, material),
        Body::Unsupported { format } => Err(Rejection::new(
            RejectionKind::FormatNotSupported,
            format!("found {format}, which floe does not verify; sign with cosign"),
        )),
        Body::Malformed { detail } => Err(malformed(detail)),
    }
}

/// A file that is not an image, or its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// Nothing but the digest is known. Signatures whose scheme needs the bytes
    /// cannot be checked.
    Digest(Digest),
}

impl Blob<'_> {
    fn has_digest(&self, digest: &Digest) -> bool {
        match self {
            Self::Bytes(bytes) => Digest::of(digest.algorithm(), bytes) == *digest,
            Self::Digest(known) => known == digest,
        }
    }

    fn sha256(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::sha256(bytes),
            Self::Digest(digest) => *digest,
        }
    }
}

/// Checks whether the bundle in `document` is a signature of `blob`, or an
/// attestation about it, by a signer of `material`.
///
/// Every published version of the bundle format is read: whoever calls has the
/// bundle from the user, not from a registry. A signature is a
/// `messageSignature` over the bytes; a statement of any type counts if the
/// blob is among its subjects.
///
/// # Errors
///
/// As [`establish`]; [`RejectionKind::FormatNotSupported`] for anything but a
/// bundle.
pub fn establish_blob(
    document: &Document,
    blob: &Blob<'_>,
    material: &AuthorityMaterial,
) -> Established {
    let bundle = match &document.body {
        Body::Bundle(bundle) => bundle,
        Body::Malformed { detail } => return Err(malformed(detail)),
        Body::Unsupported { format } => {
            return Err(Rejection::new(
                RejectionKind::FormatNotSupported,
                format!("found {format}, where a Sigstore bundle is expected"),
            ));
        }
        Body::SimpleSigning(_) | Body::Attestation(_) => {
            return Err(Rejection::new(
                RejectionKind::FormatNotSupported,
                "found a legacy cosign signature, where a Sigstore bundle is expected",
            ));
        }
    };
    match &bundle.content {
        BundleContent::MessageSignature(message) => {
            message_signature(bundle, message, blob, material)
        }
        BundleContent::Dsse(content) => {
            let (statement, signature) = envelope(content)?;
            let proof = prove(&bundle_signed(bundle, content, signature), material)?;
            let subjects = statement
                .subjects
                .iter()
                .flat_map(|subject| &subject.digests);
            let Some(subject) = subjects.into_iter().find(|digest| blob.has_digest(digest)) else {
                return Err(not_a_subject(statement, "this file", &proof));
            };
            Ok(Verified::new(
                claim(document, statement, subject, SignatureLayout::Bundle),
                proof,
            ))
        }
    }
}

fn message_signature(
    bundle: &Bundle,
    message: &MessageSignature,
    blob: &Blob<'_>,
    material: &AuthorityMaterial,
) -> Established {
    let payload = match blob {
        Blob::Bytes(bytes) => Payload::Bytes(bytes),
        Blob::Digest(digest) => Payload::Digest(digest),
    };
    let signed = Signed {
        signature: &message.signature,
        stamped: &message.signature,
        payload,
        material: &bundle.material,
        bundle: Some(bundle.version),
    };
    if let Some(named) = &message.digest
        && !payload.has_digest(&named.algorithm, &named.digest)?
    {
        return Err(Rejection::new(
            RejectionKind::SubjectMismatch,
            "the bundle is about other bytes: the digest that it names is not that of this file",
        ));
    }
    let proof = prove(&signed, material)?;
    Ok(Verified::new(
        Claim::Signature(SignatureClaim {
            subject: blob.sha256(),
            layout: SignatureLayout::Bundle,
            docker_reference: None,
            annotations: Default::default(),
        }),
        proof,
    ))
}

fn simple_signing(
    signing: &SimpleSigning,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
    let signed = Signed {
        signature: &signing.signature,
        stamped: &signing.signature,
        payload: Payload::Bytes(signing.signed_bytes.bytes()),
        material: &signing.material,
        bundle: None,
    };
    let proof = prove(&signed, material)?;
    let payload = &signing.payload;
    if payload.kind != COSIGN_TYPE {
        return Err(Rejection::new(
            RejectionKind::PayloadType,
            format!(
                "the signed payload is of type {:?}; a signature is of type {COSIGN_TYPE:?}",
                shortened(&payload.kind)
            ),
        ));
    }
    if payload.digest != *subject {
        return Err(Rejection::new(
            RejectionKind::SubjectMismatch,
            format!(
                "the signature by {} is for {}, not for this image",
                proof.signer, payload.digest
            ),
        ));
    }
    Ok(Verified::new(
        Claim::Signature(SignatureClaim {
            subject: *subject,
            layout: SignatureLayout::SimpleSigning,
            docker_reference: payload.docker_reference.clone(),
            annotations: payload.annotations.clone(),
        }),
        proof,
    ))
}

fn attestation(
    document: &Document,
    attestation: &Attestation,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
    let (statement, signature) = envelope(&attestation.content)?;
    let signed = Signed {
        signature,
        stamped: attestation.envelope.bytes(),
        payload: Payload::Dsse(&attestation.content),
        material: &attestation.material,
        bundle: None,
    };
    let proof = prove(&signed, material)?;
    if statement.predicate_type == COSIGN_SIGN {
        return Err(Rejection::new(
            RejectionKind::FormatNotSupported,
            format!(
                "found a signature by {} where attestations are attached; attach it as a bundle",
                proof.signer
            ),
        ));
    }
    about(
        document,
        statement,
        subject,
        SignatureLayout::Attestation,
        proof,
    )
}

fn bundle(
    document: &Document,
    bundle: &Bundle,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
    if bundle.version < BundleVersion::V0_3 && material.demands().old_bundles == OldBundles::Refused
    {
        return Err(Rejection::new(
            RejectionKind::BundleVersion,
            format!(
                "the bundle is of version {}; sign again with a current cosign, or accept old \
                 bundles in the policy",
                bundle.version
            ),
        ));
    }
    match &bundle.content {
        BundleContent::Dsse(content) => {
            let (statement, signature) = envelope(content)?;
            let proof = prove(&bundle_signed(bundle, content, signature), material)?;
            about(document, statement, subject, SignatureLayout::Bundle, proof)
        }
        BundleContent::MessageSignature(_) => Err(Rejection::new(
            RejectionKind::FormatNotSupported,
            "the bundle holds a signature over a blob (messageSignature), which says nothing \
             about an image; sign the image itself",
        )),
    }
}

const fn bundle_signed<'a>(
    bundle: &'a Bundle,
    content: &'a DsseContent,
    signature: &'a [u8],
) -> Signed<'a> {
    Signed {
        signature,
        stamped: signature,
        payload: Payload::Dsse(content),
        material: &bundle.material,
        bundle: Some(bundle.version),
    }
}

/// The statement and the one signature of an envelope.
fn envelope(content: &DsseContent) -> Result<(&Statement, &[u8]), Rejection> {
    let [signature] = &content.signatures[..] else {
        return Err(Rejection::new(
            RejectionKind::SignatureCount,
            format!(
                "the envelope has {} signatures; exactly one is expected",
                content.signatures.len()
            ),
        ));
    };
    if content.payload_type != dsse::IN_TOTO {
        return Err(Rejection::new(
            RejectionKind::PayloadType,
            format!(
                "the envelope holds {:?}; {:?} is expected",
                shortened(&content.payload_type),
                dsse::IN_TOTO
            ),
        ));
    }
    match &content.statement {
        Ok(statement) => Ok((statement, signature)),
        Err(error @ StatementError::Type(_)) => Err(Rejection::new(
            RejectionKind::PayloadType,
            error.to_string(),
        )),
        Err(StatementError::Malformed(detail)) => Err(malformed(detail)),
    }
}

/// What a verified statement claims about `subject`, if it is about it.
fn about(
    document: &Document,
    statement: &Statement,
    subject: &Digest,
    layout: SignatureLayout,
    proof: Proof,
) -> Established {
    if statement.subject(subject).is_none() {
        return Err(not_a_subject(statement, "this image", &proof));
    }
    Ok(Verified::new(
        claim(document, statement, subject, layout),
        proof,
    ))
}

/// The claim of a statement that has `subject` among its subjects.
fn claim(
    document: &Document,
    statement: &Statement,
    subject: &Digest,
    layout: SignatureLayout,
) -> Claim {
    if statement.predicate_type == COSIGN_SIGN {
        return Claim::Signature(SignatureClaim {
            subject: *subject,
            layout,
            docker_reference: None,
            annotations: statement
                .subject(subject)
                .map(|found| found.annotations.clone())
                .unwrap_or_default(),
        });
    }
    Claim::Attestation(AttestationClaim {
        subject: *subject,
        layout,
        document: document.id,
        predicate_type: statement.predicate_type.as_str().into(),
        predicate: Arc::clone(&statement.predicate),
    })
}

fn not_a_subject(statement: &Statement, what: &str, proof: &Proof) -> Rejection {
    if statement.subjects.is_empty() {
        return Rejection::new(
            RejectionKind::SubjectMissing,
            format!("the statement by {} names no subject", proof.signer),
        );
    }
    let digests = statement.subjects.iter().flat_map(|s| &s.digests);
    Rejection::new(
        RejectionKind::SubjectMismatch,
        match digests.clone().next() {
            Some(first) if digests.count() == 1 => format!(
                "the signature by {} is for {first}, not for {what}",
                proof.signer
            ),
            _ => format!(
                "none of the {} subjects signed by {} has the digest of {what}",
                statement.subjects.len(),
                proof.signer
            ),
        },
    )
}

fn malformed(detail: &str) -> Rejection {
    Rejection::new(RejectionKind::Malformed, detail)
}

/// A text of the signer's choice, cut to a length that fits a message.
fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}
