//! `docs/reasons.md` says something about every code, and about no other.

use std::collections::BTreeSet;

use floe::verdict::Code;

const PAGE: &str = include_str!("../../docs/reasons.md");

#[test]
fn every_code_is_a_heading_of_the_page_and_every_heading_is_a_code() {
    let headings: Vec<_> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let documented: BTreeSet<_> = headings.iter().copied().collect();
    assert_eq!(documented.len(), headings.len(), "a heading stands twice");
    let codes: BTreeSet<_> = Code::all().map(Code::as_str).collect();
    assert_eq!(documented, codes);
}

#[test]
fn every_code_has_a_meaning_a_cause_and_a_remedy() {
    for section in PAGE.split("\n### ").skip(1) {
        let code = section.lines().next().unwrap_or_default();
        for part in ["**Meaning.** ", "**Cause.** ", "**Remedy.** "] {
            let text = section
                .lines()
                .find_map(|line| line.strip_prefix(part))
                .unwrap_or_default();
            assert!(text.ends_with('.'), "{code}: {part}is missing or cut off");
        }
    }
}
