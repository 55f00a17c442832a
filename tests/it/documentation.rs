//! What the documentation shows is what floe takes and gives.

use std::collections::BTreeSet;
use std::path::Path;

use floe::config::Settings;
use serde_json::Value;

const SETTINGS: &str = include_str!("../../docs/settings.md");
const REPORT: &str = include_str!("../../docs/report.md");

/// The first block of this language in a page.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let fence = format!("```{language}\n");
    let start = page.find(&fence).expect("a block") + fence.len();
    let length = page[start..].find("```").expect("its end");
    &page[start..start + length]
}

/// The names in the first cell of each row of a page's tables, in back quotes.
fn rows(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split(" | ").next().unwrap_or_default());
    cells
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

/// The path of every field of a document, `[]` for the elements of a list.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                found.insert(path.clone());
                fields(value, &path, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                fields(item, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_settings_of_the_page_can_be_read_and_each_has_its_row() {
    let example = block(SETTINGS, "yaml");
    Settings::parse(Path::new("/etc/floe/floe.yaml"), example).expect("good settings");
    let documents = floe::policy::yaml::documents(example).expect("good YAML");
    let mut written = BTreeSet::new();
    fields(&documents[0].value, "", &mut written);
    assert_eq!(rows(SETTINGS), written);
}

#[test]
fn every_setting_that_the_code_takes_is_in_the_page() {
    let source = include_str!("../../src/config/file.rs");
    let mut renamed = None;
    let mut taken = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("rename = \"") {
            renamed = rest.split('"').next().map(str::to_owned);
        } else if let Some((name, _)) = line
            .strip_prefix("pub ")
            .and_then(|field| field.split_once(": "))
        {
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            let camel = words.fold(first, |name, word| {
                let (head, tail) = word.split_at(1);
                name + &head.to_uppercase() + tail
            });
            taken.insert(renamed.take().unwrap_or(camel));
        }
    }
    let rows = rows(SETTINGS);
    let last = |path: &String| path.rsplit('.').next().unwrap_or_default().to_owned();
    let documented: BTreeSet<_> = rows.iter().map(last).collect();
    assert_eq!(taken, documented);
}

#[test]
fn every_default_of_the_page_is_the_default_of_the_code() {
    let cell = |name: &str| {
        let row = SETTINGS
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("{name} has no row"));
        let cell = row.split(" | ").nth(2).expect("a default");
        cell.trim_matches('`').to_owned()
    };
    let defaults = Settings::default();
    assert_eq!(cell("listen"), defaults.listen.to_string());
    for (name, number) in [
        ("limits.bodyBytes", defaults.body_bytes),
        ("limits.concurrentReviews", defaults.concurrent_reviews),
        ("limits.waitingReviews", defaults.waiting_reviews),
        ("limits.connections", defaults.connections),
    ] {
        assert_eq!(cell(name), number.to_string(), "{name}");
    }
    for (name, time) in [
        ("limits.reviewTimeout", defaults.review_timeout),
        ("limits.drain", defaults.drain),
        ("limits.poll", defaults.poll),
    ] {
        assert_eq!(cell(name), format!("{}s", time.as_secs()), "{name}");
    }
}

#[test]
fn the_report_of_the_page_has_each_field_in_its_table() {
    let example: Value = serde_json::from_str(block(REPORT, "json")).expect("good JSON");
    let mut written = BTreeSet::new();
    fields(&example, "", &mut written);
    let findings = "images[].policies[].findings[].";
    let written: BTreeSet<_> = written
        .into_iter()
        .map(|path| match path.strip_prefix(findings) {
            Some(field) => format!("….findings[].{field}"),
            None => path,
        })
        .collect();
    assert_eq!(rows(REPORT), written);
}

#[test]
fn every_field_that_a_report_can_have_is_in_the_page() {
    use floe::verdict::report::{
        BuildReport, CertificateReport, FindingReport, ImageReport, LogReport, NameReport, Place,
        PolicyReport, Report, SctReport, SignerReport, TimestampReport, Uncovered,
    };
    let text = || "x".to_owned();
    let finding = FindingReport {
        code: "x",
        kind: "x",
        message: text(),
        remedy: "x",
        retry_after_seconds: Some(1),
    };
    let policy = PolicyReport {
        name: text(),
        enforcement: "x",
        status: "x",
        signers: vec![SignerReport {
            authority: text(),
            signer: text(),
            certificate: Some(CertificateReport {
                root: text(),
                names: vec![NameReport {
                    kind: "x",
                    name: text(),
                }],
                issuer: Some(text()),
                build: Some(BuildReport {
                    workflow: Some(text()),
                    repository: Some(text()),
                    reference: Some(text()),
                    commit: Some(text()),
                    trigger: Some(text()),
                    runner: Some(text()),
                    run: Some(text()),
                }),
                seen: Some(SctReport {
                    log: text(),
                    at: text(),
                }),
            }),
            log: vec![LogReport {
                root: text(),
                log: text(),
                index: 1,
                at: Some(text()),
            }],
            timestamps: vec![TimestampReport {
                root: text(),
                at: text(),
            }],
        }],
        findings: vec![finding.clone()],
    };
    let image = ImageReport {
        reference: text(),
        pinned: Some(text()),
        judged_as: Some(text()),
        namespace: Some(text()),
        uses: vec![Place {
            file: Some(text()),
            object: Some(text()),
            field: text(),
            name: Some(text()),
        }],
        decision: "x",
        inconclusive: true,
        policies: vec![policy],
        findings: vec![finding],
    };
    let full = Report {
        api_version: "x",
        kind: "x",
        at: text(),
        decision: "x",
        images: vec![image],
        uncovered: vec![Uncovered {
            code: "x",
            kind: text(),
            object: text(),
            file: Some(text()),
            allowed: true,
        }],
    };
    let (mut given, mut shown) = (BTreeSet::new(), BTreeSet::new());
    fields(&serde_json::to_value(full).expect("JSON"), "", &mut given);
    // Findings have the same fields wherever they stand; the page shows one.
    given.retain(|path| !path.starts_with("images[].findings[]."));
    let example: Value = serde_json::from_str(block(REPORT, "json")).expect("good JSON");
    fields(&example, "", &mut shown);
    assert_eq!(given, shown);
}
