//! The age of trust roots, looked at when somebody asks for the metrics.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// How old a trust root is that is kept fresh.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustRootAge {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Seconds since its repository was last found in order; none if never.
    pub seconds: Option<f64>,
    /// When it expires without a refresh, in seconds since 1970.
    pub expires: Option<i64>,
}

/// Gives the roots and how old they are now.
pub type TrustRootAges = Box<dyn Fn() -> Vec<TrustRootAge> + Send + Sync>;

pub(super) struct TrustRoots {
    pub(super) ages: TrustRootAges,
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustRoots")
    }
}

impl Collector for TrustRoots {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ages = (self.ages)();
        let mut metric = encoder.encode_descriptor(
            "trust_root_age",
            "Time since the repository of a trust root was last found in order",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for root in &ages {
            if let Some(seconds) = root.seconds {
                let labels = [("root", &*root.name)];
                ConstGauge::new(seconds).encode(metric.encode_family(&labels)?)?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "trust_root_expiry_timestamp",
            "When a trust root expires without a refresh, since 1970",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for root in &ages {
            if let Some(expires) = root.expires {
                let labels = [("root", &*root.name)];
                ConstGauge::new(expires).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Metrics, Now};

    #[test]
    fn each_root_has_its_age_and_expiry_and_one_that_was_never_fetched_has_none() {
        let metrics = Metrics::default().with_trust_roots(Box::new(|| {
            let root = |name: &str, seconds, expires| TrustRootAge {
                name: Arc::from(name),
                seconds,
                expires,
            };
            vec![
                root("corp", Some(90.5), Some(1_800_000_000)),
                root("lab", None, None),
            ]
        }));
        let text = metrics.render(Now::default());
        for line in [
            r#"floe_trust_root_age_seconds{root="corp"} 90.5"#,
            r#"floe_trust_root_expiry_timestamp_seconds{root="corp"} 1800000000"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("lab"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
