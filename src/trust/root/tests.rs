use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};

use super::{RootError, TrustRoot};
use crate::trust::certificate::pki::{self, Holder, at};
use crate::trust::{PublicKey, Window};

/// A root with one of everything.
struct Published {
    authority: Holder,
    log: KeyPair,
    json: Value,
}

fn published() -> Published {
    let authority = pki::root(pki::authority("Root"));
    let log = KeyPair::generate().unwrap();
    let chain = json!({"certificates": [{"rawBytes": STANDARD.encode(&authority.der)}]});
    let key = |id: u8| {
        json!({
            "baseUrl": "https://log.example/2026/",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(log.subject_public_key_info()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00.5Z"}
            },
            "logId": {"keyId": STANDARD.encode([id; 32])}
        })
    };
    let json = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [key(1)],
        "ctlogs": [key(2)],
        "certificateAuthorities": [{
            "uri": "https://ca.example",
            "certChain": chain,
            "validFor": {"start": "2026-01-01T00:00:00Z"}
        }],
        "timestampAuthorities": [{"uri": "https://tsa.example", "certChain": chain}]
    });
    Published {
        authority,
        log,
        json,
    }
}

fn read(json: &Value) -> Result<TrustRoot, RootError> {
    TrustRoot::from_json("acme", &json.to_string())
}

/// What is said of the root after the value at `pointer` became `value`.
fn changed(pointer: &str, value: Value) -> String {
    let mut json = published().json;
    *json.pointer_mut(pointer).unwrap() = value;
    read(&json).unwrap_err().to_string()
}

#[test]
fn the_embedded_root_is_read_completely() {
    let root = TrustRoot::public_good().unwrap();
    assert_eq!(&**root.name(), "public-good");
    let origins = |logs: &[super::Log]| -> Vec<String> {
        logs.iter().map(|log| log.origin.to_string()).collect()
    };
    assert_eq!(
        origins(&root.logs),
        ["rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"]
    );
    assert_eq!(
        origins(&root.ct_logs),
        ["ctfe.sigstore.dev/test", "ctfe.sigstore.dev/2022"]
    );
    let lengths: Vec<_> = root.authorities.iter().map(|a| a.chain.len()).collect();
    assert_eq!(lengths, [1, 2]);
    let authorities = root.timestamp_authorities.iter();
    let lengths: Vec<_> = authorities.map(|a| a.chain.len()).collect();
    assert_eq!(lengths, [2]);
    assert_eq!(
        root.ct_logs[0].window,
        Window {
            start: Some(at("2021-03-14T00:00:00Z")),
            end: Some(at("2022-10-31T23:59:59.999Z")),
        }
    );
    // The identity of the older log is SHA-256 over its key.
    assert_eq!(&root.logs[0].id, root.logs[0].key.fingerprint().as_bytes());
}

#[test]
fn other_published_roots_are_read_too() {
    let staging = TrustRoot::from_json(
        "staging",
        sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT,
    )
    .unwrap();
    // The first of them has an RSA key in the form of PKCS#1.
    assert_eq!(staging.ct_logs.len(), 5);
    assert_eq!(staging.logs.len(), 5);
    let github =
        TrustRoot::from_json("github", sigstore_trust_root::SIGSTORE_GITHUB_TRUSTED_ROOT).unwrap();
    assert_eq!(github.authorities.len(), 6);
    assert_eq!(github.timestamp_authorities.len(), 6);
    assert!(github.logs.is_empty() && github.ct_logs.is_empty());
}

#[test]
fn every_part_of_a_root_is_taken_over() {
    let published = published();
    let root = read(&published.json).unwrap();
    let key = PublicKey::from_spki(&published.log.subject_public_key_info()).unwrap();
    let window = Window {
        start: Some(at("2026-01-01T00:00:00Z")),
        end: Some(at("2027-01-01T00:00:00.5Z")),
    };
    for (logs, id) in [(&root.logs, 1), (&root.ct_logs, 2)] {
        assert_eq!(logs.len(), 1);
        assert_eq!(logs[0].id, [id; 32]);
        assert_eq!(logs[0].key, key);
        assert_eq!(&*logs[0].origin, "log.example/2026");
        assert_eq!(logs[0].window, window);
    }
    assert_eq!(root.authorities.len(), 1);
    assert_eq!(root.authorities[0].chain, [published.authority.ca()]);
    assert_eq!(root.authorities[0].window.start, window.start);
    assert_eq!(root.authorities[0].window.end, None);
    let tsa = &root.timestamp_authorities[0];
    assert_eq!(tsa.chain, [published.authority.der]);
    assert_eq!(tsa.window, Window::default());
    assert_eq!(tsa.validity.end, Some(at("2040-01-01T00:00:00Z")));
}

#[test]
fn the_digest_is_of_what_is_used_and_of_nothing_else() {
    let published = published();
    let root = read(&published.json).unwrap();
    let mut same = published.json.clone();
    same["unknown"] = json!(1);
    same["certificateAuthorities"][0]["uri"] = json!("https://elsewhere.example");
    same["mediaType"] = json!("application/vnd.dev.sigstore.trustedroot.v0.1+json");
    assert_eq!(
        TrustRoot::from_json("other", &same.to_string())
            .unwrap()
            .digest(),
        root.digest()
    );
    let id = json!(STANDARD.encode([3; 32]));
    let changes = [
        ("/tlogs/0/logId/keyId", id.clone()),
        ("/ctlogs/0/logId/keyId", id),
        ("/tlogs/0/baseUrl", json!("https://log.example/2027")),
        (
            "/tlogs/0/publicKey/validFor/start",
            json!("2025-01-01T00:00:00Z"),
        ),
        (
            "/certificateAuthorities/0/validFor/start",
            json!("2025-01-01T00:00:00Z"),
        ),
        ("/timestampAuthorities", json!([])),
        ("/certificateAuthorities", json!([])),
    ];
    for (pointer, value) in changes {
        let mut json = published.json.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        assert_ne!(read(&json).unwrap().digest(), root.digest(), "{pointer}");
    }
}

#[test]
fn a_period_needs_a_start_and_must_not_end_before_it() {
    let places = [
        ("tlogs[0].publicKey", "/tlogs/0/publicKey/validFor"),
        ("ctlogs[0].publicKey", "/ctlogs/0/publicKey/validFor"),
        (
            "certificateAuthorities[0]",
            "/certificateAuthorities/0/validFor",
        ),
    ];
    for (place, pointer) in places {
        let backwards = json!({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"});
        assert_eq!(
            changed(pointer, backwards),
            format!("{place}.validFor: the period ends before it starts")
        );
        for value in [json!({}), json!({"end": "2026-01-01T00:00:00Z"})] {
            assert!(changed(pointer, value).starts_with("not a trusted root: a member is missing"));
        }
    }
}

#[test]
fn what_cannot_be_used_is_named_by_its_place() {
    let cases = [
        (
            "/mediaType",
            json!("application/json"),
            "mediaType: not that of a trusted root in version 0.1",
        ),
        (
            "/tlogs/0/logId/keyId",
            json!("AAAA"),
            "tlogs[0].logId.keyId: 3 bytes; 32 are expected",
        ),
        (
            "/tlogs/0/baseUrl",
            json!("https://"),
            "tlogs[0].baseUrl: it is empty, or has white space or control characters",
        ),
        (
            "/tlogs/0/baseUrl",
            json!("https://a\nb"),
            "tlogs[0].baseUrl: it is empty, or has white space or control characters",
        ),
        (
            "/ctlogs/0/publicKey/rawBytes",
            json!("AAAA"),
            "ctlogs[0].publicKey: the block does not hold a SubjectPublicKeyInfo in DER; write the public key again",
        ),
        (
            "/ctlogs/0/publicKey/keyDetails",
            json!("PKCS1_RSA_PKCS1V5"),
            "ctlogs[0].publicKey: the block does not hold a SubjectPublicKeyInfo in DER; write the public key again",
        ),
        (
            "/certificateAuthorities/0/certChain/certificates",
            json!([]),
            "certificateAuthorities[0].certChain.certificates: the chain is empty",
        ),
        (
            "/timestampAuthorities/0/certChain/certificates",
            json!([]),
            "timestampAuthorities[0].certChain.certificates: the chain is empty",
        ),
        (
            "/certificateAuthorities/0/certChain/certificates/0/rawBytes",
            json!("AAAA"),
            "certificateAuthorities[0].certChain.certificates[0]: it is not an X.509 certificate in DER",
        ),
        (
            "/timestampAuthorities/0/certChain/certificates/0/rawBytes",
            json!("AAAA"),
            "timestampAuthorities[0].certChain.certificates[0]: it is not an X.509 certificate in DER",
        ),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(changed(pointer, value), expected);
    }
    let leaf = pki::root(pki::authority("Root")).certifies(pki::signer());
    assert_eq!(
        changed(
            "/certificateAuthorities/0/certChain/certificates/0/rawBytes",
            json!(STANDARD.encode(leaf.der))
        ),
        "certificateAuthorities[0].certChain.certificates[0]: the certificate is not one of a \
         certificate authority"
    );
}

#[test]
fn two_logs_of_a_kind_with_one_id_are_refused() {
    for list in ["tlogs", "ctlogs"] {
        let mut json = published().json;
        let again = json[list][0].clone();
        json[list].as_array_mut().unwrap().push(again);
        assert_eq!(
            read(&json).unwrap_err().to_string(),
            format!("{list}[1].logId.keyId: another log of the same kind has this id")
        );
    }
    // A transparency log and a certificate transparency log are told apart.
    let mut json = published().json;
    json["ctlogs"][0]["logId"] = json["tlogs"][0]["logId"].clone();
    assert!(read(&json).is_ok());
}

#[test]
fn a_log_of_a_kind_that_is_not_verified_is_left_out_and_the_rest_stays() {
    // id-ml-dsa-65 with a key of one byte.
    let unknown = [
        &[
            0x30, 17, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18,
        ][..],
        &[3, 2, 0, 1],
    ]
    .concat();
    let mut json = published().json;
    let mut log = json["tlogs"][0].clone();
    log["logId"]["keyId"] = json!(STANDARD.encode([9; 32]));
    log["publicKey"]["rawBytes"] = json!(STANDARD.encode(unknown));
    log["publicKey"]["keyDetails"] = json!("ML_DSA_65");
    json["tlogs"].as_array_mut().unwrap().push(log);
    let root = read(&json).unwrap();
    assert_eq!(root.logs.len(), 1);
    json["tlogs"][0]["hashAlgorithm"] = json!("SHA2_512");
    assert!(read(&json).unwrap().logs.is_empty());
}

#[test]
fn syntax_is_refused_without_being_quoted() {
    let json = published().json.to_string();
    for text in ["canary", "", "{\"canary\"", &json[..json.len() - 1], "[]"] {
        let said = TrustRoot::from_json("acme", text).unwrap_err().to_string();
        assert!(said.starts_with("not a trusted root: "), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
    let twice = json.replacen('{', "{\"tlogs\":[],", 1);
    assert!(
        TrustRoot::from_json("acme", &twice)
            .unwrap_err()
            .to_string()
            .contains("comes twice")
    );
    let value = changed("/tlogs/0/publicKey/validFor/start", json!("canary"));
    assert!(!value.contains("canary"), "{value}");
    let large = format!("{json}{}", " ".repeat(1024 * 1024));
    assert_eq!(
        TrustRoot::from_json("acme", &large)
            .unwrap_err()
            .to_string(),
        "not a trusted root: it is larger than 1048576 bytes"
    );
}

fn pem(holder: &Holder) -> String {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &holder.der).unwrap()
}

#[test]
fn of_certificates_those_that_sign_themselves_are_anchors() {
    let (one, two) = (
        pki::root(pki::authority("One")),
        pki::root(pki::authority("Two")),
    );
    let between = one.certifies(pki::authority("Between"));
    let text = format!(
        "# ours\r\n{}\nsubject=CN = One\n{}{}\n",
        pem(&between),
        pem(&one),
        pem(&two)
    );
    let root = TrustRoot::from_certificates("own", &text).unwrap();
    let chains: Vec<_> = root.authorities.iter().map(|a| a.chain.clone()).collect();
    assert_eq!(
        chains,
        [vec![between.ca(), one.ca()], vec![between.ca(), two.ca()]]
    );
    assert_eq!(root.authorities[0].window, Window::default());
    assert!(root.logs.is_empty() && root.ct_logs.is_empty());
    assert!(root.timestamp_authorities.is_empty());
}

#[test]
fn what_is_not_certificates_of_authorities_with_an_anchor_is_refused() {
    let said = |text: &str| {
        TrustRoot::from_certificates("own", text)
            .unwrap_err()
            .to_string()
    };
    let root = pki::root(pki::authority("Root"));
    let (between, leaf) = (
        root.certifies(pki::authority("Between")),
        root.certifies(pki::signer()),
    );
    assert!(said("canary").contains("there is no PEM certificate in it"));
    assert_eq!(
        said(&pem(&between)),
        "not a trusted root: none of the certificates signs itself, so none is an anchor"
    );
    assert_eq!(
        said(&format!("{}{}", pem(&root), pem(&leaf))),
        "certificate 2: the certificate is not one of a certificate authority"
    );
    let private = root.key.serialize_pem();
    let both = said(&format!("{}{private}", pem(&root)));
    assert!(both.contains("there is a private key in it"));
    assert!(!both.contains(private.lines().nth(1).unwrap()));
    assert!(
        said(&format!("{}{}", pem(&root), root.key.public_key_pem()))
            .contains("that are not certificates")
    );
    let whole = pem(&root);
    assert_eq!(
        said(whole.split("-----END").next().unwrap()),
        "not a trusted root: a PEM block does not end"
    );
    assert_eq!(
        said(&whole.replacen("MII", "M*I", 1)),
        "certificate 1: the PEM block is damaged"
    );
    assert!(said(&whole.repeat(65)).contains("more than 64 certificates"));
}
