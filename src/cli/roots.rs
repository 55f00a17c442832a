//! Which trust roots there are: from arguments, and from the settings of the
//! webhook.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;

use super::{Stop, files};
use crate::config::{RootSource, Settings, TrustRootSettings, TufSettings};
use crate::roots::Configured;
use crate::roots::tuf::{TufOptions, TufRoot};

/// Trust roots for a command that asks no repository.
#[derive(Debug, Default, Args)]
pub(super) struct RootArguments {
    /// A trust root: a trusted_root.json, certificates in PEM, or a folder with
    /// the one or the other. Without NAME it replaces public-good. May be given
    /// several times.
    #[arg(long, value_name = "[NAME=]PATH")]
    trusted_root: Vec<String>,

    /// Settings of `floe webhook`, of which trustRoots is read. A root from TUF
    /// is the one in its cache: nothing is fetched.
    #[arg(long, value_name = "FILE")]
    roots_from: Option<PathBuf>,
}

impl RootArguments {
    /// The names of the roots that the arguments give, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self
            .trusted_root
            .iter()
            .map(|argument| Configured::split(argument).0);
        names.collect()
    }

    /// The flags and values that stand for these arguments.
    pub(super) fn words(&self) -> Vec<(&'static str, String)> {
        let roots = self.trusted_root.iter();
        let mut words: Vec<_> = roots.map(|root| ("--trusted-root", root.clone())).collect();
        if let Some(path) = &self.roots_from {
            words.push(("--roots-from", path.display().to_string()));
        }
        words
    }

    /// The roots that the arguments name, those of the settings for all other
    /// names, and the embedded one.
    ///
    /// # Errors
    ///
    /// A name that is none or stands twice, or settings that cannot be used. A
    /// root that cannot be read is no error here: what needs it says so.
    pub(super) fn configured(&self) -> Result<Configured, Stop> {
        let mut configured = Configured::default();
        for argument in &self.trusted_root {
            configured = configured
                .with_argument(argument)
                .map_err(|error| Stop::usage(format!("--trusted-root: {error}")))?;
        }
        match &self.roots_from {
            None => Ok(configured),
            Some(path) => {
                let settings =
                    Settings::parse(path, &files::text(path)?).map_err(anyhow::Error::from)?;
                with_settings(configured, &settings.trust_roots, Timestamp::now())
            }
        }
    }
}

/// Adds the roots of the settings whose names are not given yet. Those from TUF
/// are read from their caches, and verified as of `now`.
///
/// # Errors
///
/// A name that is none, or an initial root of TUF that cannot be used.
pub(super) fn with_settings(
    mut configured: Configured,
    roots: &[TrustRootSettings],
    now: Timestamp,
) -> Result<Configured, Stop> {
    for root in roots {
        if configured.names(&root.name) {
            continue;
        }
        let context = || format!("trustRoots: {}", root.name);
        configured = match &root.from {
            RootSource::File(path) => configured.with_path(&root.name, path),
            RootSource::Tuf(settings) => {
                let options = tuf(&root.name, settings).with_context(context)?;
                let tuf = TufRoot::new(options).with_context(context)?;
                // Why there is nothing yet is kept, and told by what needs it.
                let _ = tuf.load(now);
                configured.with_tuf(Arc::new(tuf))
            }
        }
        .with_context(|| "trustRoots".to_owned())?;
    }
    Ok(configured)
}

fn tuf(name: &str, settings: &TufSettings) -> anyhow::Result<TufOptions> {
    Ok(TufOptions {
        name: name.to_owned(),
        mirror: settings.mirror.clone(),
        root: read(&settings.root)?,
        cache: settings.cache.clone(),
        target: settings.target.clone(),
        refresh_every: settings.refresh_every,
        ca: settings.ca_file.as_deref().map(read).transpose()?,
        insecure_http: settings.insecure_http,
        timeout: TufOptions::TIMEOUT,
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}
