//! `docs/rules.md` and the table of bypasses in `docs/threat-model.md` name the
//! tests that hold them, and those tests exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

const RULES: &str = include_str!("../../docs/rules.md");
const THREATS: &str = include_str!("../../docs/threat-model.md");

/// Where tests are, and what stands before the path of their module.
const ROOTS: &[&str] = &["src", "tests/it", "e2e/tests"];

/// The tests of one file, named by its path and the modules inside of it.
struct Tests<'n> {
    module: Vec<String>,
    names: &'n mut BTreeSet<String>,
}

impl Tests<'_> {
    fn add(&mut self, name: &str) {
        let module = self.module.join("::");
        self.names.insert(format!("{module}::{name}"));
    }
}

impl<'ast> Visit<'ast> for Tests<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        // `#[test]` and `#[tokio::test]`.
        let is_test = function.attrs.iter().any(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == "test")
        });
        if is_test {
            self.add(&function.sig.ident.to_string());
        }
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let name = item.mac.path.segments.last();
        if name.is_some_and(|name| name.ident == "proptest") {
            let tokens = item.mac.tokens.to_string();
            for after in tokens.split("# [test]").skip(1) {
                let name = after.trim_start().strip_prefix("fn ").unwrap_or_default();
                let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                self.add(&name[..end.unwrap_or(name.len())]);
            }
        }
    }
}

fn tests_in(name: &str, text: &str, names: &mut BTreeSet<String>) {
    let path = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let module = path.split('/').map(str::to_owned).collect();
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Tests { module, names }.visit_file(&file);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every test of the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for root in ROOTS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        let mut files = Vec::new();
        collect(&root, &mut files);
        for path in files {
            let name = path.strip_prefix(&root).expect("below the root");
            let text = fs::read_to_string(&path).expect("readable");
            tests_in(
                &name.to_string_lossy().replace('\\', "/"),
                &text,
                &mut names,
            );
        }
    }
    assert!(names.len() > 300, "the tests were not found");
    names
}

/// The words in backticks that are paths of Rust.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains("::"))
}

fn problems_of(place: &str, text: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut problems: Vec<_> = named(text)
        .filter(|name| !known.contains(*name))
        .map(|name| format!("{place}: there is no test {name}"))
        .collect();
    if named(text).next().is_none() {
        problems.push(format!("{place}: names no test"));
    }
    problems
}

/// What is wrong with a page of rules.
fn problems_of_rules(page: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (section, expected) in page.split("\n### ").skip(1).zip(1..) {
        let heading = section.lines().next().unwrap_or_default();
        let number = heading.split('.').next().and_then(|n| n.parse().ok());
        if number != Some(expected) {
            problems.push(format!("{heading}: is not rule {expected}"));
        }
        let line = |start: &str| section.lines().find_map(|line| line.strip_prefix(start));
        match (line("Tests: "), line("Later: ")) {
            (Some(tests), None) => problems.extend(problems_of(heading, tests, known)),
            (None, Some(_)) => {}
            _ => problems.push(format!("{heading}: has neither tests nor a reason why not")),
        }
    }
    problems
}

/// What is wrong with the table of bypasses.
fn problems_of_threats(page: &str, known: &BTreeSet<String>) -> Vec<String> {
    page.lines()
        .skip_while(|line| !line.starts_with("| Bypass "))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|row| {
            let cells: Vec<_> = row.split('|').collect();
            let (bypass, tests) = (cells[1].trim(), cells.get(3).unwrap_or(&""));
            problems_of(bypass, tests, known)
        })
        .collect()
}

#[test]
fn every_rule_names_tests_that_exist() {
    let problems = problems_of_rules(RULES, &tests());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(
        RULES.matches("\nTests: ").count() > 25,
        "the page was not read"
    );
}

#[test]
fn every_bypass_names_tests_that_exist() {
    let problems = problems_of_threats(THREATS, &tests());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(THREATS.contains("\n| Bypass "), "the table was not found");
}

#[test]
fn a_page_that_promises_what_no_test_holds_is_noticed() {
    let mut known = BTreeSet::new();
    tests_in(
        "a/mod.rs",
        "#[test] fn one() {} fn helper() {} mod t { #[tokio::test] async fn two() {} \
         proptest::proptest! { #[test] fn three(x: u8) {} } }",
        &mut known,
    );
    assert_eq!(
        known.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a::one", "a::t::three", "a::t::two"]
    );
    let page = "\n### 1. Good\n\nTests: `a::one`, `a::t::three`\n\
                \n### 2. None\n\nTests: `a`\n\
                \n### 3. Gone\n\nTests: `a::one`, `a::helper`\n\
                \n### 5. Bare\n\nText.\n\
                \n### 5. Not yet\n\nLater: soon.\n";
    assert_eq!(
        problems_of_rules(page, &known),
        [
            "2. None: names no test",
            "3. Gone: there is no test a::helper",
            "5. Bare: is not rule 4",
            "5. Bare: has neither tests nor a reason why not",
        ]
    );
    let table = "x\n| Bypass | Here | Test |\n| --- | --- | --- |\n\
                 | good | yes | `a::one` |\n| bad | yes | `a::two` |\n| none | yes | a |\n\nend";
    assert_eq!(
        problems_of_threats(table, &known),
        ["bad: there is no test a::two", "none: names no test"]
    );
}
