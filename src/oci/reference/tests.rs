use proptest::prelude::*;

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Result<String, ReferenceError> {
    text.parse::<Reference>().map(|r| r.to_string())
}

#[test]
fn shorthands_are_expanded_as_runtimes_do() {
    for (text, normal) in [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("acme/app", "docker.io/acme/app"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("index.docker.io/nginx", "docker.io/library/nginx"),
        ("registry-1.docker.io/acme/app", "docker.io/acme/app"),
        (
            "registry.hub.docker.com/library/nginx",
            "docker.io/library/nginx",
        ),
        ("Registry.Example.COM:443/App", ""),
        ("Registry.Example.COM:443/app", "registry.example.com/app"),
        (
            "registry.example.com:5000/a/b:v1",
            "registry.example.com:5000/a/b:v1",
        ),
        ("localhost/app", "localhost/app"),
        ("localhost:5000/app", "localhost:5000/app"),
        ("LOCALHOST/app", "localhost/app"),
        ("registry:443/app", "registry:443/app"),
        ("Registry/app", "registry:443/app"),
        ("myhost/app", "docker.io/myhost/app"),
        ("[2001:DB8::1]:5000/app:v1", "[2001:db8::1]:5000/app:v1"),
        ("[::1]/app", "[::1]/app"),
        (
            "oci://registry.example.com/app:v1",
            "registry.example.com/app:v1",
        ),
        ("a.b/c__d/e--f.g_h", "a.b/c__d/e--f.g_h"),
    ] {
        if normal.is_empty() {
            assert!(parse(text).is_err(), "{text}");
        } else {
            assert_eq!(parse(text).as_deref(), Ok(normal), "{text}");
        }
    }
}

#[test]
fn a_tag_and_a_digest_can_stand_together_and_the_digest_pins() {
    let text = format!("registry.example.com/app:v1@sha256:{HEX}");
    let reference: Reference = text.parse().expect("legal");
    assert_eq!(reference.to_string(), text);
    assert_eq!(
        reference.pinned().map(|p| p.to_string()),
        Some(format!("registry.example.com/app@sha256:{HEX}"))
    );
    assert_eq!(reference.tag_or_latest().as_str(), "v1");
}

#[test]
fn the_port_and_host_are_read_back() {
    for (text, host, port) in [
        ("a.example/x", "a.example", None),
        ("a.example:5000/x", "a.example", Some(5000)),
        ("[::1]:5000/x", "::1", Some(5000)),
        ("[::1]/x", "::1", None),
    ] {
        let reference: Reference = text.parse().expect("legal");
        let registry = reference.repository().registry();
        assert_eq!((registry.host(), registry.port()), (host, port));
    }
}

#[test]
fn loopback_is_known_by_name_and_address() {
    for (text, loopback) in [
        ("localhost/x", true),
        ("localhost:5000/x", true),
        ("127.0.0.1:5000/x", true),
        ("127.8.8.8/x", true),
        ("[::1]:80/x", true),
        ("registry.localhost/x", true),
        ("localhost.example/x", false),
        ("10.0.0.1/x", false),
    ] {
        let reference: Reference = text.parse().expect("legal");
        assert_eq!(
            reference.repository().registry().is_loopback(),
            loopback,
            "{text}"
        );
    }
}

#[test]
fn what_a_runtime_would_refuse_is_refused_by_its_reason() {
    use ReferenceError as E;
    let long = "a".repeat(256);
    let long_tag = format!("app:{}", "t".repeat(129));
    let digest_of = |text: &str| text.parse::<Digest>().expect_err("bad digest");
    for (text, error) in [
        ("", E::Empty),
        (":v1", E::Empty),
        ("@sha256:00", E::Digest(digest_of("sha256:00"))),
        (
            "https://registry.example.com/app",
            E::Scheme("https".into()),
        ),
        ("OCI://registry.example.com/app", E::Scheme("OCI".into())),
        (
            "registry.example.com./app",
            E::Host("registry.example.com.".into()),
        ),
        (
            "user:pass@registry.example.com/app",
            E::Digest(digest_of("registry.example.com/app")),
        ),
        (
            "regïstry.example.com/app",
            E::Host("regïstry.example.com".into()),
        ),
        (
            "re_gistry.example.com/app",
            E::Host("re_gistry.example.com".into()),
        ),
        ("-a.example/app", E::Host("-a.example".into())),
        ("a..example/app", E::Host("a..example".into())),
        ("a.example:0/app", E::Port("0".into())),
        ("a.example:65536/app", E::Port("65536".into())),
        ("a.example:+80/app", E::Port("+80".into())),
        ("a.example:/app", E::Port("".into())),
        ("[::1/app", E::Host("[::1".into())),
        ("[::g]:5000/app", E::Host("[::g]:5000".into())),
        ("[::1]5000/app", E::Host("[::1]5000".into())),
        (
            "registry.example.com/",
            E::NoRepository("registry.example.com/".into()),
        ),
        ("registry.example.com/App", E::Path("App".into())),
        ("registry.example.com//app", E::Path("".into())),
        ("registry.example.com/app/", E::Path("".into())),
        ("registry.example.com/../app", E::Path("..".into())),
        ("registry.example.com/a..b", E::Path("a..b".into())),
        ("registry.example.com/a___b", E::Path("a___b".into())),
        ("registry.example.com/_a", E::Path("_a".into())),
        ("registry.example.com/a-", E::Path("a-".into())),
        ("registry.example.com/a b", E::Path("a b".into())),
        ("registry.example.com/app%2f", E::Path("app%2f".into())),
        (" nginx", E::Path(" nginx".into())),
        ("nginx\n", E::Path("nginx\n".into())),
        ("app:", E::Tag("".into())),
        ("app:-v", E::Tag("-v".into())),
        ("app:.v", E::Tag(".v".into())),
        ("app:v/1", E::Host("app:v".into())),
        ("a.example/app:v:1", E::Tag("v:1".into())),
        (long_tag.as_str(), E::Tag("t".repeat(80))),
        (HEX, E::ImageId(HEX.into())),
        (long.as_str(), E::NameTooLong),
        ("app@", E::Digest(digest_of(""))),
        ("app@sha256:E3", E::Digest(digest_of("sha256:E3"))),
    ] {
        let got = text.parse::<Reference>();
        // A bad port is named as a port even where the host is good.
        if text == "app:v/1" {
            assert_eq!(got, Err(E::Port("v".into())));
        } else {
            assert_eq!(got, Err(error), "{text:?}");
        }
    }
    assert_eq!("a".repeat(2000).parse::<Reference>(), Err(E::TooLong));
}

fn path_component() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}"
}

proptest! {
    #[test]
    fn print_then_parse_gives_the_same_value(
        host in proptest::option::of("[a-zA-Z0-9]{1,8}(\\.[a-zA-Z0-9]{1,8}){1,2}(:[1-9][0-9]{0,3})?"),
        path in proptest::collection::vec(path_component(), 1..4),
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
        digest in proptest::option::of("[0-9a-f]{64}"),
    ) {
        let mut text = String::new();
        match &host {
            Some(host) => { text += host; text.push('/'); text += &path.join("/"); }
            // Without a host, a dot would make one of the first component.
            None => text += &path.join("/").replace('.', "_"),
        }
        if let Some(tag) = &tag { text += ":"; text += tag; }
        if let Some(digest) = &digest { text += "@sha256:"; text += digest; }
        let reference: Reference = text.parse().expect("legal by construction");
        let printed = reference.to_string();
        prop_assert_eq!(printed.parse::<Reference>().expect("printed"), reference.clone());
        prop_assert_eq!(reference.tag().map(|t| t.to_string()), tag);
        prop_assert_eq!(reference.digest().map(|d| d.hex()), digest);
    }

    #[test]
    fn any_text_is_refused_or_has_a_stable_normal_form(text in "\\PC{0,60}") {
        if let Ok(reference) = text.parse::<Reference>() {
            let printed = reference.to_string();
            prop_assert!(printed.is_ascii());
            prop_assert_eq!(printed.parse::<Reference>().expect("printed").to_string(), printed);
        }
    }
}
