//! Bills of materials: that a document is the one that its type promises.

use super::super::json::{JsonError, Object};

/// Checks that `text` is an SPDX document: of version 2 as JSON or, as a
/// string, in tag-value form, or of version 3 as JSON-LD. cosign attaches all
/// of them under one predicate type.
pub(super) fn check_spdx(text: &str) -> Result<(), JsonError> {
    if text.starts_with('"') {
        let tags: String = serde_json::from_str(text)
            .map_err(|_| JsonError("predicate is not a readable string".into()))?;
        let is_spdx = tags
            .lines()
            .any(|line| line.trim_start().starts_with("SPDXVersion: SPDX-"));
        return if is_spdx {
            Ok(())
        } else {
            Err(JsonError(
                "predicate is a text without SPDXVersion, so it is no SPDX document".into(),
            ))
        };
    }
    let object = Object::parse("predicate", text, &["spdxVersion", "@context", "@graph"])?;
    let is_v2 = object
        .optional_string("spdxVersion")?
        .is_some_and(|version| version.starts_with("SPDX-"));
    let is_v3 = object
        .optional_string("@context")
        .ok()
        .flatten()
        .is_some_and(|context| context.starts_with("https://spdx.org/rdf/3."))
        && object.get("@graph").is_some();
    if is_v2 || is_v3 {
        Ok(())
    } else {
        Err(JsonError(
            "predicate names no SPDX version, so it is no SPDX document".into(),
        ))
    }
}

/// Checks that `text` is a CycloneDX document in JSON.
pub(super) fn check_cyclone_dx(text: &str) -> Result<(), JsonError> {
    let object = Object::parse("predicate", text, &["bomFormat", "specVersion"])?;
    if object.string("bomFormat")? != "CycloneDX" {
        return Err(JsonError("predicate.bomFormat is not CycloneDX".into()));
    }
    object.string("specVersion")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::evidence::predicate::tests::unreadable;
    use crate::evidence::predicate::{CYCLONE_DX, Predicate, PredicateKind, SPDX};

    #[test]
    fn each_form_of_a_bill_is_known() {
        for (predicate_type, text) in [
            (SPDX, r#"{"spdxVersion":"SPDX-2.3","packages":[]}"#),
            (SPDX, r#""SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n""#),
            (
                SPDX,
                r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}"#,
            ),
            (
                CYCLONE_DX,
                r#"{"bomFormat":"CycloneDX","specVersion":"1.5"}"#,
            ),
        ] {
            let kind = Predicate::parse(predicate_type, text).kind;
            assert_eq!(kind, PredicateKind::BillOfMaterials, "{text}");
        }
    }

    #[test]
    fn what_only_calls_itself_a_bill_is_none() {
        for (predicate_type, text, why) in [
            (
                SPDX,
                "{}",
                "predicate names no SPDX version, so it is no SPDX document",
            ),
            (
                SPDX,
                r#"{"@context":"https://spdx.org/rdf/3.0.1/x"}"#,
                "predicate names no SPDX version, so it is no SPDX document",
            ),
            (
                SPDX,
                r#"{"spdxVersion":2.3}"#,
                "predicate.spdxVersion is not a string",
            ),
            (
                SPDX,
                r#"{"SPDXVersion":"SPDX-2.3"}"#,
                r#"predicate has the key "SPDXVersion" where "spdxVersion" is meant"#,
            ),
            (
                SPDX,
                r#""SPDXVersion""#,
                "predicate is a text without SPDXVersion, so it is no SPDX document",
            ),
            (SPDX, r#""\ud800""#, "predicate is not a readable string"),
            (
                SPDX,
                r#"{"spdxVersion":"SPDX-2.3","spdxVersion":"SPDX-2.3"}"#,
                r#"predicate: the key "spdxVersion" comes twice at line 1 column 51"#,
            ),
            (CYCLONE_DX, "{}", "predicate.bomFormat is missing"),
            (
                CYCLONE_DX,
                r#"{"bomFormat":"SPDX","specVersion":"1.5"}"#,
                "predicate.bomFormat is not CycloneDX",
            ),
            (
                CYCLONE_DX,
                r#"{"bomFormat":"CycloneDX"}"#,
                "predicate.specVersion is missing",
            ),
        ] {
            assert_eq!(unreadable(predicate_type, text), why, "{text}");
        }
    }
}
