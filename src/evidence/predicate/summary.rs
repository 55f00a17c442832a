//! SLSA verification summaries: somebody has verified, and says what.

use jiff::Timestamp;

use super::super::json::{JsonError, Object};
use super::{optional_object, text, time};

/// More levels than this are not read; there are a handful of tracks.
const MAX_LEVELS: usize = 256;

/// The fields of a verification summary that conditions look at. Follows
/// `https://slsa.dev/verification_summary`, versions 0.2 and 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerificationSummary {
    /// `verifier.id`: who has verified.
    pub verifier: Option<Box<str>>,
    /// `timeVerified`: when, by the signer's own word.
    pub verified: Option<Timestamp>,
    /// `resourceUri`: under which name the artifact was verified.
    pub resource: Option<Box<str>>,
    /// `policy.uri`: against which policy.
    pub policy: Option<Box<str>>,
    /// `verificationResult`: `PASSED` or `FAILED`.
    pub result: Option<Box<str>>,
    /// `verifiedLevels`, and `policyLevel` of version 0.2.
    pub levels: Vec<Box<str>>,
}

impl VerificationSummary {
    pub(super) fn parse(source: &str) -> Result<Self, JsonError> {
        let object = Object::parse(
            "predicate",
            source,
            &[
                "verifier",
                "timeVerified",
                "resourceUri",
                "policy",
                "verificationResult",
                "verifiedLevels",
                "policyLevel",
            ],
        )?;
        let verifier = optional_object(&object, "verifier", &["id"])?;
        let policy = optional_object(&object, "policy", &["uri"])?;
        let listed = object.list("verifiedLevels")?;
        if listed.len() > MAX_LEVELS {
            return Err(JsonError(format!(
                "predicate.verifiedLevels has more than {MAX_LEVELS} entries"
            )));
        }
        let mut levels = Vec::with_capacity(listed.len() + 1);
        for level in listed {
            let level: String = serde_json::from_str(level.get()).map_err(|_| {
                JsonError("predicate.verifiedLevels is not a list of strings".into())
            })?;
            levels.push(level.into());
        }
        levels.extend(text(&object, "policyLevel")?);
        let inside = |object: Option<Object<'_>>, key| match object {
            Some(object) => text(&object, key),
            None => Ok(None),
        };
        Ok(Self {
            verifier: inside(verifier, "id")?,
            verified: time(&object, "timeVerified")?,
            resource: text(&object, "resourceUri")?,
            policy: inside(policy, "uri")?,
            result: text(&object, "verificationResult")?,
            levels,
        })
    }

    /// Whether the summary says that `level` was reached. A level of SLSA
    /// implies the lower ones of its track; other names are compared whole.
    pub fn reaches(&self, level: &str) -> bool {
        self.levels.iter().any(|found| {
            **found == *level
                || match (slsa_level(found), slsa_level(level)) {
                    (Some((found_track, found)), Some((track, level))) => {
                        found_track == track && found >= level
                    }
                    _ => false,
                }
        })
    }

    pub(super) fn weight(&self) -> usize {
        let texts = [&self.verifier, &self.resource, &self.policy, &self.result];
        let texts = texts.into_iter().flatten().map(|text| text.len());
        let levels = self.levels.iter().map(|level| level.len() + 16);
        texts.chain(levels).sum()
    }
}

/// Track and number of `SLSA_BUILD_LEVEL_3`, or of `SLSA_LEVEL_3` as version
/// 0.2 has it.
fn slsa_level(text: &str) -> Option<(&str, u32)> {
    let (track, number) = text.strip_prefix("SLSA_")?.rsplit_once("LEVEL_")?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number = number.parse().ok().filter(|_| digits)?;
    Some((track, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::predicate::tests::unreadable;
    use crate::evidence::predicate::{Predicate, PredicateKind};

    const V1: &str = "https://slsa.dev/verification_summary/v1";
    const V0_2: &str = "https://slsa.dev/verification_summary/v0.2";

    fn summary(predicate_type: &str, text: &str) -> VerificationSummary {
        match Predicate::parse(predicate_type, text).kind {
            PredicateKind::VerificationSummary(summary) => summary,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_versions_are_read() {
        let found = summary(
            V1,
            r#"{"verifier":{"id":"https://example.com/verifier","version":{"a":"1"}},
                "timeVerified":"2026-03-04T05:06:07Z","resourceUri":"pkg:oci/app",
                "policy":{"uri":"https://example.com/policy","digest":{}},
                "inputAttestations":[],"verificationResult":"PASSED",
                "verifiedLevels":["SLSA_BUILD_LEVEL_3","VENDOR_OK"],
                "dependencyLevels":{"SLSA_BUILD_LEVEL_3":5},"slsaVersion":"1.0"}"#,
        );
        assert_eq!(
            found.verifier.as_deref(),
            Some("https://example.com/verifier")
        );
        assert_eq!(
            found.verified,
            Some("2026-03-04T05:06:07Z".parse().expect("a time"))
        );
        assert_eq!(found.resource.as_deref(), Some("pkg:oci/app"));
        assert_eq!(found.policy.as_deref(), Some("https://example.com/policy"));
        assert_eq!(found.result.as_deref(), Some("PASSED"));
        assert_eq!(found.levels.len(), 2);
        let found = summary(
            V0_2,
            r#"{"verificationResult":"PASSED","policyLevel":"SLSA_LEVEL_3"}"#,
        );
        assert_eq!(found.levels, ["SLSA_LEVEL_3".into()]);
    }

    #[test]
    fn a_level_implies_the_lower_ones_of_its_track_only() {
        let found = summary(
            V1,
            r#"{"verifiedLevels":["SLSA_BUILD_LEVEL_3","VENDOR_LEVEL_4","SLSA_SOURCE_LEVEL_+5"]}"#,
        );
        for (level, reached) in [
            ("SLSA_BUILD_LEVEL_3", true),
            ("SLSA_BUILD_LEVEL_1", true),
            ("SLSA_BUILD_LEVEL_4", false),
            ("SLSA_SOURCE_LEVEL_1", false),
            ("SLSA_LEVEL_1", false),
            ("VENDOR_LEVEL_4", true),
            ("VENDOR_LEVEL_3", false),
            ("SLSA_BUILD_LEVEL_", false),
            ("slsa_build_level_1", false),
        ] {
            assert_eq!(found.reaches(level), reached, "{level}");
        }
    }

    #[test]
    fn what_is_not_typed_as_it_should_be_is_unreadable() {
        for (text, why) in [
            (r#"{"verifier":"x"}"#, "predicate.verifier is not an object"),
            (
                r#"{"verifier":{"id":1}}"#,
                "predicate.verifier.id is not a string",
            ),
            (
                r#"{"timeVerified":"yesterday"}"#,
                "timeVerified of the predicate is not a time in RFC 3339",
            ),
            (
                r#"{"verifiedLevels":"SLSA_BUILD_LEVEL_3"}"#,
                "predicate.verifiedLevels is not a list",
            ),
            (
                r#"{"verifiedLevels":[1]}"#,
                "predicate.verifiedLevels is not a list of strings",
            ),
            (
                r#"{"verificationResult":"FAILED","VerificationResult":"PASSED"}"#,
                r#"predicate has the key "VerificationResult" where "verificationResult" is meant"#,
            ),
            (
                r#"{"verification_result":"PASSED"}"#,
                r#"predicate has the key "verification_result" where "verificationResult" is meant"#,
            ),
        ] {
            assert_eq!(unreadable(V1, text), why, "{text}");
        }
        let many = vec![r#""x""#; MAX_LEVELS + 1].join(",");
        assert_eq!(
            unreadable(V1, &format!(r#"{{"verifiedLevels":[{many}]}}"#)),
            "predicate.verifiedLevels has more than 256 entries"
        );
    }
}
