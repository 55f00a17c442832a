use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

// Public keys and one signature by each of two keys, made with OpenSSL 3.0, and
// a signature by cosign 2.6.5. The private halves were thrown away.
const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEMyFqLdx6tnxrI2qZkAtYhAvrzMtKMWS8tjsa0DydKlD/KdGppBASPhNY15XVwJoWR8h4UpJoXRJItE3nepjY0UA8U34kc7H4eMe9/x0JawLcwkEtuAhYL9UH1cPdpCQE";
const P384_SHA256: &str = "MGUCMQCLB/elEX75NzRVPZKWIatv6t1d1FSXDEWyuWe+G80r6Aa34EWzwdPPkpBYO0V9xAsCMFNyB/7Z19AjNa3TjhymPy//fVIgBZj2sahWE2TKt+bwoTmkslQgYcbOZP5NlQJsbQ==";
const P384_TEXT: &[u8] = b"signed by P-384 over SHA-256";
const P521: &str = "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBYv+NObwQ1Qz5TfUQn1JwutIajvU+GljypeTlEkQ1LL5sbnWEPvtQ5jho4KHxolXYD8LvgDtrj/1FUzGFAZlQNXoBvuWG9/E9Bryvy7jEHSqp2JpPzeIFpfKko/kDs1I46LA7sfXHgQU0WMZMtAH6rLJwtMNR9enzTepswawiQM+lFJs=";
const P521_SHA256: &str = "MIGHAkIA09I3XxKNuOr+CtMizLXV7r47psMbp6S0sJWJEOGV0WkJkUe3sDN8k3gttB9e2Otqn7gwoZUUX/6wslSBRbQOuFgCQSTVF6Au/8IQzO1BZPxvwwt27r8HNqwBp8voSv0XDMqjmTIncu/RMM60Tdbm0miIdQowSJp4oOJmVATWtspSyDiv";
const SECP256K1: &str = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEIWbEdZgC+8O+SPWhXvKtDKKxn2hhbdZlOeqn1rk5Djk9WIymPXCgTdjXhXdNfuG0AwVZIJEXX/VoDKlLlwD5xg==";
const EXPLICIT: &str = "MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABIWd6K2apr0rfzlnllQ2rLPGro/K4UH4IK1MoU29G8ElCt6eepbW1YOpN5vgeRewu5fBBfeCbAThGTkva1uXYJA=";
const COMPRESSED: &str =
    "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAChZ3orZqmvSt/OWeWVDass8auj8rhQfggrUyhTb0bwSU=";
const X25519: &str = "MCowBQYDK2VuAyEAtZVncVcg/wO3oNUpBVaH/8cxHbgcr9f+2JJHL5s5sEI=";
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDNN69mluZyC/thrgC63p6IQU1CDvRoF2RMBFwsgyhJ2tw8WUUXBnJrvWhjbrCEa9YBrgfbj4Vy6SCyRQt2v1kmUKlm/w+yyh0SdZWmbb+ZTtskvN8mNNO+802MAvHp9+RfjZhX53oMs+/faj/bCErWq/ty0TJstDQuwvbcJF7gCQIDAQAB";
const RSA_2048: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5jAogQdYs+J1+mItkqwFydAoTi8aK8+6XjAOyNET74GnRb6ezj+ZffR6dn/qZX4DPzhxlADC0mIZeQOkpwMaoqVqe/gLb155LZGIHhtRpY12MYDXxKLwkcPwYijIbLAkK4NWrEmI2MPxLE2WPEFoqBveT+w4XYhd1543Xc8WMFznx85zUrPfx6LEGveK5XGNwyFSmCFN7FdloPC+sa2G6KNW9lMzSwvM1x23V4hhhxZ2EAwwzo8TV3HNxa0/wZcBcg0sC5agE8Xi3t+zySIOqPu/HmSlcAN1f2oQ8wHGTVQqPNAMFU5hztqHPZ0Ld5tYTRj3HtWx+Wo9P3vMapZRuQIDAQAB";
const RSA_PSS: &str = "MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAMCxStwPw+a6k1NfP8h3YtH7x/Rfe29iavCqJCuVDhgtVM3Evyi+BqqVohSq+iUs/udodl3UeA3pjZa1ltddpC4ndF3GhCuWkFGbTCEaqv9VqJbh+mYaL/tT2ZwOSdna4JdCls9PSfEoa+s51+hpc6dBaYKnZJnyreDk7KcgVyr08mTVztqZOBeyIMssNWqq9CGx6lQ4CmNlqcajwi38W7kvTT4WIaTvM8YpOV1fiQqRdNGqvAlh4cCsatDj9z5V6ARkaXL4qIOmGZhaUncLu4MP5aBgF5fhLviXm/5M/FJPBKMSDt/0PtjQzth0vOGh1lF63m/AuwLvj5yaP47lrh0CAwEAAQ==";
const ED25519: &str = "MCowBQYDK2VwAyEAhmBdBnlgPHG+bg8qvCA8lZnauLP/LvPqoMtz/G/suc0=";
const ED25519PH: &str =
    "Kx6HUkKOw5GFzUOv2CHt23camZDVt4VEF8vieXib0Qf5yXuSmALA6LSjXlhqsoqZxNiSw5OX3IyFjtlEmZ8LDQ==";
const ED25519PH_TEXT: &str = r#"{"critical":{"identity":{"docker-reference":"127.0.0.1:25555/app"},"image":{"docker-manifest-digest":"sha256:20d36ab0529669432dedc887439f5fec2754c322c3aa806e2c059728f1255e9c"},"type":"cosign container image signature"},"optional":{"team":"x"}}"#;

fn der(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).expect("base64")
}

fn pem(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).expect("PEM")
}

fn p256() -> Vec<u8> {
    let pair = EcdsaKeyPair::generate(&lc::ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    pair.public_key().as_der().expect("DER").as_ref().to_vec()
}

/// A DER element with a definite length.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    let mut bytes = vec![tag];
    match body.len() {
        0..128 => bytes.push(length[1]),
        128..256 => bytes.extend([0x81, length[1]]),
        _ => bytes.extend([0x82, length[0], length[1]]),
    }
    bytes.extend(body);
    bytes
}

/// An RSA key of given parameters and modulus; the exponent is 65537.
fn rsa(parameters: &[u8], modulus: &[u8]) -> Vec<u8> {
    let oid = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    let numbers = element(0x30, &[&element(2, &[modulus]), &[2, 3, 1, 0, 1]]);
    element(
        0x30,
        &[
            &element(0x30, &[&oid, parameters]),
            &element(3, &[&[0], &numbers]),
        ],
    )
}

#[test]
fn the_fingerprint_is_the_digest_of_the_der() {
    let spki = der(P384);
    let key = PublicKey::from_pem(&pem("PUBLIC KEY", &spki)).expect("a good key");
    assert_eq!(
        key.fingerprint().to_string(),
        Digest::sha256(&spki).to_string()
    );
    assert_eq!(Ok(key), PublicKey::from_spki(&spki));
}

#[test]
fn p384_and_p521_keys_also_sign_over_sha256() {
    for (key, signature, scheme) in [
        (P384, P384_SHA256, Scheme::EcdsaP384Sha256),
        (P521, P521_SHA256, Scheme::EcdsaP521Sha256),
    ] {
        let key = PublicKey::from_spki(&der(key)).expect("a good key");
        assert_eq!(key.verify(P384_TEXT, &der(signature)), Some(scheme));
        assert_eq!(key.verify(b"another text", &der(signature)), None);
    }
}

#[test]
fn the_prehashed_variant_of_ed25519_is_not_accepted() {
    let key = PublicKey::from_spki(&der(ED25519)).expect("a good key");
    let signature = der(ED25519PH);
    assert_eq!(signature.len(), 64);
    assert_eq!(key.verify(ED25519PH_TEXT.as_bytes(), &signature), None);
}

#[test]
fn a_block_may_have_white_space_around_it_and_either_line_ending() {
    let text = pem("PUBLIC KEY", &p256());
    for text in [
        format!("\n \t{text}\n\n"),
        text.trim_end().to_owned(),
        text.replace('\n', "\r\n"),
    ] {
        assert!(PublicKey::from_pem(&text).is_ok());
    }
}

#[test]
fn whatever_is_not_one_public_key_block_is_refused_by_name() {
    let spki = p256();
    let good = pem("PUBLIC KEY", &spki);
    let private = pem("PRIVATE KEY", b"secret bytes");
    let damaged = good.replacen("MFkw", "M!kw", 1);
    let cut = good.replace("-----END PUBLIC KEY-----", "");
    for (text, error) in [
        (String::new(), KeyError::NotPem),
        ("ssh-ed25519 AAAA".into(), KeyError::NotPem),
        (STANDARD.encode(&spki), KeyError::NotPem),
        (damaged, KeyError::NotPem),
        (cut, KeyError::NotPem),
        (format!("{good}{good}"), KeyError::SeveralBlocks(2)),
        (format!("{good}trailing"), KeyError::TextAround),
        (format!("# a key\n{good}"), KeyError::TextAround),
        (private.clone(), KeyError::PrivateKey),
        (format!("{good}{private}"), KeyError::PrivateKey),
        (pem("EC PRIVATE KEY", b"secret bytes"), KeyError::PrivateKey),
        (
            pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"secret bytes"),
            KeyError::PrivateKey,
        ),
        (
            pem("OPENSSH PRIVATE KEY", b"secret bytes"),
            KeyError::PrivateKey,
        ),
        (pem("CERTIFICATE", &spki), KeyError::Certificate),
        (pem("RSA PUBLIC KEY", &spki), KeyError::Pkcs1),
        (pem("PGP PUBLIC KEY BLOCK", &spki), KeyError::Label),
    ] {
        assert_eq!(PublicKey::from_pem(&text), Err(error.clone()), "{error:?}");
    }
}

#[test]
fn an_error_never_quotes_what_was_read() {
    let secret = "c2VjcmV0IGJ5dGVz";
    for text in [
        pem("PRIVATE KEY", b"secret bytes"),
        pem("PUBLIC KEY", b"secret bytes"),
        format!("-----BEGIN {secret}-----\n-----END {secret}-----\n"),
        secret.into(),
    ] {
        let error = PublicKey::from_pem(&text).expect_err("refused");
        let words = format!("{error} {error:?}");
        assert!(!words.contains("c2Vj") && !words.contains("secret bytes"));
    }
}

#[test]
fn keys_without_a_scheme_or_with_a_second_encoding_are_refused() {
    let spki = p256();
    let with_tail = [&spki[..], &[0]].concat();
    let mut off_curve = spki.clone();
    *off_curve.last_mut().expect("bytes") ^= 1;
    let mut hybrid = spki.clone();
    hybrid[26] = 6;
    let long_length = [&[0x30, 0x81, 0x59], &spki[2..]].concat();
    for (bytes, error) in [
        (Vec::new(), KeyError::Der),
        (spki[..spki.len() - 1].to_vec(), KeyError::Der),
        (with_tail, KeyError::Der),
        (long_length, KeyError::Der),
        (off_curve, KeyError::Invalid("ECDSA P-256")),
        (hybrid, KeyError::Invalid("ECDSA P-256")),
        (der(SECP256K1), KeyError::Curve("1.3.132.0.10".into())),
        (der(EXPLICIT), KeyError::ExplicitCurve),
        (der(COMPRESSED), KeyError::CompressedPoint),
        (der(X25519), KeyError::Algorithm("1.3.101.110".into())),
        (
            der(RSA_PSS),
            KeyError::Algorithm("1.2.840.113549.1.1.10".into()),
        ),
        (der(RSA_1024), KeyError::RsaSize(1024)),
    ] {
        assert_eq!(
            PublicKey::from_spki(&bytes),
            Err(error.clone()),
            "{error:?}"
        );
    }
}

#[test]
fn rsa_numbers_are_positive_and_parameters_are_null() {
    let null = [5, 0];
    let mut modulus = vec![0xc1; 257];
    modulus[0] = 0;
    assert!(PublicKey::from_spki(&rsa(&null, &modulus)).is_ok());
    assert!(PublicKey::from_spki(&der(RSA_2048)).is_ok());
    // Without the leading zero the number is negative.
    let negative = rsa(&null, &modulus[1..]);
    let padded = rsa(&null, &[&[0], &modulus[..]].concat());
    let absent = rsa(&[], &modulus);
    for bytes in [negative, padded, absent] {
        assert_eq!(PublicKey::from_spki(&bytes), Err(KeyError::Der));
    }
    let mut huge = vec![0xc1; 1026];
    huge[0] = 0;
    assert_eq!(
        PublicKey::from_spki(&rsa(&null, &huge)),
        Err(KeyError::RsaSize(8200))
    );
}

#[test]
fn ed25519_has_no_parameters() {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let point = pair.public_key().as_ref();
    let with = |parameters: &[u8]| {
        let oid = [6, 3, 0x2b, 0x65, 0x70];
        element(
            0x30,
            &[
                &element(0x30, &[&oid, parameters]),
                &element(3, &[&[0], point]),
            ],
        )
    };
    let key = PublicKey::from_spki(&with(&[])).expect("a good key");
    assert_eq!(
        key.verify(b"text", pair.sign(b"text").as_ref()),
        Some(Scheme::Ed25519)
    );
    assert_eq!(PublicKey::from_spki(&with(&[5, 0])), Err(KeyError::Der));
}

/// An Ed25519 key with this encoding of its point.
fn ed25519(point: [u8; 32]) -> Vec<u8> {
    let oid = [6, 3, 0x2b, 0x65, 0x70];
    element(
        0x30,
        &[&element(0x30, &[&oid]), &element(3, &[&[0], &point])],
    )
}

#[test]
fn an_ed25519_key_under_which_anybody_can_sign_is_refused() {
    // The points of small order and their other encodings, from "Taming the
    // many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), table 1 and 6.
    let hex = |text: &str| -> [u8; 32] {
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
            .collect();
        bytes.try_into().expect("32 bytes")
    };
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ] {
        assert_eq!(
            PublicKey::from_spki(&ed25519(hex(point))),
            Err(KeyError::Invalid("Ed25519")),
            "{point}"
        );
    }
    // What makes them dangerous: R = [s]B with s = 0 and the neutral element,
    // a signature of everything.
    let neutral = hex("0100000000000000000000000000000000000000000000000000000000000000");
    let anything = [neutral, [0; 32]].concat();
    let raw = lc::UnparsedPublicKey::new(&lc::ED25519, neutral);
    assert!(raw.verify(b"anything", &anything).is_ok());
}

#[test]
fn an_rsa_exponent_that_makes_signatures_public_is_refused() {
    let modulus = {
        let mut numbers = vec![0xff; 256];
        numbers.insert(0, 0);
        numbers
    };
    for exponent in [&[1_u8][..], &[2], &[0], &[4]] {
        let oid = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
        let numbers = element(0x30, &[&element(2, &[&modulus]), &element(2, &[exponent])]);
        let der = element(
            0x30,
            &[
                &element(0x30, &[&oid, &[5, 0]]),
                &element(3, &[&[0], &numbers]),
            ],
        );
        assert_eq!(
            PublicKey::from_spki(&der),
            Err(KeyError::Invalid("RSA")),
            "{exponent:?}"
        );
    }
}
