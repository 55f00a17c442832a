//! Broad policies that ask for less than narrow ones.

use proptest::prelude::*;

use crate::oci::Repository;
use crate::policy::pattern::ImagePattern;
use crate::policy::{PolicyDocument, compile};
use crate::trust::Materials;

/// Three keys of a test, in PEM, each on one line of YAML.
fn keys() -> [String; 3] {
    [(); 3].map(|()| {
        let pem = rcgen::KeyPair::generate().expect("a key").public_key_pem();
        pem.replace('\n', "\\n")
    })
}

/// The warnings about policies `a` and `b` with these specs, in which `<1>` to
/// `<3>` are keys.
fn warnings(a: &str, b: &str) -> Vec<String> {
    let mut text = String::new();
    for (name, spec) in [("a", a), ("b", b)] {
        text.push_str(&format!(
            "---\napiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        ));
    }
    for (index, key) in keys().iter().enumerate() {
        let name = format!("<{}>", index + 1);
        let authority = format!("{{name: k{}, key: {{pem: \"{key}\"}}}}", index + 1);
        text = text.replace(&name, &authority);
    }
    let documents = [PolicyDocument {
        origin: "p.yaml".into(),
        text,
    }];
    let compiled = compile(&documents).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let set = compiled.bind(&Materials::default());
    set.weaker().iter().map(ToString::to_string).collect()
}

const NARROW: &str = "{match: {images: ['r.example/pay/**']}, authorities: [<1>]}";

#[test]
fn a_broad_policy_that_asks_for_less_is_told() {
    for (broad, less) in [
        (
            "{match: {}, level: unverified}",
            "asks for no signature as b does",
        ),
        (
            "{match: {images: ['**']}, level: unverified}",
            "asks for no signature as b does",
        ),
        (
            "{match: {images: ['r.example/**']}, level: unverified}",
            "asks for no signature as b does",
        ),
        (
            "{match: {images: ['r.example/p*/**', 'x.example/y']}, level: unverified}",
            "asks for no signature as b does",
        ),
        (
            "{match: {}, enforcement: warn, authorities: [<1>]}",
            "only warns where b enforces",
        ),
        (
            "{match: {}, authorities: [<1>, <2>]}",
            "accepts more authorities than b",
        ),
    ] {
        let expected = format!(
            "policy a covers all that b does and more, and {less}: the same image under a name \
             that only a covers is judged by that alone"
        );
        assert_eq!(warnings(broad, NARROW), [expected.as_str()], "{broad}");
    }
    let two = "{match: {channels: [prod]}, authorities: [<1>, <2>], require: {allOf: [k1, k2]}}";
    for (broad, narrow) in [
        ("{match: {}, authorities: [<1>, <2>]}", two),
        (
            "{match: {namespaces: {names: ['p-*']}}, authorities: [<1>]}",
            "{match: {namespaces: {names: ['p-a', 'p-b-*']}}, authorities: [<1>, <2>, <3>], \
             require: {threshold: 2, of: [k1, k2, k3]}}",
        ),
    ] {
        let found = warnings(broad, narrow);
        assert_eq!(found.len(), 1, "{broad}");
        assert!(
            found[0].contains("is satisfied by 1 of the 2 signers of b"),
            "{found:?}"
        );
    }
}

#[test]
fn what_is_no_broader_or_no_weaker_is_not_told() {
    for (a, b) in [
        // The broad one asks for as much, or for more.
        ("{match: {}, authorities: [<1>]}", NARROW),
        (
            "{match: {}, authorities: [<1>, <2>], require: {allOf: [k1, k2]}}",
            NARROW,
        ),
        ("{match: {}, authorities: [<2>]}", NARROW),
        // It admits nothing by itself.
        ("{match: {}, enforcement: off, authorities: [<1>]}", NARROW),
        (
            "{match: {}, level: unverified}",
            "{match: {}, authorities: [<1>]}",
        ),
        // Neither covers the other.
        (
            "{match: {images: ['r.example/pay/x/**']}, level: unverified}",
            NARROW,
        ),
        (
            "{match: {images: ['r.example/payments/**']}, level: unverified}",
            NARROW,
        ),
        (
            "{match: {images: ['r.example/*']}, level: unverified}",
            NARROW,
        ),
        (
            "{match: {namespaces: {names: [a]}}, level: unverified}",
            NARROW,
        ),
        ("{match: {channels: [dev]}, level: unverified}", NARROW),
        (
            "{match: {channels: [dev]}, level: unverified}",
            "{match: {channels: [dev, prod]}, authorities: [<1>]}",
        ),
        // The strong one enforces nothing.
        (
            "{match: {}, level: unverified}",
            "{match: {images: ['r.example/pay/**']}, enforcement: warn, authorities: [<1>]}",
        ),
    ] {
        assert_eq!(warnings(a, b), [""; 0], "{a} beside {b}");
    }
}

proptest! {
    #[test]
    fn a_pattern_that_covers_another_matches_all_that_it_matches(
        broad in "(\\*\\*|a\\.a|\\*\\.a|a\\*\\.a)(/(a|b|\\*|a\\*|\\*b|\\*\\*)){1,3}",
        narrow in "(\\*\\*|a\\.a|\\*\\.a|ab\\.a|a\\*\\.a)(/(a|b|ab|\\*|a\\*|\\*b|\\*\\*)){1,3}",
        name in "[ab]{1,2}\\.a(/[ab]{1,2}){1,5}",
    ) {
        let (Ok(broad), Ok(narrow)) = (ImagePattern::parse(&broad), ImagePattern::parse(&narrow))
        else {
            return Ok(());
        };
        let repository: Repository = name.parse().expect("a repository");
        if broad.covers(&narrow) && narrow.matches(&repository) {
            prop_assert!(broad.matches(&repository), "{:?} covers {:?}", broad, narrow);
        }
        prop_assert!(broad.covers(&broad));
    }
}
