//! The command line: one file a command; arguments, output, exit codes.
//!
//! This is also where everything is wired together: what the configuration and
//! the flags say becomes sources, policies, an engine and a server here, and
//! nowhere else.

mod console;
mod exit;
mod files;
mod policies;
mod policy;
mod registry;
mod roots;
mod verify;
mod webhook;
mod whereabouts;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{Exit, Stop};

/// Decide whether OCI artifacts may run: who signed them, and whether a policy
/// accepts that.
#[derive(Debug, Parser)]
#[command(
    name = "floe",
    version,
    before_help = "Example: floe verify -f deploy/ --policy policies/one-key\n"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Box<verify::VerifyArguments>),
    Webhook(Box<webhook::WebhookArguments>),
    Policy(policy::PolicyArguments),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(with_command(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers and go to standard output; the
            // reader may have gone away, which is not worth a word.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Success.into()
            };
        }
    };
    // The process has one crypto provider. Installing it fails only if there
    // is one already, which is then the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let result = match arguments.command {
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Webhook(arguments) => webhook::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(stop) => {
            console::complain(&format!("floe: {stop}"));
            if matches!(stop, Stop::Usage(_)) {
                console::complain("For more information, try --help.");
            }
            stop.exit().into()
        }
    }
}

/// Puts `verify` in place where the binary was called as `floe-verify`. As
/// `kubectl-floe` it is called by kubectl as a plug-in and takes the same
/// commands as `floe`; help then shows the line that the user typed.
fn with_command(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    let stem = arguments
        .first()
        .and_then(|name| Path::new(name).file_stem())
        .and_then(OsStr::to_str);
    match stem {
        Some("floe-verify") => {
            arguments.splice(..1, ["floe".into(), "verify".into()]);
        }
        Some("kubectl-floe") => arguments[0] = "kubectl floe".into(),
        _ => {}
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_name_of_the_binary_chooses_the_command() {
        let with = |words: &[&str]| {
            with_command(words.iter().map(OsString::from))
                .into_iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(with(&["/usr/bin/floe-verify", "app"]), "floe verify app");
        assert_eq!(with(&["floe", "verify", "app"]), "floe verify app");
        assert_eq!(
            with(&["kubectl-floe", "verify", "app"]),
            "kubectl floe verify app"
        );
    }

    #[test]
    fn every_help_begins_with_an_example() {
        let mut command = Arguments::command();
        command.build();
        let mut commands = vec![command];
        while let Some(mut command) = commands.pop() {
            if command.get_name() == "help" {
                continue;
            }
            let help = command.render_help().to_string();
            assert!(help.starts_with("Example: floe"), "{help}");
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
