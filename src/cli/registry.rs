//! How registries are talked to: from flags to a client.

use std::path::PathBuf;

use clap::Args;

use super::Stop;
use crate::oci::Registry as Host;
use crate::source::layout::Layout;
use crate::verifier::{Tokio, Verifier};

/// Flags about registries.
#[derive(Debug, Args)]
pub(super) struct RegistryArguments {
    /// A registry to be asked over plain HTTP. May be given several times.
    /// Registries on this machine are asked so anyway.
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

    /// Not yet.
    pub(super) fn verifier(&self) -> Result<Verifier<Layout, Tokio>, Stop> {
        Err(Stop::usage(
            "registries: not supported yet; give --layout DIR",
        ))
    }
}

fn authority(text: &str) -> Result<(Host, PathBuf), String> {
    let (host, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| format!("{text:?} is not HOST=FILE"))?;
    let host = host.parse().map_err(|error| format!("{error}"))?;
    Ok((host, file.into()))
}
