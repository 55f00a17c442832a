//! Refused twins in the legacy layout.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{
    FORMAT, List, MALFORMED, MISMATCH, Mutation, OVERSIZED, PAYLOAD, SIGNER, Start, flip_hex,
};
use crate::support::authority::{
    Attachment, IN_TOTO, SIGNATURE, SIMPLE_SIGNING, cosign_legacy, legacy, pae,
    simple_signing_payload,
};

/// Everything that must be refused in the legacy layout.
pub(crate) fn legacies(start: &Start<'_>) -> Vec<Mutation> {
    let mut list = List(Vec::new());
    let key = start.key;
    let digest = start.digest();
    let hex = start.image.digest.hex();
    let payload = simple_signing_payload(&digest, "registry.example.com/app");
    let signature = key.sign(payload.as_bytes());
    let signed = |text: &str| legacy(text, &key.sign(text.as_bytes()));

    for (name, bad) in start.signatures_that_are_none(payload.as_bytes()) {
        list.add(name, SIGNER, legacy(payload.clone(), &bad));
    }
    let other = simple_signing_payload(&start.other.digest.to_string(), "registry.example.com/app");
    for (name, text) in [
        (
            "payload of another image under this signature",
            other.clone(),
        ),
        (
            "byte of the digest flipped",
            payload.replace(&hex, &flip_hex(&hex)),
        ),
        (
            "byte of the payload flipped",
            payload.replace("example", "exbmple"),
        ),
        ("blank behind the payload", format!("{payload} ")),
    ] {
        list.add(name, SIGNER, legacy(text, &signature));
    }
    list.add(
        "payload of this image under the signature of another",
        SIGNER,
        legacy(payload.clone(), &key.sign(other.as_bytes())),
    );
    list.add(
        "payload signed as an envelope",
        SIGNER,
        legacy(
            payload.clone(),
            &key.sign(&pae(IN_TOTO, payload.as_bytes())),
        ),
    );
    list.add(
        "signature by another key",
        SIGNER,
        cosign_legacy(start.stranger, start.image),
    );

    list.add(
        "signature copied from another image",
        MISMATCH,
        cosign_legacy(key, start.other),
    );
    list.add(
        "digest under another algorithm",
        MALFORMED,
        signed(&payload.replace("sha256:", "sha512:")),
    );
    list.add(
        "digest of another algorithm",
        MISMATCH,
        signed(&payload.replace(&digest, &format!("sha512:{hex}{hex}"))),
    );
    list.add(
        "digest in upper case",
        MALFORMED,
        signed(&payload.replace(&hex, &hex.to_uppercase())),
    );
    list.add(
        "digest without an algorithm",
        MALFORMED,
        signed(&payload.replace("sha256:", "")),
    );
    let kind = "cosign container image signature";
    for (name, text) in [
        ("type of another signer", "atomic container signature"),
        ("type in another case", "Cosign container image signature"),
        ("empty type", ""),
    ] {
        list.add(name, PAYLOAD, signed(&payload.replace(kind, text)));
    }
    for (name, text) in [
        (
            "no type",
            payload.replace(&format!(r#","type":"{kind}""#), ""),
        ),
        ("type null", payload.replace(&format!("\"{kind}\""), "null")),
        (
            "no critical part",
            payload.replace("critical", "uncritical"),
        ),
        ("no image", payload.replace("\"image\"", "\"picture\"")),
        ("key twice", payload.replacen('{', r#"{"critical":{},"#, 1)),
        (
            "key twice, once escaped",
            payload.replacen('{', r#"{"criti\u0063al":{},"#, 1),
        ),
        (
            "key in another case",
            payload.replacen("critical", "Critical", 1),
        ),
        (
            "key in another case beside the other",
            payload.replacen('{', r#"{"CRITICAL":{},"#, 1),
        ),
        (
            "digest key in another case",
            payload.replace("docker-manifest-digest", "Docker-Manifest-Digest"),
        ),
        ("data behind the payload", format!("{payload}{payload}")),
        ("payload cut short", payload[..payload.len() - 1].into()),
        ("payload in a list", format!("[{payload}]")),
        (
            "digest as a number",
            payload.replace(&format!("\"{digest}\""), "1"),
        ),
        ("empty payload", String::new()),
        (
            "oversized payload",
            payload.clone() + &" ".repeat(OVERSIZED),
        ),
        (
            "statement in place of the payload",
            start.statement().to_string(),
        ),
    ] {
        list.add(name, MALFORMED, signed(&text));
    }
    let mut invalid = payload.clone().into_bytes();
    invalid.insert(2, 0xff);
    let invalid_signature = key.sign(&invalid);
    list.add(
        "payload that is not UTF-8",
        MALFORMED,
        legacy(invalid, &invalid_signature),
    );

    let encoded = STANDARD.encode(&signature);
    let annotated = |text: Option<String>, media_type: &str| Attachment::Legacy {
        payload: payload.clone().into(),
        media_type: media_type.into(),
        annotations: text
            .map(|t| (SIGNATURE.to_owned(), t))
            .into_iter()
            .collect(),
    };
    let simple = SIMPLE_SIGNING;
    list.add("no signature", MALFORMED, annotated(None, simple));
    for (name, text) in [
        ("base64 with a line break", format!("{encoded}\n")),
        ("base64 for URLs", URL_SAFE.encode([0xff; 66])),
        ("no base64", "%%%%".into()),
    ] {
        list.add(name, MALFORMED, annotated(Some(text), simple));
    }
    for (name, media_type) in [
        (
            "layer of an unknown media type",
            "application/vnd.example.signature",
        ),
        (
            "layer with an envelope",
            "application/vnd.dsse.envelope.v1+json",
        ),
    ] {
        list.add(name, FORMAT, annotated(Some(encoded.clone()), media_type));
    }
    let mut keyless = cosign_legacy(start.stranger, start.image);
    if let Attachment::Legacy { annotations, .. } = &mut keyless {
        annotations.insert("dev.sigstore.cosign/certificate".into(), "PEM".into());
    }
    list.add("keyless signature", SIGNER, keyless);
    list.0
}
