//! What an entry is about.

use super::*;
use crate::oci::Algorithm;

const V03: Option<BundleVersion> = Some(BundleVersion::V0_3);
const PAYLOAD: &[u8] = br#"{"_type":"x"}"#;
const WRITTEN: &[u8] = b"the envelope as it was uploaded";
const MISMATCH: &str = "log-entry-mismatch";
const MALFORMED: &str = "log-entry-malformed";
const UNSUPPORTED: &str = "log-entry-unsupported";

type Edit = fn(&mut Value);

fn dsse_1(content: &DsseContent, pem: &str) -> Value {
    body(
        "dsse",
        "0.0.1",
        json!({
            "envelopeHash": sha256(b"what nobody can compare"),
            "payloadHash": sha256(&content.payload),
            "signatures": [{
                "signature": STANDARD.encode(&content.signatures[0]),
                "verifier": STANDARD.encode(pem),
            }],
        }),
    )
}

fn intoto_1(content: &DsseContent, pem: &str) -> Value {
    body(
        "intoto",
        "0.0.1",
        json!({
            "content": {"hash": sha256(WRITTEN), "payloadHash": sha256(&content.payload)},
            "publicKey": STANDARD.encode(pem),
        }),
    )
}

fn intoto_2(content: &DsseContent, pem: &str) -> Value {
    let twice = STANDARD.encode(STANDARD.encode(&content.signatures[0]));
    body(
        "intoto",
        "0.0.2",
        json!({"content": {
            "envelope": {
                "payloadType": content.payload_type,
                "signatures": [{"publicKey": STANDARD.encode(pem), "sig": twice}],
            },
            "hash": sha256(b"what nobody can compare"),
            "payloadHash": sha256(&content.payload),
        }}),
    )
}

/// Judges a body that its log took in as it is.
fn judge(world: &World, body: &Value, payload: Payload<'_>, signature: &[u8]) -> &'static str {
    let log = match (body["kind"].as_str(), body["apiVersion"].as_str()) {
        (Some("hashedrekord"), Some("0.0.2")) => &world.v2,
        _ => &world.v1,
    };
    let judged = world.judge_payload(log.enter(body), payload, signature, V03);
    judged.err().unwrap_or("accepted")
}

#[test]
fn an_entry_over_bytes_binds_signature_key_and_payload() {
    let world = World::new();
    let pem = world.signer.pem();
    let bodies = [
        hashedrekord_1(&world.payload, &world.signature, &pem),
        hashedrekord_2(&world.payload, &world.signature, &world.signer),
    ];
    let digest = Digest::sha256(&world.payload);
    let other = Digest::sha256(b"other");
    let long = Digest::of(Algorithm::Sha512, &world.payload);
    let again = world.signer.sign(&world.payload);
    for body in &bodies {
        for (payload, signature, code) in [
            (Payload::Bytes(&world.payload), &world.signature, "accepted"),
            (Payload::Digest(&digest), &world.signature, "accepted"),
            (Payload::Bytes(&world.payload), &again, MISMATCH),
            (Payload::Bytes(b"other"), &world.signature, MISMATCH),
            (Payload::Digest(&other), &world.signature, MISMATCH),
            (
                Payload::Digest(&long),
                &world.signature,
                "format-not-supported",
            ),
        ] {
            assert_eq!(judge(&world, body, payload, signature), code, "{payload:?}");
        }
    }
    let stranger = Key::p256();
    for body in [
        hashedrekord_1(&world.payload, &world.signature, &stranger.pem()),
        hashedrekord_2(&world.payload, &world.signature, &stranger),
        // The key in the clothes of a certificate.
        hashedrekord_1(
            &world.payload,
            &world.signature,
            &super::pem("CERTIFICATE", &world.signer.spki()),
        ),
    ] {
        let payload = Payload::Bytes(&world.payload);
        assert_eq!(judge(&world, &body, payload, &world.signature), MISMATCH);
    }
}

#[test]
fn the_longer_digests_bind_as_well() {
    let mut world = World::new();
    world.signer = Key::p384();
    world.signature = world.signer.sign(&world.payload);
    let sha384 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, &world.payload);
    let sha512 = Digest::of(Algorithm::Sha512, &world.payload);
    let mut first = hashedrekord_1(&world.payload, &world.signature, &world.signer.pem());
    first["spec"]["data"]["hash"] = json!({"algorithm": "sha512", "value": sha512.hex()});
    let mut second = hashedrekord_2(&world.payload, &world.signature, &world.signer);
    let record = &mut second["spec"]["hashedRekordV002"];
    record["data"] = json!({"algorithm": "SHA2_384", "digest": STANDARD.encode(sha384)});
    record["signature"]["verifier"]["keyDetails"] = json!("PKIX_ECDSA_P384_SHA_384");
    for body in [&first, &second] {
        let payload = Payload::Bytes(&world.payload);
        assert_eq!(judge(&world, body, payload, &world.signature), "accepted");
        let payload = Payload::Bytes(b"other");
        assert_eq!(judge(&world, body, payload, &world.signature), MISMATCH);
    }
}

#[test]
fn an_entry_over_an_envelope_binds_signature_key_and_payload() {
    let world = World::new();
    let content = envelope(&world.signer, PAYLOAD, Some(WRITTEN));
    let pem = world.signer.pem();
    let [signature] = &content.signatures[..] else {
        panic!("one signature");
    };
    let again = world.signer.sign(&content.signed_bytes);
    let other = envelope(&world.signer, b"other", Some(WRITTEN));
    let stranger = Key::p256().pem();
    for (make, names_signature) in [
        (dsse_1 as fn(&DsseContent, &str) -> Value, true),
        (intoto_1, false),
        (intoto_2, true),
    ] {
        let body = make(&content, &pem);
        let kind = &body["kind"];
        let code =
            |body, content, signature| judge(&world, body, Payload::Dsse(content), signature);
        assert_eq!(code(&body, &content, signature), "accepted", "{kind}");
        assert_eq!(code(&body, &other, signature), MISMATCH, "{kind}");
        let by_stranger = make(&content, &stranger);
        assert_eq!(code(&by_stranger, &content, signature), MISMATCH, "{kind}");
        if names_signature {
            assert_eq!(code(&body, &content, &again), MISMATCH, "{kind}");
        }
        // An entry about an envelope is none about bytes, whatever they are.
        let bytes = Payload::Bytes(&content.signed_bytes);
        assert_eq!(judge(&world, &body, bytes, signature), MISMATCH, "{kind}");
    }
    // Nor the other way round, but for Rekor v2, which has no other kind.
    let dsse = Payload::Dsse(&content);
    let first = hashedrekord_1(&content.signed_bytes, signature, &pem);
    assert_eq!(judge(&world, &first, dsse, signature), MISMATCH);
    let second = hashedrekord_2(&content.signed_bytes, signature, &world.signer);
    assert_eq!(judge(&world, &second, dsse, signature), "accepted");
    let second = hashedrekord_2(&content.payload, signature, &world.signer);
    assert_eq!(judge(&world, &second, dsse, signature), MISMATCH);
}

#[test]
fn an_entry_about_an_envelope_as_it_was_written_needs_that_envelope() {
    let world = World::new();
    let pem = world.signer.pem();
    let mut content = envelope(&world.signer, PAYLOAD, Some(WRITTEN));
    let signature = content.signatures[0].clone();
    let mut body = intoto_1(&content, &pem);
    body["spec"]["content"]["payloadHash"] = Value::Null;
    let code = |content: &DsseContent| judge(&world, &body, Payload::Dsse(content), &signature);
    assert_eq!(code(&content), "accepted");
    content.written = Some(Digest::sha256(b"another"));
    assert_eq!(code(&content), MISMATCH);
    content.written = Some(Digest::of(Algorithm::Sha512, WRITTEN));
    assert_eq!(code(&content), UNSUPPORTED);
    content.written = None;
    assert_eq!(code(&content), UNSUPPORTED);
}

fn refused(body: &Value, twins: &[(&str, &str, Edit)], code: impl Fn(&Value) -> &'static str) {
    assert_eq!(code(body), "accepted");
    for (name, expected, edit) in twins {
        let mut twin = body.clone();
        edit(&mut twin);
        assert_eq!(code(&twin), *expected, "{name}");
    }
}

#[test]
fn a_changed_entry_over_bytes_is_refused_for_its_own_reason() {
    let world = World::new();
    let code = |body: &Value| {
        judge(
            &world,
            body,
            Payload::Bytes(&world.payload),
            &world.signature,
        )
    };
    refused(
        &hashedrekord_1(&world.payload, &world.signature, &world.signer.pem()),
        &[
            ("other kind", UNSUPPORTED, |b| b["kind"] = json!("rekord")),
            ("other version", UNSUPPORTED, |b| {
                b["apiVersion"] = json!("0.0.9")
            }),
            ("dsse 0.0.2", UNSUPPORTED, |b| {
                b["kind"] = json!("dsse");
                b["apiVersion"] = json!("0.0.2");
            }),
            ("nothing in it", MALFORMED, |b| b["spec"] = json!({})),
            ("no signature", MALFORMED, |b| {
                b["spec"]["signature"] = Value::Null
            }),
            ("key that is no PEM", MALFORMED, |b| {
                b["spec"]["signature"]["publicKey"]["content"] = json!("aGk=");
            }),
            ("two keys", MALFORMED, |b| {
                let content = &mut b["spec"]["signature"]["publicKey"]["content"];
                let pem = STANDARD
                    .decode(content.as_str().expect("text"))
                    .expect("PEM");
                *content = json!(STANDARD.encode([&pem[..], &pem].concat()));
            }),
            ("hash of another kind", UNSUPPORTED, |b| {
                b["spec"]["data"]["hash"]["algorithm"] = json!("md5");
            }),
            ("hash in capitals", MALFORMED, |b| {
                let value = &mut b["spec"]["data"]["hash"]["value"];
                *value = json!(value.as_str().expect("text").to_uppercase());
            }),
            ("hash cut short", MISMATCH, |b| {
                b["spec"]["data"]["hash"]["value"] = json!("00");
            }),
            ("known key in another case", MALFORMED, |b| {
                b["spec"]["Data"] = json!({});
            }),
        ],
        code,
    );
    refused(
        &hashedrekord_2(&world.payload, &world.signature, &world.signer),
        &[
            ("another scheme of another key", MISMATCH, |b| {
                let record = &mut b["spec"]["hashedRekordV002"];
                record["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_RSA_PKCS1V15_2048_SHA256");
            }),
            ("key that the log does not check", UNSUPPORTED, |b| {
                let record = &mut b["spec"]["hashedRekordV002"];
                record["signature"]["verifier"]["keyDetails"] = json!("PKIX_ED25519");
            }),
            ("digest of another scheme", MALFORMED, |b| {
                b["spec"]["hashedRekordV002"]["data"]["algorithm"] = json!("SHA2_512");
            }),
            ("key and certificate", MALFORMED, |b| {
                let verifier = &mut b["spec"]["hashedRekordV002"]["signature"]["verifier"];
                verifier["x509Certificate"] = json!({"rawBytes": "aGk="});
            }),
            ("no key", MALFORMED, |b| {
                let verifier = &mut b["spec"]["hashedRekordV002"]["signature"]["verifier"];
                verifier["publicKey"] = Value::Null;
            }),
            ("key as certificate", MISMATCH, |b| {
                let verifier = &mut b["spec"]["hashedRekordV002"]["signature"]["verifier"];
                verifier["x509Certificate"] = verifier["publicKey"].take();
            }),
            ("nothing in it", MALFORMED, |b| b["spec"] = json!({})),
        ],
        code,
    );
}

#[test]
fn a_changed_entry_over_an_envelope_is_refused_for_its_own_reason() {
    let world = World::new();
    let content = envelope(&world.signer, PAYLOAD, Some(WRITTEN));
    let pem = world.signer.pem();
    let code = |body: &Value| {
        judge(
            &world,
            body,
            Payload::Dsse(&content),
            &content.signatures[0],
        )
    };
    refused(
        &dsse_1(&content, &pem),
        &[
            ("two signatures", MISMATCH, |b| {
                let first = b["spec"]["signatures"][0].clone();
                b["spec"]["signatures"] = json!([first, first]);
            }),
            ("no signatures", MALFORMED, |b| {
                b["spec"]["signatures"] = json!([])
            }),
            ("65 signatures", MALFORMED, |b| {
                b["spec"]["signatures"] = json!(vec![b["spec"]["signatures"][0].clone(); 65]);
            }),
            ("another payload", MISMATCH, |b| {
                b["spec"]["payloadHash"] = sha256(b"other");
            }),
            ("no payload", MALFORMED, |b| {
                b["spec"]["payloadHash"] = Value::Null
            }),
            ("no envelope", MALFORMED, |b| {
                b["spec"]["envelopeHash"] = Value::Null
            }),
            ("an envelope of no digest", MALFORMED, |b| {
                b["spec"]["envelopeHash"]["value"] = json!("envelope")
            }),
        ],
        code,
    );
    refused(
        &intoto_2(&content, &pem),
        &[
            ("signature encoded once", MALFORMED, |b| {
                b["spec"]["content"]["envelope"]["signatures"][0]["sig"] = json!("/w==");
            }),
            ("another type of payload", MISMATCH, |b| {
                b["spec"]["content"]["envelope"]["payloadType"] = json!("text/plain");
            }),
            ("another payload", MISMATCH, |b| {
                b["spec"]["content"]["payloadHash"] = sha256(b"other");
            }),
            ("no envelope", MALFORMED, |b| {
                b["spec"]["content"]["hash"] = Value::Null
            }),
            ("two signatures", MISMATCH, |b| {
                let list = &mut b["spec"]["content"]["envelope"]["signatures"];
                *list = json!([list[0], list[0]]);
            }),
        ],
        code,
    );
    refused(
        &intoto_1(&content, &pem),
        &[
            ("another envelope", MISMATCH, |b| {
                b["spec"]["content"]["hash"] = sha256(b"other");
            }),
            ("another payload", MISMATCH, |b| {
                b["spec"]["content"]["payloadHash"] = sha256(b"other");
            }),
            ("no envelope", MALFORMED, |b| {
                b["spec"]["content"]["hash"] = Value::Null
            }),
        ],
        code,
    );
}

#[test]
fn an_entry_is_of_the_kind_that_its_body_says() {
    let world = World::new();
    let mut entry = world.first();
    entry.kind = "dsse".into();
    assert_eq!(world.judge(entry, V03), Err(MALFORMED));
    let mut entry = world.first();
    entry.body = b"no JSON".to_vec();
    assert_eq!(world.judge(entry, V03), Err(MALFORMED));
}
