//! `floe policy check`: every problem of a policy, before it is put in force.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::console::{self, Tone};
use super::roots::RootArguments;
use super::{Exit, Stop, policies};
use crate::policy::{Policy, PolicySet};
use crate::roots;

/// Work on policies.
#[derive(Debug, Args)]
#[command(before_help = "Example: floe policy check policies/one-key\n")]
pub(super) struct PolicyArguments {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    Check(CheckArguments),
}

/// Compile policies and list every problem.
///
/// Then says of each policy whose signatures it asks for; keys are shown as
/// verdicts name them. A key that is not here is only warned about.
///
/// Exit codes: 0 they compile; 1 they do not; 64 called wrongly.
#[derive(Debug, Args)]
#[command(
    before_help = "Example: floe policy check policies/one-key policies/channels/policy.yaml\n"
)]
struct CheckArguments {
    /// Policies: files, or folders, not those below them.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    roots: RootArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &PolicyArguments) -> Result<Exit, Stop> {
    let PolicyCommand::Check(arguments) = &arguments.command;
    let compiled = policies::compiled(&arguments.paths)?;
    let references = compiled.materials();
    let materials = roots::read(
        &references,
        &arguments.roots.configured()?,
        Timestamp::now(),
    );
    let mut blocks = Vec::new();
    for reference in &references {
        if let Some(Err(sentence)) = materials.get(reference) {
            blocks.push((Tone::Warning, format!("warning: {sentence}")));
        }
    }
    let set = compiled.bind(&materials);
    // What is known only with the keys, such as one key under two names.
    let broken: Vec<_> = set
        .policies()
        .filter_map(|policy| {
            let finding = policy.broken.as_ref()?;
            Some(format!("{}: {}", policy.name, finding.message))
        })
        .collect();
    if !broken.is_empty() {
        let text = broken.join("\n");
        return Err(anyhow::anyhow!("the policies cannot be evaluated\n{text}").into());
    }
    blocks.extend(
        set.policies()
            .map(|policy| (Tone::Plain, described(policy, &set))),
    );
    for pair in set.weaker() {
        blocks.push((Tone::Warning, format!("warning: {pair}")));
    }
    let by_signature: Vec<_> = set
        .policies()
        .filter(|policy| policy.requirement.is_some())
        .map(|policy| policy.name.to_string())
        .collect();
    if !by_signature.is_empty() {
        let text = format!(
            "note: a signature names no repository: every image that an authority signed is \
             accepted under every name that the policy matches ({})",
            by_signature.join(", ")
        );
        blocks.push((Tone::Plain, text));
    }
    let count = set.policies().len();
    let what = if count == 1 {
        "policy compiles"
    } else {
        "policies compile"
    };
    blocks.push((Tone::Good, format!("{count} {what}")));
    console::print(&blocks).context("the answer cannot be written")?;
    Ok(Exit::Success)
}

/// A policy with the keys that it accepts, as verdicts name them.
fn described(policy: &Policy, set: &PolicySet) -> String {
    let demands = if policy.requirement.is_some() {
        "a digest, and signatures by"
    } else {
        "a digest"
    };
    let mut text = format!(
        "{} ({}): {demands}",
        policy.name,
        policy.enforcement.as_str()
    );
    for authority in &policy.authorities {
        let keys = match &authority.material {
            Ok(id) => set.material(*id).keys(),
            Err(_) => &[],
        };
        let names: Vec<_> = keys
            .iter()
            .map(|key| format!("key {}", key.fingerprint()))
            .collect();
        let names = if names.is_empty() {
            "no key".to_owned()
        } else {
            names.join(", ")
        };
        text.push_str(&format!("\n  {}: {names}", authority.name));
    }
    text
}
