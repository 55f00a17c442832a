//! `floe webhook`: wires settings, policies, registries, engine and server
//! together, and runs them.

mod policies;
mod roots;
mod wiring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::registry::RegistryArguments;
use super::whereabouts;
use super::{Exit, Stop, files};
use crate::admission::Gate;
use crate::config::{LogFormat, Settings};
use crate::source::registry::Registry;
use crate::telemetry::{self, Metrics, RecordFormat, Sink, SinkHandle};
use crate::verifier::{Limits, Tokio, Verifier};
use crate::webhook::{ServeOptions, start};

/// Serve admission reviews over HTTPS.
///
/// Without a certificate one is made, for localhost and the names given; its
/// authority is written to --ca-out. SIGTERM ends the server in order.
///
/// Exit codes: 0 stopped by a signal; 1 could not start: every problem is
/// listed; 64 called wrongly.
#[derive(Debug, Args)]
#[command(before_help = "\
Example: floe webhook --policies policies/one-key --listen 127.0.0.1:8443 --ca-out ca.pem
         floe webhook --config floe.yaml
")]
pub(super) struct WebhookArguments {
    /// Settings, in YAML. Flags come before what it says.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Policies: a file, or a folder, not those below it. May be given several
    /// times.
    #[arg(long, value_name = "PATH")]
    policies: Vec<PathBuf>,

    /// Where to serve: ADDRESS:PORT, 0.0.0.0:8443 without it.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Certificate chain in PEM, leaf first. Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// A name or address for the certificate that is made when none is given,
    /// besides localhost. May be given several times.
    #[arg(long, value_name = "NAME", conflicts_with = "tls_cert")]
    tls_name: Vec<String>,

    /// Where to write the authority of a certificate that was made, for
    /// `caBundle`.
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,

    /// Where to append the log; standard error without it.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryArguments,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write ADDRESS:PORT, for example 0.0.0.0:8443 or [::]:8443".to_owned())
}

/// Serves until a signal.
pub(super) fn run(arguments: &WebhookArguments) -> Result<Exit, Stop> {
    let settings = settings(arguments)?;
    let channels = wiring::channel_order(&settings);
    let trust = roots::Roots::of(&settings.trust_roots)?;
    let policies = policies::Poll::start(&settings.policies, wiring::no_match(settings.no_match))?
        .with_channels(channels.into_iter().map(Arc::from).collect())
        .with_roots(trust.configured.clone());
    let coverage = wiring::coverage(&settings)?;
    let channels = wiring::channels(&settings)?;
    let options = wiring::registries(&settings, &arguments.registry)?;
    let whereabouts = whereabouts::of_settings(&settings)?;

    let mut sink = match &settings.log_file {
        Some(path) => {
            Sink::file(path).with_context(|| format!("{} cannot be written", path.display()))?
        }
        None => Sink::stderr().context("the log cannot be written")?,
    };
    telemetry::install(settings.log_format, sink.handle()).context("there is no log")?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let ended = runtime.block_on(async {
        let registry = Registry::new(options).context("the registry client cannot be made")?;
        let verifier = Verifier::located(registry, Tokio, Limits::default(), whereabouts);
        let gate = Arc::new(Gate::new(verifier, coverage, channels));
        let mut options = serving(arguments, &settings, policies, sink.handle());
        options.metrics = Arc::new(Metrics::default().with_trust_roots(trust.ages()));
        trust.keep_fresh(&options.wake);
        let running = start(gate, options).await?;
        running
            .until_signal()
            .await
            .context("signals cannot be listened for")
    });
    // Whatever the end was, its last lines are written.
    sink.close();
    ended?;
    Ok(Exit::Success)
}

/// What the file says, with the flags before it.
fn settings(arguments: &WebhookArguments) -> Result<Settings, Stop> {
    let mut settings = match &arguments.config {
        Some(path) => Settings::parse(path, &files::text(path)?).map_err(anyhow::Error::from)?,
        None => Settings::default(),
    };
    if !arguments.policies.is_empty() {
        settings.policies.clone_from(&arguments.policies);
    }
    if settings.policies.is_empty() {
        return Err(Stop::usage(
            "nothing says what may run; give --policies PATH, or policies in the settings",
        ));
    }
    if let Some(listen) = arguments.listen {
        settings.listen = listen;
    }
    if let (Some(chain), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        settings.tls.certificate = Some((chain.clone(), key.clone()));
    }
    if settings.tls.certificate.is_some() && arguments.ca_out.is_some() {
        return Err(Stop::usage(
            "--ca-out has no meaning with a certificate of your own; remove it",
        ));
    }
    if let Some(file) = &arguments.log_file {
        settings.log_file = Some(file.clone());
    }
    Ok(settings)
}

fn serving(
    arguments: &WebhookArguments,
    settings: &Settings,
    mut policies: policies::Poll,
    log: SinkHandle,
) -> ServeOptions {
    let format = match settings.log_format {
        LogFormat::Json => RecordFormat::Json,
        LogFormat::Text => RecordFormat::Text,
    };
    let mut names: Vec<_> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    names.extend(arguments.tls_name.iter().cloned());
    let poll = Box::new(move || policies.poll());
    let mut names: Vec<_> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    names.extend(arguments.tls_name.iter().cloned());
    ServeOptions {
        records: Some((log, format)),
        ..ServeOptions::from_settings(settings, names, arguments.ca_out.clone(), poll)
    }
}
