//! References and digests: what is accepted is printed so that it means the
//! same, to floe and to whoever pulls.

use floe::oci::{Digest, Reference};
use serde_json::json;

use super::holds;

const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn a_digest_is_its_own_text_or_none() {
    let seeds = [
        format!("sha256:{HEX}").into_bytes(),
        format!("sha512:{HEX}{HEX}").into_bytes(),
    ];
    holds(2_000, &seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let lower = |hex: &str| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let legal = match text.split_once(':') {
            Some(("sha256", hex)) => hex.len() == 64 && lower(hex),
            Some(("sha512", hex)) => hex.len() == 128 && lower(hex),
            _ => false,
        };
        match text.parse::<Digest>() {
            Ok(digest) => assert_eq!(digest.to_string(), text),
            Err(_) => assert!(!legal, "{text}"),
        }
        legal
    });
}

#[test]
fn a_reference_names_after_printing_what_it_named_before() {
    let seeds = [
        "nginx".to_owned(),
        "library/nginx:1.27".to_owned(),
        "docker.io/acme/app:v1".to_owned(),
        format!("Registry.Example.com:5000/team/app@sha256:{HEX}"),
        format!("registry.example.com/team/sub__app:Tag_1.0@sha256:{HEX}"),
        format!("[::1]:5000/app@sha512:{HEX}{HEX}"),
        "localhost/app".to_owned(),
    ]
    .map(String::into_bytes);
    holds(3_000, &seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let Ok(reference) = text.parse::<Reference>() else {
            return false;
        };
        let printed = reference.to_string();
        assert_eq!(printed.parse::<Reference>().as_ref(), Ok(&reference));
        assert!(printed.is_ascii() && !printed.contains(char::is_whitespace));
        // What decides stands in the text as it is: digest and tag at its end,
        // the last part of the path before them.
        let digest = text.rsplit_once('@').map(|(_, digest)| digest.to_owned());
        assert_eq!(reference.digest().map(|d| d.to_string()), digest);
        let rest = text.split('@').next().unwrap_or_default();
        let last = rest.rsplit('/').next().unwrap_or_default();
        let (name, tag) = match last.split_once(':') {
            Some((name, tag)) => (name, Some(json!(tag))),
            None => (last, None),
        };
        assert_eq!(reference.tag().map(|tag| json!(tag.as_str())), tag);
        let path = reference.repository().path();
        assert_eq!(path.rsplit('/').next(), Some(name));
        true
    });
}
