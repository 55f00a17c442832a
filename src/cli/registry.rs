//! How registries are talked to: from flags to a client.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Stop;
use crate::oci::Registry as Host;
use crate::source::registry::{Keychain, Options, Registry};
use crate::verifier::{Limits, Tokio, Verifier, Whereabouts};

/// Flags about registries.
#[derive(Debug, Default, Args)]
pub(super) struct RegistryArguments {
    /// A registry to be asked over plain HTTP. May be given several times.
    #[arg(long, value_name = "HOST")]
    insecure_registry: Vec<Host>,

    /// The certificate authorities of a registry, in PEM. May be given several
    /// times.
    #[arg(long, value_name = "HOST=FILE", value_parser = authority)]
    registry_ca: Vec<(Host, PathBuf)>,
}

impl RegistryArguments {
    /// Whether no flag was given.
    pub(super) fn is_empty(&self) -> bool {
        self.insecure_registry.is_empty() && self.registry_ca.is_empty()
    }

    /// The flags as they were given, each with its value.
    pub(super) fn words(&self) -> impl Iterator<Item = (&'static str, String)> {
        let insecure = self.insecure_registry.iter();
        let authorities = self.registry_ca.iter();
        insecure
            .map(|host| ("--insecure-registry", host.to_string()))
            .chain(
                authorities
                    .map(|(host, file)| ("--registry-ca", format!("{host}={}", file.display()))),
            )
    }

    /// Adds what the flags say to `options`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub(super) fn apply(&self, options: &mut Options) -> Result<(), Stop> {
        for host in &self.insecure_registry {
            options.hosts.entry(host.clone()).or_default().insecure_http = true;
        }
        for (host, file) in &self.registry_ca {
            let pem = std::fs::read(file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            options.hosts.entry(host.clone()).or_default().ca = Some(pem);
        }
        Ok(())
    }

    /// An engine for one run of the command line: loopback over plain HTTP, and
    /// the user's own credentials.
    pub(super) fn verifier(
        &self,
        whereabouts: Whereabouts,
    ) -> Result<Verifier<Registry, Tokio>, Stop> {
        let mut options = Options::command_line();
        options.keychain = keychain()?;
        self.apply(&mut options)?;
        let registry = Registry::new(options).context("the registry client cannot be made")?;
        let limits = Limits::default();
        Ok(Verifier::located(registry, Tokio, limits, whereabouts))
    }
}

/// The credentials that `docker login` and its like have left.
pub(super) fn keychain() -> Result<Keychain, Stop> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    Ok(match folder.or(home) {
        Some(folder) => {
            Keychain::load(&folder).context("the registry credentials cannot be used")?
        }
        None => Keychain::anonymous(),
    })
}

fn authority(text: &str) -> Result<(Host, PathBuf), String> {
    let (host, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| format!("{text:?} is not HOST=FILE"))?;
    let host = host.parse().map_err(|error| format!("{error}"))?;
    Ok((host, file.into()))
}
