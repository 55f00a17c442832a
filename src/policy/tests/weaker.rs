//! Broad policies that ask for less than narrow ones.

use std::sync::Arc;

use proptest::prelude::*;

use crate::oci::Repository;
use crate::policy::pattern::ImagePattern;
use crate::policy::{PolicyDocument, compile};
use crate::trust::{Material, Materials, TrustRoot};

/// Three keys of a test, in PEM, each on one line of YAML.
fn keys() -> [String; 3] {
    [(); 3].map(|()| {
        let pem = rcgen::KeyPair::generate().expect("a key").public_key_pem();
        pem.replace('\n', "\\n")
    })
}

/// A root for every policy that names one.
fn root() -> Arc<TrustRoot> {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("a certificate").pem();
    Arc::new(TrustRoot::from_certificates("r", &pem).expect("a root"))
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
        let dated = authority.replace("\"}}", "\", validFrom: '2026-01-01T00:00:00Z'}}");
        text = text.replace(&format!("<{}dated>", index + 1), &dated);
    }
    let documents = [PolicyDocument {
        origin: "p.yaml".into(),
        text,
    }];
    let compiled = compile(&documents).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let mut materials = Materials::default();
    let root = root();
    for reference in compiled.materials() {
        materials.insert(reference, Ok(Material::Root(Arc::clone(&root))));
    }
    let set = compiled.bind(&materials);
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
            "accepts more signers than b",
        ),
    ] {
        let expected = format!(
            "policy a covers all that b does and more, and {less}: the same image under a name \
             that only a covers is judged by that alone"
        );
        assert_eq!(warnings(broad, NARROW), [expected.as_str()], "{broad}");
    }
    let keyless = |subject: &str, more: &str| {
        format!(
            "authorities: [{{name: k, keyless: {{issuer: 'https://i.example', {subject}}}}}]{more}"
        )
    };
    let exact = keyless("subject: a@b.example", "");
    for (broad, narrow, less) in [
        (
            keyless("subjectPattern: '*@b.example'", ""),
            exact.clone(),
            "accepts more signers than b",
        ),
        (
            keyless("subject: a@b.example", ", certificateTransparency: none"),
            exact.clone(),
            "accepts more signers than b",
        ),
        (
            keyless("subject: a@b.example", ", insecureOldBundles: true"),
            exact.clone(),
            "accepts more signers than b",
        ),
        (
            exact.clone(),
            keyless("subject: a@b.example", ", signedFor: repository"),
            "accepts signatures for any repository, where b asks for signatures that name theirs",
        ),
        (
            exact.clone(),
            keyless("subject: a@b.example", ", multiArch: everyChild"),
            "asks for a signature of an image index only, where b asks for its entries",
        ),
        (
            "authorities: [<1>]".to_owned(),
            "level: attested, authorities: [<1>], \
             attestations: [{predicateType: 'https://t.example/v1', by: [k1]}]"
                .to_owned(),
            "does not ask for every attestation that b does",
        ),
        (
            // The second key only attests.
            "authorities: [<1>]".to_owned(),
            "level: attested, authorities: [<1>, <2>], require: k1, \
             attestations: [{predicateType: 'https://t.example/v1', by: [k2]}]"
                .to_owned(),
            "does not ask for every attestation that b does",
        ),
        (
            "level: attested, authorities: [<1>], \
             attestations: [{predicateType: 'https://t.example/v1', by: [k1]}]"
                .to_owned(),
            "level: attested, authorities: [<1>], \
             attestations: [{predicateType: 'https://t.example/v1', by: [k1]}, \
             {predicateType: 'https://t.example/v2', by: [k1]}]"
                .to_owned(),
            "does not ask for every attestation that b does",
        ),
        (
            "authorities: [<1>]".to_owned(),
            "authorities: [<1dated>]".to_owned(),
            "accepts more signers than b",
        ),
    ] {
        let found = warnings(
            &format!("{{match: {{}}, {broad}}}"),
            &format!("{{match: {{channels: [prod]}}, {narrow}}}"),
        );
        let expected = format!(
            "policy a covers all that b does and more, and {less}: the same image under a name \
             that only a covers is judged by that alone"
        );
        assert_eq!(found, [expected.as_str()], "{broad} beside {narrow}");
        // The other way round the broad one asks for more.
        let turned = warnings(
            &format!("{{match: {{}}, {narrow}}}"),
            &format!("{{match: {{channels: [prod]}}, {broad}}}"),
        );
        assert_eq!(turned, [""; 0], "{narrow} beside {broad}");
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
