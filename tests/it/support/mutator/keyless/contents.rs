//! What is signed, and by whom.

use super::Twins;
use crate::support::authority::{Attachment, COSIGN_SIGN};
use crate::support::mutator::{COUNT, MALFORMED, MISMATCH, MISSING, PAYLOAD, SIGNER};
use crate::support::sigstore::Defect;
use crate::support::sigstore::signed::Content;

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
    if let Content::Dsse(_) = good.signed.content {
        envelopes(twins);
    } else {
        let Content::Bytes { signed, .. } = &good.signed.content else {
            return;
        };
        let text = String::from_utf8(signed.clone()).expect("text");
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
        annotations.remove(crate::support::authority::SIGNATURE);
        let attachment = Attachment::Legacy {
            payload,
            media_type,
            annotations,
        };
        twins.attach("no signature", MALFORMED, attachment);
    }
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
