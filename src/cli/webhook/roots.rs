//! The trust roots of a running webhook, kept fresh beside the reviews.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::cli::{Stop, roots};
use crate::config::TrustRootSettings;
use crate::roots::Configured;
use crate::roots::tuf::{Clock, Refresher, Told};
use crate::telemetry::{TrustRootAge, TrustRootAges};

/// What the settings say of trust roots, ready to run.
pub(super) struct Roots {
    pub(super) configured: Configured,
    refreshers: Vec<Refresher>,
}

impl Roots {
    /// Reads the caches of roots from TUF; asks nobody yet.
    ///
    /// # Errors
    ///
    /// A root that cannot be configured so. One that merely cannot be had is
    /// none: what needs it is refused until it is there.
    pub(super) fn of(settings: &[TrustRootSettings]) -> Result<Self, Stop> {
        let configured = roots::with_settings(Configured::default(), settings, Timestamp::now())?;
        let refreshers = configured
            .tuf()
            .map(|root| {
                Refresher::new(Arc::clone(root))
                    .with_context(|| format!("trustRoots: {}", root.name()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            configured,
            refreshers,
        })
    }

    /// How old they are, for the metrics.
    pub(super) fn ages(&self) -> TrustRootAges {
        let configured = self.configured.clone();
        Box::new(move || {
            let now = Timestamp::now();
            let ages = configured.tuf().map(|root| root.age());
            ages.map(|age| TrustRootAge {
                seconds: age.refreshed.map(|at| now.duration_since(at).as_secs_f64()),
                expires: age.expires.map(Timestamp::as_second),
                name: age.name,
            })
            .collect()
        })
    }

    /// Asks the repositories again and again from now on, and wakes whoever
    /// binds policies whenever one has something to say: also when a root
    /// expires, and when the first attempt failed.
    pub(super) fn keep_fresh(self, wake: &Arc<Notify>) {
        let clock: Clock = Arc::new(Timestamp::now);
        for refresher in self.refreshers {
            let name = Arc::clone(refresher.root().name());
            let wake = Arc::clone(wake);
            let told = move |told: Told| {
                log(&name, &told);
                wake.notify_one();
            };
            tokio::spawn(refresher.run(Arc::clone(&clock), told));
        }
    }
}

fn log(root: &str, told: &Told) {
    match told {
        Told::Changed => tracing::info!(root, "trust root taken into use"),
        Told::Same => tracing::debug!(root, "trust root is up to date"),
        Told::Failed(error) => {
            tracing::error!(root, %error, "trust root cannot be refreshed; the last good one serves until it expires");
        }
        Told::Expired => {
            tracing::error!(root, "trust root has expired; what needs it is refused");
        }
        Told::NotKept(problem) => {
            tracing::error!(
                root,
                problem,
                "trust root cannot be kept for the next start"
            );
        }
    }
}
