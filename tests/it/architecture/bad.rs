//! Bad code, and the check that finds it.

use super::reader::parse;
use super::*;

#[test]
fn the_reader_of_code_sees_what_it_is_meant_to_see() {
    let file = parse(
        "policy/inner.rs",
        r#"
        use crate::{oci::Digest, source::{self, Source}};
        use super::super::webhook::Router;
        use super::select;
        async fn a() { let x = Decision::Allow; }
        fn b(d: Decision) -> bool { d == Decision::Allow || matches!(d, D::Allow) }
        fn c(d: Decision) -> u8 { match d { Decision::Allow => 1, Decision::Deny => 0 } }
        fn d() -> Vec<Decision> { vec![crate::verdict::Decision::Allow] }
        fn e() { println!("{}", crate::cli::NAME); std::fs::read("x"); }
        #[cfg(test)] mod tests { use crate::roots::X; fn f() { let x = Decision::Allow; } }
        #[cfg(test)] use crate::telemetry::Y;
        "#,
    );
    let imports: Vec<_> = file.code.imports.iter().map(String::as_str).collect();
    assert_eq!(
        imports,
        ["cli", "oci", "policy", "source", "verdict", "webhook"]
    );
    assert_eq!(file.code.allows, 2);
    assert_eq!(file.code.asyncs, 1);
    assert!(file.code.macros.contains(&"println".to_owned()));
    assert!(file.code.paths.contains(&"std::fs::read".to_owned()));
}

#[test]
fn each_check_finds_what_it_is_for() {
    let page = "| Module | May import |\n| --- | --- |\n| `oci` | – |\n| `trust` | `oci` |\n\
                | `gone` | `trust` |\n| `cli` | anything |\n\n| `later` | – |\n";
    let table = table(page);
    assert_eq!(table.len(), 4);
    assert_eq!(table["cli"], BTreeSet::from(["gone", "oci", "trust"]));
    let bad = |name: &str, text: &str| vec![parse(name, text)];
    let files = [
        bad(
            "oci/a.rs",
            "use crate::trust::Key; fn f() { std::env::var(\"A\"); }",
        ),
        bad(
            "trust/a.rs",
            "use crate::oci::Digest; async fn f() { jiff::Timestamp::now(); }",
        ),
        bad(
            "new/mod.rs",
            "fn f() { println!(\"a\"); std::io::stdout(); anyhow::bail!(\"a\"); }",
        ),
        bad("cli/a.rs", "fn f() { println!(\"a\"); }"),
    ];
    let files: Vec<_> = files.into_iter().flatten().collect();
    assert_eq!(
        imports_astray(&files, &table),
        [
            "new has no row in the table",
            "oci/a.rs: oci may not import trust",
            "gone has a row and no code",
        ]
    );
    assert_eq!(
        impurities(&files),
        [
            "oci/a.rs names std::env::var",
            "trust/a.rs has something async",
            "trust/a.rs names jiff::Timestamp::now",
        ]
    );
    assert_eq!(
        prints(&files),
        [
            "new/mod.rs uses println!",
            "new/mod.rs names std::io::stdout"
        ]
    );
    let nowhere = |_: &SourceFile| false;
    assert_eq!(
        astray(&files, "anyhow", nowhere),
        ["new/mod.rs names anyhow::bail"]
    );
    assert_eq!(circle(&table), [""; 0]);
    let round = [
        ("a", BTreeSet::from(["b"])),
        ("b", BTreeSet::from(["a"])),
        ("c", BTreeSet::new()),
    ];
    assert_eq!(circle(&round.into()), ["a", "b"]);

    let mut claims = bad(
        "trust/verified.rs",
        "#[derive(Debug, serde::Deserialize)] pub struct Verified<T> { pub claim: T, proof: u8 } \
         impl<T> Verified<T> { pub(super) fn new() -> Self {} pub fn trust_me() -> Self {} } \
         impl<T> From<T> for Verified<T> {} \
         #[cfg(test)] fn for_test() -> Verified<u8> {}",
    );
    claims.extend(bad(
        "policy/a.rs",
        "fn f() { crate::trust::Verified::new(); }",
    ));
    assert_eq!(
        unchecked_claims(&claims),
        [
            "trust/verified.rs: Verified is Deserialize",
            "trust/verified.rs: Verified is From",
            "trust/verified.rs: others reach Verified.claim",
            "trust/verified.rs: trust_me makes verified claims",
            "policy/a.rs makes verified claims",
        ]
    );
    let mut written = bad(
        "verdict/mod.rs",
        "#[derive(Debug, Serialize)] enum Decision { Allow } impl<'de> Deserialize<'de> for X {}",
    );
    written.extend(bad(
        "verdict/report/mod.rs",
        "#[derive(Serialize)] struct Report;",
    ));
    assert_eq!(
        serialised(&written),
        [
            "verdict/mod.rs: Decision is Serialize",
            "verdict/mod.rs: X is Deserialize"
        ]
    );
    let odd = bad(
        "source/a/utils.rs",
        "static N: u8 = 1; thread_local! { static A: u8 = 1; } #[allow(dead_code)] fn a() {} \
         #[expect(dead_code, reason = \"b\")] fn b() {} \
         #[non_exhaustive] enum ReadError { Other(String), Good } enum Class { Other }",
    );
    assert_eq!(
        odds(&odd),
        [
            "source/a/utils.rs: static N",
            "source/a/utils.rs: thread_local!",
            "source/a/utils.rs: ReadError::Other",
            "source/a/utils.rs: #[allow]",
            "source/a/utils.rs: #[non_exhaustive]",
            "source/a/utils.rs: utils means nothing",
        ]
    );
}
