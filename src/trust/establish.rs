//! One document, one authority's material: a verified claim or a rejection.

use super::{
    AuthorityMaterial, Established, KeyFingerprint, Proof, PublicKey, Rejection, RejectionKind,
    SignatureClaim, SignatureLayout, SignerId, Verified,
};
use crate::evidence::simple_signing::COSIGN_TYPE;
use crate::evidence::statement::{COSIGN_SIGN, StatementError};
use crate::evidence::{
    Body, Bundle, BundleContent, Document, DsseContent, SimpleSigning, VerificationMaterial, dsse,
};
use crate::oci::Digest;

/// Checks whether `document` is a signature of `subject` by a key of
/// `material`.
///
/// "Signed" means a simple-signing payload bound to this digest, or a DSSE
/// envelope whose in-toto statement has the predicate type
/// `https://sigstore.dev/cosign/sign/v1` and this digest among its subjects. An
/// attestation is not a signature. Names and references in a statement or
/// payload are reported and bind nothing.
///
/// # Errors
///
/// A [`super::Rejection`] with the first thing that is wrong, in this order:
/// format, syntax, signature, what was signed, binding to the subject. Nothing
/// inside a payload is believed before its signature was checked.
pub fn establish(
    document: &Document,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
    match &document.body {
        Body::SimpleSigning(signing) => simple_signing(signing, subject, material),
        Body::Bundle(bundle) => self::bundle(bundle, subject, material),
        Body::Unsupported { format } => Err(Rejection::new(
            RejectionKind::FormatNotSupported,
            format!("found {format}, which is not supported yet; sign with cosign and a key"),
        )),
        Body::Malformed { detail } => Err(malformed(detail)),
    }
}

fn simple_signing(
    signing: &SimpleSigning,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
    let proof = prove(
        material,
        None,
        signing.signed_bytes.bytes(),
        &signing.signature,
    )
    .map_err(|rejection| {
        if signing.has_certificate {
            keyless()
        } else {
            rejection
        }
    })?;
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
        SignatureClaim {
            subject: *subject,
            layout: SignatureLayout::SimpleSigning,
            docker_reference: payload.docker_reference.clone(),
            annotations: payload.annotations.clone(),
        },
        proof,
    ))
}

fn bundle(bundle: &Bundle, subject: &Digest, material: &AuthorityMaterial) -> Established {
    let hint = match bundle.material {
        VerificationMaterial::PublicKey { hint } => hint.map(KeyFingerprint::from_bytes),
        VerificationMaterial::Certificate => return Err(keyless()),
    };
    match &bundle.content {
        BundleContent::Dsse(content) => dsse(content, hint, subject, material),
        BundleContent::MessageSignature => Err(Rejection::new(
            RejectionKind::FormatNotSupported,
            "the bundle holds a signature over a blob (messageSignature), which says nothing \
             about an image; sign the image itself",
        )),
    }
}

fn dsse(
    content: &DsseContent,
    hint: Option<KeyFingerprint>,
    subject: &Digest,
    material: &AuthorityMaterial,
) -> Established {
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
    let statement = content.statement.as_ref().map_err(|error| match error {
        StatementError::Type(_) => Rejection::new(RejectionKind::PayloadType, error.to_string()),
        StatementError::Malformed(detail) => malformed(detail),
    })?;
    let proof = prove(material, hint, &content.signed_bytes, signature)?;
    if statement.predicate_type != COSIGN_SIGN {
        return Err(Rejection::new(
            RejectionKind::NotASignature,
            format!(
                "found an attestation of type {:?} by {}; an attestation is not a signature",
                shortened(&statement.predicate_type),
                proof.signer
            ),
        ));
    }
    if statement.subjects.is_empty() {
        return Err(Rejection::new(
            RejectionKind::SubjectMissing,
            format!("the statement by {} names no subject", proof.signer),
        ));
    }
    let Some(found) = statement.subject(subject) else {
        let digests = statement.subjects.iter().flat_map(|s| &s.digests);
        return Err(Rejection::new(
            RejectionKind::SubjectMismatch,
            match digests.clone().next() {
                Some(first) if digests.count() == 1 => format!(
                    "the signature by {} is for {first}, not for this image",
                    proof.signer
                ),
                _ => format!(
                    "none of the {} subjects signed by {} has the digest of this image",
                    statement.subjects.len(),
                    proof.signer
                ),
            },
        ));
    };
    Ok(Verified::new(
        SignatureClaim {
            subject: *subject,
            layout: SignatureLayout::Bundle,
            docker_reference: None,
            annotations: found.annotations.clone(),
        },
        proof,
    ))
}

/// Finds the key that made `signature`. A hint only says which to try first.
fn prove(
    material: &AuthorityMaterial,
    hint: Option<KeyFingerprint>,
    message: &[u8],
    signature: &[u8],
) -> Result<Proof, Rejection> {
    let hinted = |key: &&PublicKey| hint == Some(key.fingerprint());
    let keys = material.keys();
    let first = keys.iter().filter(hinted);
    let rest = keys.iter().filter(|key| !hinted(key));
    for key in first.chain(rest) {
        if let Some(scheme) = key.verify(message, signature) {
            return Ok(Proof {
                signer: SignerId::Key(key.fingerprint()),
                scheme,
            });
        }
    }
    Err(Rejection::new(
        RejectionKind::SignatureInvalid,
        match hint {
            Some(hint) if keys.iter().any(|key| key.fingerprint() == hint) => format!(
                "the signature names {hint}, a key of this authority, but that key did not make it"
            ),
            Some(hint) => format!("signature by unknown key {hint}"),
            None if keys.iter().all(PublicKey::is_ed25519) => "signature by an unknown key, or in \
                another variant of Ed25519: only the pure one is accepted, and cosign 2.6 and \
                later sign images with Ed25519ph"
                .into(),
            None => "signature by an unknown key".into(),
        },
    ))
}

fn keyless() -> Rejection {
    Rejection::new(
        RejectionKind::FormatNotSupported,
        "the signature was made with a certificate, not with a key of this authority; keyless and \
         certificate verification is not supported yet",
    )
}

fn malformed(detail: &str) -> Rejection {
    Rejection::new(RejectionKind::Malformed, detail)
}

/// A text of the signer's choice, cut to a length that fits a message.
fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}
