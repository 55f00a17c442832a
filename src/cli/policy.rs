//! `floe policy check`: every problem of a policy, before it is put in force.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::console::{self, Tone};
use super::roots::RootArguments;
use super::{Exit, Stop, policies};
use crate::policy::{Authority, IdentityRule, Policy, PolicySet};
use crate::roots;
use crate::trust::{AuthorityMaterial, Demand, OldBundles, Signers};

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
/// Then says of each policy whose signatures it asks for; keys and identities
/// are shown as verdicts name them. A key or trust root that is not here is only
/// warned about.
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
    for (policy, authority) in authorities(&set) {
        if let Some(advice) = authority.identity.as_ref().and_then(IdentityRule::advice) {
            let name = &policy.name;
            let text = format!("warning: {name}: {}: {advice}", authority.name);
            blocks.push((Tone::Warning, text));
        }
    }
    for policy in set.policies() {
        if policy.old_bundles == OldBundles::Accepted {
            let text = format!(
                "warning: {}: insecureOldBundles accepts log entries without a proof that the \
                 log holds them; sign again with a current cosign, and remove it",
                policy.name
            );
            blocks.push((Tone::Warning, text));
        }
    }
    let by_signature: Vec<_> = set
        .policies()
        .filter(|policy| policy.requirement.is_some() && !policy.signed_for_repository)
        .map(|policy| policy.name.to_string())
        .collect();
    if !by_signature.is_empty() {
        let text = format!(
            "note: a signature names no repository: every image that an authority signed is \
             accepted under every name that the policy matches, unless it says signedFor: \
             repository ({})",
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

/// Every authority with its policy.
fn authorities(set: &PolicySet) -> impl Iterator<Item = (&Policy, &Authority)> {
    set.policies()
        .flat_map(|policy| policy.authorities.iter().map(move |a| (&**policy, a)))
}

/// A policy with the keys and identities that it accepts, as verdicts name them.
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
        let material = authority.material.as_ref().ok().map(|id| set.material(*id));
        let whom = whom(authority, material.map(|material| &**material));
        text.push_str(&format!("\n  {}: {whom}", authority.name));
    }
    text
}

/// Whom an authority accepts, and what is checked beside the signature.
fn whom(authority: &Authority, material: Option<&AuthorityMaterial>) -> String {
    let keys = material.map_or(&[][..], AuthorityMaterial::keys);
    let mut text = match &authority.identity {
        Some(rule) => rule.to_string(),
        None if keys.is_empty() => "no key".to_owned(),
        None => {
            let keys = keys.iter().map(|key| format!("key {}", key.fingerprint()));
            keys.collect::<Vec<_>>().join(", ")
        }
    };
    let dates = [
        ("from", authority.validity.start),
        ("until", authority.validity.end),
    ];
    for (word, date) in dates {
        if let Some(date) = date {
            text.push_str(&format!(" {word} {date}"));
        }
    }
    let Some(material) = material else {
        if authority.identity.is_some() {
            text.push_str(", which cannot be checked");
        }
        return text;
    };
    let demands = material.demands();
    let with: Vec<_> = [
        ("a log entry", demands.log),
        ("a timestamp", demands.timestamps),
        ("a certificate timestamp", demands.sct),
    ]
    .into_iter()
    .filter_map(|(what, demand)| (demand == Demand::Required).then_some(what))
    .collect();
    if !with.is_empty() {
        text.push_str(&format!(", with {}", with.join(" and ")));
    }
    let own = match material.signers() {
        Signers::Certificates(root) => Some(root),
        Signers::Keys(_) | Signers::Keyless => None,
    };
    let roots = own.into_iter().chain(material.roots());
    let roots: Vec<_> = roots.map(|root| &**root.name()).collect();
    if !roots.is_empty() {
        text.push_str(&format!(", vouched for by {}", roots.join(" or ")));
    }
    text
}
