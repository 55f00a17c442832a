//! Bills of materials: that a document is the one that its type promises, and
//! when it says that it was made.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::super::json::{JsonError, Object};
use super::{optional_object, time};

/// Checks that `text` is an SPDX document: of version 2 as JSON or, as a
/// string, in tag-value form, or of version 3 as JSON-LD. cosign attaches all
/// of them under one predicate type.
///
/// Returns when it was made: `creationInfo.created` of version 2, `Created:` of
/// a text, and the newest `created` in version 3, since a document is not older
/// than any of its elements.
pub(super) fn read_spdx(text: &str) -> Result<Option<Timestamp>, JsonError> {
    if text.starts_with('"') {
        let tags: String = serde_json::from_str(text)
            .map_err(|_| JsonError("predicate is not a readable string".into()))?;
        let is_spdx = tags
            .lines()
            .any(|line| line.trim_start().starts_with("SPDXVersion: SPDX-"));
        return if is_spdx {
            Ok(tags
                .lines()
                .find_map(|line| line.trim_start().strip_prefix("Created:"))
                .and_then(|created| created.trim().parse().ok()))
        } else {
            Err(JsonError(
                "predicate is a text without SPDXVersion, so it is no SPDX document".into(),
            ))
        };
    }
    let object = Object::parse(
        "predicate",
        text,
        &["spdxVersion", "@context", "@graph", "creationInfo"],
    )?;
    let is_v2 = object
        .optional_string("spdxVersion")?
        .is_some_and(|version| version.starts_with("SPDX-"));
    let is_v3 = object
        .optional_string("@context")
        .ok()
        .flatten()
        .is_some_and(|context| context.starts_with("https://spdx.org/rdf/3."))
        && object.get("@graph").is_some();
    if is_v2 {
        match optional_object(&object, "creationInfo", &["created"])? {
            Some(info) => time(&info, "created"),
            None => Ok(None),
        }
    } else if is_v3 {
        let elements = object.list("@graph")?;
        Ok(elements.into_iter().filter_map(created).max())
    } else {
        Err(JsonError(
            "predicate names no SPDX version, so it is no SPDX document".into(),
        ))
    }
}

/// When an element of version 3 says that it was made: one of type
/// `CreationInfo`, or one with its own.
fn created(element: &RawValue) -> Option<Timestamp> {
    let element = Object::parse("an element", element.get(), &[]).ok()?;
    let info = match element.optional_string("type").ok()?.as_deref() {
        Some("CreationInfo") => element,
        // Most elements name theirs by its identifier.
        _ => element.object("creationInfo", &[]).ok()?,
    };
    time(&info, "created").ok()?
}

/// Checks that `text` is a CycloneDX document in JSON, and returns its
/// `metadata.timestamp`.
pub(super) fn read_cyclone_dx(text: &str) -> Result<Option<Timestamp>, JsonError> {
    let object = Object::parse("predicate", text, &["bomFormat", "specVersion", "metadata"])?;
    if object.string("bomFormat")? != "CycloneDX" {
        return Err(JsonError("predicate.bomFormat is not CycloneDX".into()));
    }
    object.string("specVersion")?;
    match optional_object(&object, "metadata", &["timestamp"])? {
        Some(metadata) => time(&metadata, "timestamp"),
        None => Ok(None),
    }
}

/// The `Timestamp` beside the `Data` of a predicate of cosign's own type.
pub(super) fn stamped(text: &str) -> Option<Timestamp> {
    let object = Object::parse("predicate", text, &["Data", "Timestamp"]).ok()?;
    time(&object, "Timestamp").ok()?
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
    fn each_form_says_when_it_was_made() {
        let custom = "https://cosign.sigstore.dev/attestation/v1";
        let stated = |predicate_type: &str, text: &str| {
            let time = Predicate::parse(predicate_type, text).stated_at();
            time.map(|time| time.to_string())
        };
        for (predicate_type, text) in [
            (
                SPDX,
                r#"{"spdxVersion":"SPDX-2.3","creationInfo":{"created":"2026-01-02T03:04:05Z"}}"#,
            ),
            (
                SPDX,
                r#""SPDXVersion: SPDX-2.3\nCreator: Tool: x\nCreated: 2026-01-02T03:04:05Z\n""#,
            ),
            (
                SPDX,
                r#"{"@context":"https://spdx.org/rdf/3.0.1/x","@graph":[1,
                {"type":"CreationInfo","@id":"_:a","created":"2025-01-01T00:00:00Z"},
                {"type":"CreationInfo","@id":"_:b","created":"2026-01-02T03:04:05Z"},
                {"type":"SpdxDocument","creationInfo":"_:b"}]}"#,
            ),
            (
                SPDX,
                r#"{"@context":"https://spdx.org/rdf/3.0.1/x","@graph":[
                {"type":"SpdxDocument","creationInfo":{"created":"2026-01-02T03:04:05Z"}}]}"#,
            ),
            (
                CYCLONE_DX,
                r#"{"bomFormat":"CycloneDX","specVersion":"1.5",
                "metadata":{"timestamp":"2026-01-02T03:04:05Z"}}"#,
            ),
            (
                custom,
                r#"{"Data":"approved","Timestamp":"2026-01-02T03:04:05Z"}"#,
            ),
        ] {
            let time = Some("2026-01-02T03:04:05Z".to_owned());
            assert_eq!(stated(predicate_type, text), time, "{text}");
            let without = text.replace("2026-01-02T03:04:05Z", "0001-01-01T00:00:00Z");
            assert_ne!(stated(predicate_type, &without), time, "{without}");
        }
        for (predicate_type, text) in [
            (SPDX, r#"{"spdxVersion":"SPDX-2.3"}"#),
            (SPDX, r#""SPDXVersion: SPDX-2.3\nCreated: today\n""#),
            (
                CYCLONE_DX,
                r#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{}}"#,
            ),
            (custom, r#"{"Data":"approved"}"#),
            (custom, r#"{"Data":"approved","Timestamp":"today"}"#),
            (
                "https://example.com/review/v1",
                r#"{"Timestamp":"2026-01-02T03:04:05Z"}"#,
            ),
        ] {
            assert_eq!(stated(predicate_type, text), None, "{text}");
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
            (
                SPDX,
                r#"{"spdxVersion":"SPDX-2.3","creationInfo":{"created":"today"}}"#,
                "created of the predicate is not a time in RFC 3339",
            ),
            (
                CYCLONE_DX,
                r#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"timestamp":7}}"#,
                "predicate.metadata.timestamp is not a string",
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
