//! x
use clap::Args;

use super::{Exit, Stop};

/// Serve
#[derive(Debug, Args)]
#[command(before_help = "Example: floe webhook --policies policies/\n")]
pub(super) struct WebhookArguments {}

pub(super) fn run(_arguments: &WebhookArguments) -> Result<Exit, Stop> {
    Err(Stop::usage("webhook: not supported yet"))
}
