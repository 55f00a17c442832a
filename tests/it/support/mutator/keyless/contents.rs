//! What is signed, and by whom.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Twins;
use crate::support::authority::{Attachment, COSIGN_SIGN, SIGNATURE, raw_bundle_of};
use crate::support::mutator::{COUNT, FORMAT, MALFORMED, MISMATCH, MISSING, PAYLOAD, SIGNER};
use crate::support::sigstore::signed::Content;
use crate::support::sigstore::{Defect, Layout, Version};

pub(super) fn add(twins: &mut Twins<'_>) {
    let good = twins.good;
    twins.defect(
        "signature by another key",
        SIGNER,
        Defect::SignatureOfAnotherKey,
    );
    twins.defect(
        "bit of the signature flipped",
        SIGNER,
        Defect::SignatureForged,
    );
    twins.defect("signature of another image", MISMATCH, Defect::OtherSubject);
    let copied = good.anew(good.other).make();
    twins.add("signature copied from another image", MISMATCH, &copied);
    let swapped = good.edited(|signed| match &mut signed.content {
        Content::Dsse(envelope) => envelope.signatures = vec![copied.content.signature().to_vec()],
        Content::Bytes { signature, .. } => *signature = copied.content.signature().to_vec(),
    });
    twins.add("signature of another payload", SIGNER, &swapped);
    let stranger = good.stranger.key(good.case.key);
    let forged = good.edited(|signed| match &mut signed.content {
        Content::Dsse(envelope) => {
            let message = crate::support::sigstore::entry::envelope_message(envelope);
            envelope.signatures = vec![stranger.sign(&message)];
        }
        Content::Bytes {
            signed, signature, ..
        } => *signature = stranger.sign(signed),
    });
    twins.add(
        "signature by a stranger beside genuine evidence",
        SIGNER,
        &forged,
    );
    match (&good.signed.content, good.case.layout) {
        (Content::Dsse(_), _) => envelopes(twins),
        (Content::Bytes { .. }, Layout::Message(version)) => blobs(twins, version),
        (Content::Bytes { signed, .. }, _) => payloads(twins, signed),
    }
}

/// Simple signing.
fn payloads(twins: &mut Twins<'_>, signed: &[u8]) {
    let good = twins.good;
    let text = String::from_utf8(signed.to_vec()).expect("text");
    let again = |text: String| good.again().payload(text).make();
    let kind = "cosign container image signature";
    twins.add(
        "payload of another type",
        PAYLOAD,
        &again(text.replace(kind, "atomic container signature")),
    );
    let twice = again(text.replacen('{', r#"{"critical":{},"#, 1));
    twins.add("key twice in the payload", MALFORMED, &twice);
    let Attachment::Legacy {
        payload,
        media_type,
        mut annotations,
    } = good.signed.attachment()
    else {
        panic!("a `.sig` layer");
    };
    annotations.remove(SIGNATURE);
    let attachment = Attachment::Legacy {
        payload,
        media_type,
        annotations,
    };
    twins.attach("no signature", MALFORMED, attachment);
}

/// Signatures over files.
fn blobs(twins: &mut Twins<'_>, version: Version) {
    let good = twins.good;
    let mut edited = |name, code, edit: &dyn Fn(&mut Value)| {
        let mut bundle = good.signed.bundle();
        edit(&mut bundle);
        let attachment = raw_bundle_of(version.media_type(), bundle.to_string());
        twins.attach(name, code, attachment);
    };
    edited("digest of another file", MISMATCH, &|bundle| {
        bundle["messageSignature"]["messageDigest"]["digest"] = json!(STANDARD.encode([7; 32]));
    });
    edited("digest by another algorithm", FORMAT, &|bundle| {
        bundle["messageSignature"]["messageDigest"]["algorithm"] = json!("SHA1");
    });
    edited("envelope beside the signature", MALFORMED, &|bundle| {
        bundle["dsseEnvelope"] = json!({"payload": "", "payloadType": "", "signatures": []});
    });
    edited("no signature", MALFORMED, &|bundle| {
        bundle["messageSignature"]["signature"] = Value::Null;
    });
    edited("signature under another name", MALFORMED, &|bundle| {
        let signature = bundle["messageSignature"].take();
        bundle["message_signature"] = signature;
    });
}

fn envelopes(twins: &mut Twins<'_>) {
    let good = twins.good;
    twins.defect("statement without subjects", MISSING, Defect::NoSubject);
    twins.defect(
        "envelope with the signature twice",
        COUNT,
        Defect::TwoSignatures,
    );
    twins.defect("envelope without signatures", COUNT, Defect::NoSignature);
    let two = good.edited(|signed| {
        if let Content::Dsse(envelope) = &mut signed.content {
            let message = crate::support::sigstore::entry::envelope_message(envelope);
            let stranger = good.stranger.key(good.case.key);
            envelope.signatures.push(stranger.sign(&message));
        }
    });
    twins.add("envelope with a second signer", COUNT, &two);
    twins.defect(
        "payload announced as another type",
        PAYLOAD,
        Defect::OtherPayloadType,
    );
    let typed = |kind: &str| good.again().payload_type(kind).make();
    for (name, kind) in [
        (
            "statement signed as simple signing",
            "application/vnd.dev.cosign.simplesigning.v1+json",
        ),
        ("statement signed as plain JSON", "application/json"),
        ("statement signed under no type", ""),
    ] {
        twins.add(name, PAYLOAD, &typed(kind));
    }
    let simple = crate::support::authority::simple_signing_payload(
        &good.image.digest.to_string(),
        "registry.example.com/app",
    );
    twins.add(
        "simple signing signed as a statement",
        MALFORMED,
        &good.again().payload(simple).make(),
    );
    let Content::Dsse(envelope) = &good.signed.content else {
        return;
    };
    let text = String::from_utf8(envelope.payload.clone()).expect("text");
    let twice = text.replacen('{', r#"{"subject":[],"#, 1);
    twins.add(
        "key twice in the statement",
        MALFORMED,
        &good.again().payload(twice).make(),
    );
    if text.contains(COSIGN_SIGN) {
        let version = text.replace("in-toto.io/Statement/v1", "in-toto.io/Statement/v9");
        twins.add(
            "statement of an unknown version",
            PAYLOAD,
            &good.again().payload(version).make(),
        );
    }
}
