//! Metrics in the OpenMetrics text format. Labels come from closed sets only.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::roots::{TrustRootAges, TrustRoots};
use crate::verdict::Code;

/// Bounds of the duration histogram, in seconds: a warm review takes tens of
/// microseconds, a cold one some round trips, the API server waits ten seconds.
const DURATIONS: [f64; 10] = [
    0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0,
];

/// How a review came to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReviewPath {
    /// It carries no image.
    NoImages,
    /// It brings no new image.
    NothingNew,
    /// Images were judged.
    Judged,
    /// It was refused as a whole.
    Refused,
}

impl ReviewPath {
    const ALL: [Self; 4] = [
        Self::NoImages,
        Self::NothingNew,
        Self::Judged,
        Self::Refused,
    ];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoImages => "no-images",
            Self::NothingNew => "nothing-new",
            Self::Judged => "judged",
            Self::Refused => "refused",
        }
    }
}

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By path, then denied and allowed.
    reviews: [[Counter; 2]; 4],
    findings: Family<CodeLabel, Counter>,
    duration: Histogram,
    /// Requests answered with a status of 4xx or 5xx.
    pub http_errors: Family<StatusLabel, Counter>,
    /// Open connections.
    pub connections: Gauge,
    /// Handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    /// Serving certificates taken into use after the first.
    pub certificates_reloaded: Counter,
    /// Serving certificates that could not be used, so that the old one stays.
    pub certificates_refused: Counter,
    /// Policies taken into use after the first.
    pub policies_reloaded: Counter,
    reviews_under_way: Gauge<u64, AtomicU64>,
    log_lines_lost: Gauge<u64, AtomicU64>,
}

/// What is not counted as it happens but looked at when somebody asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Reviews being received or decided.
    pub reviews_under_way: u64,
    /// Log lines lost since the start.
    pub log_lines_lost: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CodeLabel(Code);

impl EncodeLabelSet for CodeLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelSet::encode(&[("code", self.0.as_str())], encoder)
    }
}

/// A status of HTTP that the server itself writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatusLabel(pub u16);

impl EncodeLabelSet for StatusLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut status = String::new();
        write!(status, "{}", self.0)?;
        EncodeLabelSet::encode(&[("status", status)], encoder)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("floe"),
            reviews: Default::default(),
            findings: Family::default(),
            duration: Histogram::new(DURATIONS),
            http_errors: Family::default(),
            connections: Gauge::default(),
            handshakes_failed: Counter::default(),
            certificates_reloaded: Counter::default(),
            certificates_refused: Counter::default(),
            policies_reloaded: Counter::default(),
            reviews_under_way: Gauge::default(),
            log_lines_lost: Gauge::default(),
        };
        let reviews = Family::<Vec<(&'static str, &'static str)>, Counter>::default();
        for (path, counters) in ReviewPath::ALL.iter().zip(&mut metrics.reviews) {
            for (decision, counter) in ["deny", "allow"].iter().zip(counters) {
                *counter = reviews
                    .get_or_create(&vec![("decision", *decision), ("path", path.as_str())])
                    .clone();
            }
        }
        let registry = &mut metrics.registry;
        registry.register("reviews", "Reviews answered", reviews);
        registry.register(
            "findings",
            "Findings of reviews, notes included",
            metrics.findings.clone(),
        );
        registry.register(
            "review_duration_seconds",
            "Time from the body of a review to its answer",
            metrics.duration.clone(),
        );
        registry.register(
            "http_errors",
            "Requests answered with an error of HTTP",
            metrics.http_errors.clone(),
        );
        registry.register(
            "connections",
            "Open connections",
            metrics.connections.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Handshakes that failed or took too long",
            metrics.handshakes_failed.clone(),
        );
        registry.register(
            "certificates_reloaded",
            "Serving certificates taken into use",
            metrics.certificates_reloaded.clone(),
        );
        registry.register(
            "certificates_refused",
            "Serving certificates that could not be used",
            metrics.certificates_refused.clone(),
        );
        registry.register(
            "policies_reloaded",
            "Policies taken into use",
            metrics.policies_reloaded.clone(),
        );
        registry.register(
            "reviews_under_way",
            "Reviews being received or decided",
            metrics.reviews_under_way.clone(),
        );
        registry.register(
            "log_lines_lost",
            "Log lines that could not be written",
            metrics.log_lines_lost.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// Shows how old trust roots are, too.
    #[must_use]
    pub fn with_trust_roots(mut self, ages: TrustRootAges) -> Self {
        self.registry
            .register_collector(Box::new(TrustRoots { ages }));
        self
    }

    /// Counts one review.
    pub fn review(
        &self,
        path: ReviewPath,
        allowed: bool,
        codes: impl IntoIterator<Item = Code>,
        took: Duration,
    ) {
        self.reviews[path as usize][usize::from(allowed)].inc();
        for code in codes {
            self.findings.get_or_create(&CodeLabel(code)).inc();
        }
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts an answer that is an error of HTTP.
    pub fn http_error(&self, status: u16) {
        self.http_errors.get_or_create(&StatusLabel(status)).inc();
    }

    /// Everything, as text.
    pub fn render(&self, now: Now) -> String {
        self.reviews_under_way.set(now.reviews_under_way);
        self.log_lines_lost.set(now.log_lines_lost);
        let mut text = String::with_capacity(4096);
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_counted_under_its_decision_and_codes() {
        let metrics = Metrics::default();
        metrics.review(
            ReviewPath::Judged,
            false,
            [Code::TagNotPinned],
            Duration::from_micros(80),
        );
        metrics.review(ReviewPath::NoImages, true, [], Duration::from_millis(2));
        metrics.http_error(413);
        let text = metrics.render(Now {
            reviews_under_way: 1,
            log_lines_lost: 3,
        });
        for line in [
            r#"floe_reviews_total{decision="deny",path="judged"} 1"#,
            r#"floe_reviews_total{decision="allow",path="judged"} 0"#,
            r#"floe_reviews_total{decision="allow",path="no-images"} 1"#,
            r#"floe_findings_total{code="tag-not-pinned"} 1"#,
            r#"floe_review_duration_seconds_bucket{le="0.0001"} 1"#,
            r#"floe_review_duration_seconds_count 2"#,
            r#"floe_http_errors_total{status="413"} 1"#,
            "floe_reviews_under_way 1",
            "floe_log_lines_lost 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
