//! Vulnerability scans: the worst that was found.

use std::fmt;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::super::json::{JsonError, Object, shortened};
use super::{optional_object, time};

/// How bad a vulnerability is, on the qualitative scale of CVSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Not at all.
    None,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0.
    Critical,
}

impl Severity {
    /// Every severity, in order.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The name in policies and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads a rating as scanners write it: a word in any case, or a CVSS
    /// score. `None` for what is neither.
    fn rated(text: &str) -> Option<Self> {
        let word = text.to_ascii_lowercase();
        Some(match word.as_str() {
            "none" => Self::None,
            // "Negligible" is a word of distributions, for what they will not fix.
            "low" | "negligible" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" | "important" => Self::High,
            "critical" => Self::Critical,
            _ => return Self::scored(word.parse().ok()?),
        })
    }

    /// The rating of a CVSS 3 score: *Qualitative Severity Rating Scale* of the
    /// CVSS 3.1 specification.
    fn scored(score: f64) -> Option<Self> {
        Some(match score {
            0.0 => Self::None,
            s if (0.0..4.0).contains(&s) => Self::Low,
            s if (4.0..7.0).contains(&s) => Self::Medium,
            s if (7.0..9.0).contains(&s) => Self::High,
            s if (9.0..=10.0).contains(&s) => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One vulnerability that a scan has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerability {
    /// Its identifier, shortened.
    pub id: Box<str>,
    /// Its worst rating; `None` if it has none that can be read.
    pub severity: Option<Severity>,
}

impl Vulnerability {
    /// The severity it is judged by: what nobody has rated is critical.
    pub fn judged(&self) -> Severity {
        self.severity.unwrap_or(Severity::Critical)
    }
}

/// The fields of a scan that conditions look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VulnerabilityScan {
    /// The worst vulnerability found, `None` if none was, or one sentence why
    /// that cannot be told.
    pub worst: Result<Option<Vulnerability>, Box<str>>,
    /// `metadata.scanFinishedOn`: when the scan ended, by the scanner's own
    /// word.
    pub finished: Option<Timestamp>,
}

/// Reads the results of one layout of scans.
type ReadResult = fn(&RawValue) -> Result<Worst, JsonError>;

impl VulnerabilityScan {
    /// The envelope is the same in cosign's format and in-toto's.
    pub(super) fn parse(source: &str, read: ReadResult) -> Result<Self, JsonError> {
        let object = Object::parse("predicate", source, &["scanner", "metadata"])?;
        let worst = match optional_object(&object, "scanner", &["result"])? {
            None => Err("predicate.scanner is missing".into()),
            Some(scanner) => match scanner.get("result") {
                None => Err("predicate.scanner.result is missing".into()),
                Some(result) => match read(result) {
                    Ok(worst) => Ok(worst.0),
                    Err(JsonError(detail)) => Err(detail.into()),
                },
            },
        };
        let finished = match optional_object(&object, "metadata", &["scanFinishedOn"])? {
            Some(metadata) => time(&metadata, "scanFinishedOn")?,
            None => None,
        };
        Ok(Self { worst, finished })
    }

    pub(super) fn weight(&self) -> usize {
        match &self.worst {
            Ok(worst) => worst.as_ref().map_or(0, |worst| worst.id.len()),
            Err(detail) => detail.len(),
        }
    }
}

/// The worst of the vulnerabilities seen so far.
#[derive(Debug, Default)]
pub(super) struct Worst(Option<Vulnerability>);

impl Worst {
    fn add(&mut self, id: &str, severity: Option<Severity>) {
        let found = Vulnerability {
            id: Box::default(),
            severity,
        };
        if self
            .0
            .as_ref()
            .is_none_or(|worst| worst.judged() < found.judged())
        {
            self.0 = Some(Vulnerability {
                id: shortened(id).into(),
                ..found
            });
        }
    }
}

/// Results as cosign's format has them: whatever the scanner writes. Those of
/// Trivy and Grype are read.
pub(super) fn cosign(result: &RawValue) -> Result<Worst, JsonError> {
    let object = Object::parse("scanner.result", result.get(), &[])?;
    let mut worst = Worst::default();
    let has = |key: &str| object.entries().any(|(name, _)| name == key);
    if has("matches") {
        for found in object.list("matches")? {
            let found = Object::parse("a match", found.get(), &["vulnerability"])?;
            let found = found.object("vulnerability", &["id", "severity"])?;
            let severity = found.optional_string("severity")?;
            worst.add(
                &found.string("id")?,
                severity.as_deref().and_then(Severity::rated),
            );
        }
    } else if has("SchemaVersion") {
        // Without anything to look at, Trivy leaves `Results` out.
        for target in object.list("Results")? {
            let target = Object::parse("a target", target.get(), &["Vulnerabilities"])?;
            for found in target.list("Vulnerabilities")? {
                let found = Object::parse(
                    "a vulnerability",
                    found.get(),
                    &["VulnerabilityID", "Severity"],
                )?;
                let severity = found.optional_string("Severity")?;
                worst.add(
                    &found.string("VulnerabilityID")?,
                    severity.as_deref().and_then(Severity::rated),
                );
            }
        }
    } else {
        return Err(JsonError(
            "scanner.result is neither a report of Trivy nor one of Grype".into(),
        ));
    }
    Ok(worst)
}

/// Results as in-toto's format has them, versions 0.1 and 0.2: a list of
/// vulnerabilities, each with ratings by several methods, of which the worst
/// counts. With one that cannot be read, such as a CVSS vector, the worst is not
/// known, and the vulnerability counts as not rated. The text of version 0.1 wraps each in `vulnerability`, its example
/// does not.
pub(super) fn in_toto(result: &RawValue) -> Result<Worst, JsonError> {
    let listed: Vec<&RawValue> = serde_json::from_str(result.get())
        .map_err(|_| JsonError("scanner.result is not a list".into()))?;
    let mut worst = Worst::default();
    for value in listed {
        let outer = Object::parse(
            "a result",
            value.get(),
            &["vulnerability", "id", "severity"],
        )?;
        let found = match optional_object(&outer, "vulnerability", &["id", "severity"])? {
            Some(inner) => inner,
            None => outer,
        };
        let mut ratings = Vec::new();
        for rating in found.list("severity")? {
            let rating = Object::parse("a rating", rating.get(), &["score"])?;
            let score = rating.require("score")?;
            let score = match serde_json::from_str::<String>(score.get()) {
                Ok(text) => Severity::rated(&text),
                Err(_) => Severity::rated(score.get()),
            };
            ratings.push(score);
        }
        let readable: Option<Vec<Severity>> = ratings.into_iter().collect();
        let severity = readable.and_then(|all| all.into_iter().max());
        worst.add(&found.string("id")?, severity);
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::predicate::tests::unreadable;
    use crate::evidence::predicate::{Predicate, PredicateKind};

    const COSIGN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
    const IN_TOTO: &str = "https://in-toto.io/attestation/vulns/v0.2";

    fn scan(predicate_type: &str, result: &str) -> VulnerabilityScan {
        let text = format!(
            r#"{{"invocation":{{"parameters":null,"uri":"","event_id":"","builder.id":""}},
                "scanner":{{"uri":"s","version":"1","db":{{"uri":"d","version":""}},
                "result":{result}}},"metadata":{{"scanStartedOn":"2026-01-02T03:00:00Z",
                "scanFinishedOn":"2026-01-02T03:04:05Z"}}}}"#
        );
        match Predicate::parse(predicate_type, &text).kind {
            PredicateKind::Vulnerabilities(scan) => scan,
            other => panic!("{other:?}"),
        }
    }

    fn found(id: &str, severity: Option<Severity>) -> Result<Option<Vulnerability>, Box<str>> {
        let id = id.into();
        Ok(Some(Vulnerability { id, severity }))
    }

    #[test]
    fn the_worst_of_a_report_of_trivy_is_found() {
        let report = r#"{"SchemaVersion":2,"Results":[{"Target":"a","Class":"os-pkgs"},
            {"Target":"b","Vulnerabilities":[
            {"VulnerabilityID":"CVE-1","Severity":"MEDIUM"},
            {"VulnerabilityID":"CVE-2","Severity":"HIGH"},
            {"VulnerabilityID":"CVE-3","Severity":"LOW"}]}]}"#;
        let scan = scan(COSIGN, report);
        assert_eq!(scan.worst, found("CVE-2", Some(Severity::High)));
        assert_eq!(
            scan.finished,
            Some("2026-01-02T03:04:05Z".parse().expect("a time"))
        );
    }

    #[test]
    fn the_worst_of_a_report_of_grype_is_found() {
        let report = r#"{"matches":[{"vulnerability":{"id":"CVE-1","severity":"Negligible"}},
            {"vulnerability":{"id":"CVE-2","severity":"Critical"},"artifact":{}}]}"#;
        assert_eq!(
            scan(COSIGN, report).worst,
            found("CVE-2", Some(Severity::Critical))
        );
    }

    #[test]
    fn nothing_found_is_not_the_same_as_nothing_readable() {
        for report in [
            r#"{"matches":[]}"#,
            r#"{"SchemaVersion":2,"Results":[{"Target":"a"}]}"#,
            r#"{"SchemaVersion":2}"#,
        ] {
            assert_eq!(scan(COSIGN, report).worst, Ok(None), "{report}");
        }
        assert_eq!(scan(IN_TOTO, "[]").worst, Ok(None));
        for (predicate_type, result, why) in [
            (
                COSIGN,
                r#"{"runs":[]}"#,
                "scanner.result is neither a report of Trivy nor one of Grype",
            ),
            (COSIGN, "null", "predicate.scanner.result is missing"),
            (COSIGN, "[]", "scanner.result is not an object"),
            (
                COSIGN,
                r#"{"matches":{}}"#,
                "scanner.result.matches is not a list",
            ),
            (
                COSIGN,
                r#"{"matches":[{"vulnerability":{"severity":"Low"}}]}"#,
                "a match.vulnerability.id is missing",
            ),
            (
                COSIGN,
                r#"{"matches":[{"vulnerability":{"id":"x","severity":"High","Severity":"Low"}}]}"#,
                r#"a match.vulnerability has the key "Severity" where "severity" is meant"#,
            ),
            (
                COSIGN,
                r#"{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"VulnerabilityID":"x","Severity":"LOW","Severity":"HIGH"}]}]}"#,
                r#"a vulnerability: the key "Severity" comes twice at line 1 column 58"#,
            ),
            (IN_TOTO, "{}", "scanner.result is not a list"),
            (IN_TOTO, "[1]", "a result is not an object"),
            (
                IN_TOTO,
                r#"[{"id":"x","severity":[{"method":"nvd"}]}]"#,
                "a rating.score is missing",
            ),
        ] {
            assert_eq!(
                scan(predicate_type, result).worst,
                Err(why.into()),
                "{result}"
            );
        }
    }

    #[test]
    fn of_several_ratings_the_worst_counts_and_no_rating_is_critical() {
        let rated = |ratings: &str| {
            let list = format!(r#"[{{"id":"CVE-1","severity":[{ratings}]}}]"#);
            let wrapped =
                format!(r#"[{{"vulnerability":{{"id":"CVE-1","severity":[{ratings}]}}}}]"#);
            let worst = scan(IN_TOTO, &list).worst;
            let v0_1 = "https://in-toto.io/attestation/vulns/v0.1";
            assert_eq!(scan(v0_1, &wrapped).worst, worst);
            let worst = worst.expect("readable").expect("found");
            (worst.severity, worst.judged())
        };
        for (ratings, severity) in [
            (
                r#"{"method":"nvd","score":"medium"},{"method":"cvss","score":"5.2"}"#,
                Severity::Medium,
            ),
            (
                r#"{"method":"nvd","score":"low"},{"method":"cvss","score":9.1}"#,
                Severity::Critical,
            ),
            (r#"{"score":"0.0"}"#, Severity::None),
            (r#"{"score":"3.95"}"#, Severity::Low),
        ] {
            assert_eq!(rated(ratings), (Some(severity), severity), "{ratings}");
        }
        for ratings in [
            "",
            r#"{"score":"CVSS:3.1/AV:N"}"#,
            r#"{"score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},{"score":"low"}"#,
            r#"{"score":"low"},{"score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}"#,
            r#"{"score":"CVSS:3.1/AV:N"},{"score":"HIGH"}"#,
            r#"{"score":"-1"}"#,
            r#"{"score":"nan"}"#,
            r#"{"score":"11"}"#,
            r#"{"score":{}}"#,
            r#"{"score":true}"#,
        ] {
            assert_eq!(rated(ratings), (None, Severity::Critical), "{ratings}");
        }
    }

    #[test]
    fn an_unrated_one_is_not_hidden_by_rated_ones() {
        let report = r#"{"matches":[{"vulnerability":{"id":"CVE-1","severity":"High"}},
            {"vulnerability":{"id":"CVE-2","severity":"Unknown"}},
            {"vulnerability":{"id":"CVE-3"}}]}"#;
        assert_eq!(scan(COSIGN, report).worst, found("CVE-2", None));
    }

    #[test]
    fn an_identifier_is_kept_short() {
        let report = format!(
            r#"{{"matches":[{{"vulnerability":{{"id":"{}","severity":"Low"}}}}]}}"#,
            "x".repeat(10_000)
        );
        let worst = scan(COSIGN, &report)
            .worst
            .expect("readable")
            .expect("found");
        assert_eq!(worst.id.len(), 80);
    }

    #[test]
    fn a_broken_envelope_is_unreadable() {
        for (text, why) in [
            (r#"{"scanner":[]}"#, "predicate.scanner is not an object"),
            (
                r#"{"metadata":{"scanFinishedOn":"now"}}"#,
                "scanFinishedOn of the predicate is not a time in RFC 3339",
            ),
            (
                r#"{"Scanner":{}}"#,
                r#"predicate has the key "Scanner" where "scanner" is meant"#,
            ),
        ] {
            assert_eq!(unreadable(COSIGN, text), why, "{text}");
        }
        let empty = Predicate::parse(COSIGN, "{}").kind;
        let PredicateKind::Vulnerabilities(empty) = empty else {
            panic!("{empty:?}");
        };
        assert_eq!(empty.worst, Err("predicate.scanner is missing".into()));
        assert_eq!(empty.finished, None);
    }
}
