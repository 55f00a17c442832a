//! Builds, lists and finds the programs that the end-to-end tests start.

use std::{env, io, process::ExitCode};

use anyhow::{Result, bail};
use floe_e2e::parts::{self, Part, Use};

const USAGE: &str = "\
Usage: parts build [NAME…]   build what is missing (all that the tests need, without a name)
       parts list            what there is, in which version, and whether it is built
       parts path NAME       where the finished binary is

Finished binaries are kept in $FLOE_PARTS, else $XDG_CACHE_HOME/floe-parts, else ~/.cache/floe-parts.";

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["build"] => {
            for part in parts::ALL.iter().filter(|part| part.used_by == Use::Tests) {
                parts::build(part, &mut io::stdout())?;
            }
        }
        ["build", names @ ..] => {
            for name in names {
                parts::build(Part::named(name)?, &mut io::stdout())?;
            }
        }
        ["list"] => {
            for part in parts::ALL {
                let path = part.path()?;
                let state = if path.is_file() { "built" } else { "missing" };
                println!(
                    "{:<16} {:<8} {state:<8} {}",
                    part.name,
                    part.version,
                    path.display()
                );
            }
        }
        ["path", name] => println!("{}", Part::named(name)?.find()?.display()),
        ["help" | "--help" | "-h"] => println!("{USAGE}"),
        _ => bail!("not understood\n{USAGE}"),
    }
    Ok(())
}
