//! Refused twins in the bundle layout.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

use super::{
    CHAIN, COUNT, FORMAT, List, MALFORMED, MISMATCH, MISSING, Mutation, OVERSIZED, PAYLOAD,
    PREDICATE, SIGNER, Start, VERSION, flip_hex,
};
use crate::support::authority::{
    Attachment, BUNDLE, COSIGN_SIGN, IN_TOTO, attestation, bundle, bundle_json, cosign_bundle, pae,
    raw_bundle, signed_bundle, simple_signing_payload, statement,
};

/// Everything that must be refused in the bundle layout.
pub(crate) fn bundles(start: &Start<'_>) -> Vec<Mutation> {
    let mut list = List(Vec::new());
    let payload = start.statement().to_string();
    let good = start.signed(&payload);
    let key = start.key;
    let signature = key.sign(&pae(IN_TOTO, payload.as_bytes()));
    let with = |payload: &[u8], signatures: &[&[u8]]| {
        bundle(&bundle_json(&key.hint(), IN_TOTO, payload, signatures))
    };

    // The signature does not fit.
    for (name, bad) in start.signatures_that_are_none(&pae(IN_TOTO, payload.as_bytes())) {
        list.add(name, SIGNER, with(payload.as_bytes(), &[&bad]));
    }
    let hex = start.image.digest.hex();
    let other = start.other.digest.hex();
    let wrong_digest = payload.replace(&hex, &flip_hex(&hex));
    list.add(
        "byte of the subject digest flipped",
        SIGNER,
        with(wrong_digest.as_bytes(), &[&signature]),
    );
    let flipped = payload.replace("cosign/sign/v1", "cosign/sigo/v1");
    list.add(
        "byte of the payload flipped",
        SIGNER,
        with(flipped.as_bytes(), &[&signature]),
    );
    let swapped = payload.replace(&hex, &other);
    let other_signature = key.sign(&pae(IN_TOTO, swapped.as_bytes()));
    list.add(
        "payload of this image under the signature of another",
        SIGNER,
        with(payload.as_bytes(), &[&other_signature]),
    );
    list.add(
        "payload of another image under this signature",
        SIGNER,
        with(swapped.as_bytes(), &[&signature]),
    );
    list.add(
        "payload signed without the envelope's encoding",
        SIGNER,
        with(payload.as_bytes(), &[&key.sign(payload.as_bytes())]),
    );
    list.add(
        "signature by another key under this key's hint",
        SIGNER,
        with(
            payload.as_bytes(),
            &[&start.stranger.sign(&pae(IN_TOTO, payload.as_bytes()))],
        ),
    );
    list.add(
        "bundle by another key",
        SIGNER,
        cosign_bundle(start.stranger, start.image),
    );

    // The signature fits, and what is signed is not a signature of this image.
    list.add(
        "bundle copied from another image",
        MISMATCH,
        cosign_bundle(key, start.other),
    );
    let about = |digests: &[&str]| {
        bundle(&start.signed(statement(COSIGN_SIGN, digests, json!({})).to_string()))
    };
    list.add("no subject", MISSING, about(&[]));
    let mut absent = start.statement();
    absent.as_object_mut().expect("object").remove("subject");
    list.add(
        "subject list left out",
        MISSING,
        bundle(&start.signed(absent.to_string())),
    );
    list.add(
        "subject with no digest that is known",
        MISMATCH,
        about(&["gitCommit:0123"]),
    );
    list.add(
        "subject with the digest under another algorithm",
        MALFORMED,
        about(&[&format!("sha512:{hex}")]),
    );
    list.add(
        "subject with the digest of twice the length",
        MISMATCH,
        about(&[&format!("sha512:{hex}{hex}")]),
    );
    list.add(
        "subject digest in upper case",
        MALFORMED,
        about(&[&format!("sha256:{}", hex.to_uppercase())]),
    );
    list.add(
        "subject digest with its algorithm inside",
        MALFORMED,
        about(&[&format!("sha256:sha256:{hex}")]),
    );
    let named = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": start.digest(), "digest": {"sha256": other}}],
        "predicateType": COSIGN_SIGN, "predicate": {},
    });
    list.add(
        "digest only as the name of a subject",
        MISMATCH,
        bundle(&start.signed(named.to_string())),
    );
    for (name, predicate_type) in [
        ("SBOM attestation", "https://spdx.dev/Document"),
        ("provenance attestation", "https://slsa.dev/provenance/v1"),
        (
            "predicate type with a tail",
            "https://sigstore.dev/cosign/sign/v1/",
        ),
        (
            "predicate type in upper case",
            "https://sigstore.dev/cosign/SIGN/v1",
        ),
        ("empty predicate type", ""),
    ] {
        list.add(
            name,
            PREDICATE,
            attestation(key, start.image, predicate_type, json!({})),
        );
    }
    let typed = |payload_type: &str| bundle(&signed_bundle(key, payload_type, payload.as_bytes()));
    list.add("payload of another type", PAYLOAD, typed("text/plain"));
    list.add("payload without a type", PAYLOAD, typed(""));
    let simple = simple_signing_payload(&start.digest(), "registry.example.com/app");
    list.add(
        "simple-signing payload in an envelope",
        PAYLOAD,
        bundle(&signed_bundle(
            key,
            "application/vnd.dev.cosign.simplesigning.v1+json",
            simple.as_bytes(),
        )),
    );
    list.add(
        "simple-signing payload that calls itself a statement",
        MALFORMED,
        bundle(&start.signed(&simple)),
    );
    let mut version = start.statement();
    version["_type"] = json!("https://in-toto.io/Statement/v2");
    list.add(
        "statement of an unknown version",
        PAYLOAD,
        bundle(&start.signed(version.to_string())),
    );

    // Strictness inside what is signed.
    for (name, text) in [
        (
            "key twice in the statement",
            payload.replacen('{', r#"{"subject":[],"#, 1),
        ),
        (
            "key in another case in the statement",
            payload.replacen("\"subject\"", "\"Subject\"", 1),
        ),
        (
            "key twice in a digest set",
            payload.replace(
                &format!(r#""sha256":"{hex}""#),
                &format!(r#""sha256":"{other}","sha256":"{hex}""#),
            ),
        ),
        (
            "algorithm in upper case",
            payload.replace(r#""sha256""#, r#""SHA256""#),
        ),
        ("data behind the statement", format!("{payload}{{}}")),
        ("statement in a list", format!("[{payload}]")),
        ("statement cut short", payload[..payload.len() - 1].into()),
        ("empty payload", String::new()),
    ] {
        list.add(name, MALFORMED, bundle(&start.signed(text)));
    }

    // The envelope and the bundle.
    list.add("no signature", COUNT, with(payload.as_bytes(), &[]));
    let stranger = start.stranger.sign(&pae(IN_TOTO, payload.as_bytes()));
    list.add(
        "two signatures",
        COUNT,
        with(payload.as_bytes(), &[&signature, &stranger]),
    );
    list.add(
        "the same signature twice",
        COUNT,
        with(payload.as_bytes(), &[&signature, &signature]),
    );
    let text = good.to_string();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        edit(&mut value);
        bundle(&value)
    };
    for version in ["0.1", "0.2"] {
        list.add(
            "bundle of an older version",
            VERSION,
            edited(&|b| {
                b["mediaType"] = json!(format!(
                    "application/vnd.dev.sigstore.bundle+json;version={version}"
                ));
            }),
        );
    }
    list.add(
        "bundle of an unknown media type inside",
        FORMAT,
        edited(&|b| b["mediaType"] = json!("application/json")),
    );
    list.add(
        "bundle without a media type inside",
        MALFORMED,
        edited(&|b| b["mediaType"] = Value::Null),
    );
    list.add(
        "layer of an unknown media type",
        FORMAT,
        Attachment::Bundle {
            bytes: text.clone().into(),
            artifact_type: "application/vnd.example.signature".into(),
            media_type: "application/vnd.example.signature".into(),
        },
    );
    list.add(
        "layer of a media type with a line break",
        FORMAT,
        Attachment::Bundle {
            bytes: text.clone().into(),
            artifact_type: "application/x\nallowed: true".into(),
            media_type: "application/x\nallowed: true".into(),
        },
    );
    list.add(
        "bundle artifact with a layer of another type",
        MALFORMED,
        Attachment::Bundle {
            bytes: text.clone().into(),
            artifact_type: BUNDLE.into(),
            media_type: "application/json".into(),
        },
    );
    list.add(
        "certificate in place of the key",
        SIGNER,
        edited(&|b| {
            b["verificationMaterial"] = json!({"certificate": {"rawBytes": "AA=="}});
        }),
    );
    list.add(
        "certificate chain in place of the key",
        CHAIN,
        edited(&|b| {
            let chain = json!({"certificates": [{"rawBytes": "AA=="}]});
            b["verificationMaterial"] = json!({"x509CertificateChain": chain});
        }),
    );
    list.add(
        "empty certificate chain in place of the key",
        MALFORMED,
        edited(&|b| {
            b["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": []}});
        }),
    );
    list.add(
        "certificate beside the key",
        MALFORMED,
        edited(&|b| {
            b["verificationMaterial"]["certificate"] = json!({"rawBytes": "AA=="});
        }),
    );
    list.add(
        "no verification material",
        MALFORMED,
        edited(&|b| b["verificationMaterial"] = json!({})),
    );
    let message =
        json!({"messageDigest": {"algorithm": "SHA2_256", "digest": "AA=="}, "signature": "AA=="});
    list.add(
        "signature over a blob",
        FORMAT,
        edited(&|b| {
            b["messageSignature"] = message.clone();
            b["dsseEnvelope"] = Value::Null;
        }),
    );
    list.add(
        "signature over a blob beside the envelope",
        MALFORMED,
        edited(&|b| b["messageSignature"] = message.clone()),
    );
    list.add(
        "nothing signed",
        MALFORMED,
        edited(&|b| b["dsseEnvelope"] = Value::Null),
    );
    let encoded = STANDARD.encode(&signature);
    for (name, spelled) in [
        (
            "base64 without padding",
            STANDARD_NO_PAD
                .encode([&signature[..], &[0; 3][..(4 - signature.len() % 3) % 3]].concat()),
        ),
        ("base64 with a line break", format!("{encoded}\n")),
        ("base64 with a blank", format!(" {encoded}")),
        ("base64 for URLs", URL_SAFE.encode([0xff; 66])),
        ("no base64", "%%%%".into()),
    ] {
        list.add(
            name,
            MALFORMED,
            edited(&|b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!(spelled)),
        );
    }
    for (name, bytes) in [
        ("bundle cut short", text[..text.len() - 2].into()),
        ("data behind the bundle", format!("{text}x")),
        ("second bundle behind the bundle", format!("{text}{text}")),
        (
            "key twice in the bundle",
            text.replacen('{', r#"{"mediaType":"x","#, 1),
        ),
        (
            "key in another case in the bundle",
            text.replacen("dsseEnvelope", "DsseEnvelope", 1),
        ),
        (
            "key in snake case beside the other",
            text.replacen('{', r#"{"dsse_envelope":{},"#, 1),
        ),
        (
            "key twice in the envelope",
            text.replacen("\"payload\"", "\"payload\":\"\",\"payload\"", 1),
        ),
        ("list in place of the bundle", format!("[{text}]")),
        ("byte order mark", format!("\u{feff}{text}")),
        ("empty bundle", String::new()),
        ("page in place of the bundle", "<!doctype html>".into()),
        ("oversized bundle", text.clone() + &" ".repeat(OVERSIZED)),
    ] {
        list.add(name, MALFORMED, raw_bundle(bytes));
    }
    let mut invalid = text.into_bytes();
    invalid.insert(2, 0xff);
    list.add("bundle that is not UTF-8", MALFORMED, raw_bundle(invalid));
    list.0
}
