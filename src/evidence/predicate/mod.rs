//! What a statement says: the predicates that floe reads fields of, and the
//! text of all others.
//!
//! Reading is total. A predicate of a known type that cannot be read stays in
//! the evidence as [`PredicateKind::Unreadable`], so that whatever is demanded
//! of it is refused for that reason. Fields that its format demands and that are
//! missing are `None`: only a condition on them fails.

mod bill;
mod provenance;
mod summary;
mod tree;
mod vulnerabilities;

pub use provenance::Provenance;
pub use summary::VerificationSummary;
pub use tree::{Json, TreeError};
pub use vulnerabilities::{Severity, Vulnerability, VulnerabilityScan};

use jiff::Timestamp;

use super::json::{JsonError, Object};

/// The predicate of a statement as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// The fields that typed conditions look at.
    pub kind: PredicateKind,
    /// When a bill of materials, or a predicate of cosign's own type, says that
    /// it was made; the other kinds have their times among their fields.
    pub created: Option<Timestamp>,
    /// The predicate as it was written: JSON.
    pub text: Box<str>,
}

/// The predicates whose fields are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PredicateKind {
    /// SLSA provenance.
    Provenance(Provenance),
    /// A software bill of materials: SPDX or CycloneDX. That it is one was
    /// looked at, and when it was made.
    BillOfMaterials,
    /// The result of a vulnerability scan.
    Vulnerabilities(VulnerabilityScan),
    /// An SLSA verification summary.
    VerificationSummary(VerificationSummary),
    /// Of a type whose fields are read, and not readable.
    Unreadable {
        /// One sentence: what is wrong with it. It quotes no values.
        detail: Box<str>,
    },
    /// Any other: only its text is kept.
    Other,
}

/// What the type of a predicate promises, and so which conditions it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PredicateFamily {
    /// `https://slsa.dev/provenance/v0.2` and `v1`.
    Provenance,
    /// `https://spdx.dev/Document` and `https://cyclonedx.org/bom`, with or
    /// without a version.
    BillOfMaterials,
    /// `https://cosign.sigstore.dev/attestation/vuln/v1` and
    /// `https://in-toto.io/attestation/vulns`, versions 0.1 and 0.2.
    Vulnerabilities,
    /// `https://slsa.dev/verification_summary`, versions 0.2 and 1.
    VerificationSummary,
    /// Any other.
    Other,
}

/// The layouts of the predicates that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    ProvenanceV0_2,
    ProvenanceV1,
    Spdx,
    CycloneDx,
    CosignScan,
    InTotoScan,
    Summary,
}

/// Types of bills of materials, which may end in a version.
const SPDX: &str = "https://spdx.dev/Document";
const CYCLONE_DX: &str = "https://cyclonedx.org/bom";

/// What cosign writes for `--type custom`.
const COSIGN_CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

impl Layout {
    fn of(predicate_type: &str) -> Option<Self> {
        Some(match predicate_type {
            "https://slsa.dev/provenance/v0.2" => Self::ProvenanceV0_2,
            "https://slsa.dev/provenance/v1" => Self::ProvenanceV1,
            "https://cosign.sigstore.dev/attestation/vuln/v1" => Self::CosignScan,
            "https://in-toto.io/attestation/vulns/v0.1"
            | "https://in-toto.io/attestation/vulns/v0.2" => Self::InTotoScan,
            "https://slsa.dev/verification_summary/v0.2"
            | "https://slsa.dev/verification_summary/v1" => Self::Summary,
            _ if is_version_of(SPDX, predicate_type) => Self::Spdx,
            _ if is_version_of(CYCLONE_DX, predicate_type) => Self::CycloneDx,
            _ => return None,
        })
    }
}

/// Whether `text` is `base`, or `base` with a version such as `/v2.3`.
fn is_version_of(base: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(base) else {
        return false;
    };
    rest.is_empty()
        || rest.strip_prefix("/v").is_some_and(|version| {
            version.starts_with(|c: char| c.is_ascii_digit())
                && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        })
}

impl PredicateFamily {
    /// What a predicate of this type is. Types are compared byte for byte.
    pub fn of(predicate_type: &str) -> Self {
        match Layout::of(predicate_type) {
            Some(Layout::ProvenanceV0_2 | Layout::ProvenanceV1) => Self::Provenance,
            Some(Layout::Spdx | Layout::CycloneDx) => Self::BillOfMaterials,
            Some(Layout::CosignScan | Layout::InTotoScan) => Self::Vulnerabilities,
            Some(Layout::Summary) => Self::VerificationSummary,
            None => Self::Other,
        }
    }

    /// Whether a statement of type `found` is one where `asked` is asked for:
    /// the same type; for bills of materials, a type without a version covers
    /// those with one.
    pub fn covers(asked: &str, found: &str) -> bool {
        asked == found || ((asked == SPDX || asked == CYCLONE_DX) && is_version_of(asked, found))
    }
}

impl Predicate {
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let fields = match &self.kind {
            PredicateKind::Provenance(provenance) => provenance.weight(),
            PredicateKind::VerificationSummary(summary) => summary.weight(),
            PredicateKind::Vulnerabilities(scan) => scan.weight(),
            PredicateKind::Unreadable { detail } => detail.len(),
            PredicateKind::BillOfMaterials | PredicateKind::Other => 0,
        };
        size_of::<Self>() + self.text.len() + fields
    }

    /// When the predicate says that what it reports was done: the end of a
    /// build or scan, the time of a verification, the making of a bill of
    /// materials. It is a word of the signer,
    /// not a trusted time, but nobody else can change it.
    pub fn stated_at(&self) -> Option<Timestamp> {
        match &self.kind {
            PredicateKind::Provenance(provenance) => provenance.finished,
            PredicateKind::Vulnerabilities(scan) => scan.finished,
            PredicateKind::VerificationSummary(summary) => summary.verified,
            PredicateKind::BillOfMaterials | PredicateKind::Other => self.created,
            PredicateKind::Unreadable { .. } => None,
        }
    }

    /// The whole predicate as a tree.
    ///
    /// # Errors
    ///
    /// [`TreeError`] where it is larger than `max_bytes`, has more than
    /// `max_values` values, or is not strict JSON.
    pub fn tree(&self, max_bytes: usize, max_values: usize) -> Result<Json, TreeError> {
        tree::read(&self.text, max_bytes, max_values)
    }

    /// Reads what `predicate_type` has fields for. What cannot be read is kept
    /// as text, and a condition on it is not met.
    pub(crate) fn parse(predicate_type: &str, text: &str) -> Self {
        let read = match Layout::of(predicate_type) {
            None if predicate_type == COSIGN_CUSTOM => {
                // Whatever else it is, it has no format that it could miss.
                Ok((PredicateKind::Other, bill::stamped(text)))
            }
            None => Ok((PredicateKind::Other, None)),
            Some(layout) => read(layout, text),
        };
        let (kind, created) = read.unwrap_or_else(|JsonError(detail)| {
            let detail = detail.into();
            (PredicateKind::Unreadable { detail }, None)
        });
        Self {
            kind,
            created,
            text: text.into(),
        }
    }
}

fn read(layout: Layout, text: &str) -> Result<(PredicateKind, Option<Timestamp>), JsonError> {
    let kind = match layout {
        Layout::ProvenanceV0_2 => PredicateKind::Provenance(Provenance::parse_v0_2(text)?),
        Layout::ProvenanceV1 => PredicateKind::Provenance(Provenance::parse_v1(text)?),
        Layout::Spdx => return Ok((PredicateKind::BillOfMaterials, bill::read_spdx(text)?)),
        Layout::CycloneDx => {
            return Ok((PredicateKind::BillOfMaterials, bill::read_cyclone_dx(text)?));
        }
        Layout::CosignScan => {
            PredicateKind::Vulnerabilities(VulnerabilityScan::parse(text, vulnerabilities::cosign)?)
        }
        Layout::InTotoScan => PredicateKind::Vulnerabilities(VulnerabilityScan::parse(
            text,
            vulnerabilities::in_toto,
        )?),
        Layout::Summary => PredicateKind::VerificationSummary(VerificationSummary::parse(text)?),
    };
    Ok((kind, None))
}

/// The object under `key`; `None` if it is absent or `null`.
fn optional_object<'a>(
    object: &Object<'a>,
    key: &str,
    known: &[&str],
) -> Result<Option<Object<'a>>, JsonError> {
    object
        .get(key)
        .map(|_| object.object(key, known))
        .transpose()
}

/// The string under `key`. An empty one is none: Go writes fields that nobody
/// has set so.
fn text(object: &Object<'_>, key: &str) -> Result<Option<Box<str>>, JsonError> {
    let found = object.optional_string(key)?;
    Ok(found.filter(|text| !text.is_empty()).map(Into::into))
}

/// The time under `key`, in RFC 3339. Year 1 is none: Go writes times that
/// nobody has set so.
fn time(object: &Object<'_>, key: &str) -> Result<Option<Timestamp>, JsonError> {
    const UNSET: &str = "0001-01-01T00:00:00Z";
    let Some(text) = object.optional_string(key)? else {
        return Ok(None);
    };
    if text == UNSET {
        return Ok(None);
    }
    let time = text
        .parse()
        .map_err(|_| JsonError(format!("{key} of the predicate is not a time in RFC 3339")))?;
    Ok(Some(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPDX_2: &str = "https://spdx.dev/Document/v2.3";

    /// Why `text` is no predicate of this type.
    pub(super) fn unreadable(predicate_type: &str, text: &str) -> String {
        match Predicate::parse(predicate_type, text).kind {
            PredicateKind::Unreadable { detail } => detail.into(),
            other => panic!("{text} was read: {other:?}"),
        }
    }

    #[test]
    fn types_are_compared_byte_for_byte() {
        for (text, family) in [
            (
                "https://slsa.dev/provenance/v0.2",
                PredicateFamily::Provenance,
            ),
            (
                "https://slsa.dev/provenance/v1",
                PredicateFamily::Provenance,
            ),
            ("https://slsa.dev/provenance/v0.1", PredicateFamily::Other),
            ("https://slsa.dev/provenance/v1/", PredicateFamily::Other),
            ("https://SLSA.dev/provenance/v1", PredicateFamily::Other),
            ("http://slsa.dev/provenance/v1", PredicateFamily::Other),
            (SPDX, PredicateFamily::BillOfMaterials),
            (SPDX_2, PredicateFamily::BillOfMaterials),
            ("https://spdx.dev/Documents", PredicateFamily::Other),
            ("https://spdx.dev/Document/v", PredicateFamily::Other),
            ("https://spdx.dev/Document/v2/x", PredicateFamily::Other),
            (
                "https://cyclonedx.org/bom/v1.4",
                PredicateFamily::BillOfMaterials,
            ),
            ("", PredicateFamily::Other),
        ] {
            assert_eq!(PredicateFamily::of(text), family, "{text}");
        }
    }

    #[test]
    fn a_bill_of_materials_without_a_version_covers_those_with_one_and_not_the_reverse() {
        assert!(PredicateFamily::covers(SPDX, SPDX_2));
        assert!(PredicateFamily::covers(SPDX_2, SPDX_2));
        assert!(!PredicateFamily::covers(SPDX_2, SPDX));
        assert!(!PredicateFamily::covers(SPDX, CYCLONE_DX));
        let v1 = "https://slsa.dev/provenance/v1";
        assert!(!PredicateFamily::covers(
            v1,
            "https://slsa.dev/provenance/v1.1"
        ));
        assert!(!PredicateFamily::covers("https://slsa.dev/provenance", v1));
    }

    #[test]
    fn what_nobody_reads_is_kept_as_text() {
        let predicate = Predicate::parse("https://example.com/review/v1", r#"{"a":1,"a":2}"#);
        assert_eq!(predicate.kind, PredicateKind::Other);
        assert_eq!(&*predicate.text, r#"{"a":1,"a":2}"#);
        assert_eq!(predicate.stated_at(), None);
    }

    #[test]
    fn every_type_with_fields_refuses_what_is_no_object_of_its_own() {
        for predicate_type in [
            "https://slsa.dev/provenance/v0.2",
            "https://slsa.dev/provenance/v1",
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            "https://in-toto.io/attestation/vulns/v0.1",
            "https://in-toto.io/attestation/vulns/v0.2",
            "https://slsa.dev/verification_summary/v0.2",
            "https://slsa.dev/verification_summary/v1",
            CYCLONE_DX,
        ] {
            for text in ["null", "[]", "3", "\"x\"", "true"] {
                assert_eq!(
                    unreadable(predicate_type, text),
                    "predicate is not an object",
                    "{predicate_type}"
                );
            }
            let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
            assert_eq!(
                unreadable(predicate_type, &nested),
                "predicate is not an object"
            );
        }
    }

    #[test]
    fn its_weight_counts_text_and_fields() {
        let text = format!(
            r#"{{"verifier":{{"id":"https://v"}},"policy":{{"x":"{}"}}}}"#,
            "y".repeat(5000)
        );
        let predicate = Predicate::parse("https://slsa.dev/verification_summary/v1", &text);
        assert!(predicate.weight() > text.len() + "https://v".len());
    }
}
