//! The programs that the tests start, each pinned, built once and kept as a
//! finished binary outside the tree.
//!
//! A part is found under a key made of everything that its bytes depend on, so
//! a changed pin is another file and an old one is never taken by mistake.

mod build;
mod list;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest;

pub use build::build;
pub use list::{ALL, Part, Recipe, Use};

/// The command that makes every part; named in the message of a missing one.
pub const BUILD_COMMAND: &str = "cargo run -p floe-e2e --bin parts -- build";

impl Part {
    /// The part of this name.
    ///
    /// # Errors
    ///
    /// The name is not on the list; the message says which are.
    pub fn named(name: &str) -> Result<&'static Self> {
        ALL.iter().find(|part| part.name == name).with_context(|| {
            let names: Vec<_> = ALL.iter().map(|part| part.name).collect();
            format!("no part is called `{name}`; there are {}", names.join(", "))
        })
    }

    /// Where the finished binary is kept, whether or not it is there.
    ///
    /// # Errors
    ///
    /// The toolchain that the key depends on cannot be asked for its version,
    /// or the files that pin the part cannot be read.
    pub fn path(&self) -> Result<PathBuf> {
        Ok(cache()?.join(self.key()?).join(self.binary()))
    }

    /// The finished binary.
    ///
    /// # Errors
    ///
    /// It has not been built; the message names the command that does.
    pub fn find(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if !path.is_file() {
            bail!(
                "the part `{}` {} is missing ({}); run: {BUILD_COMMAND}",
                self.name,
                self.version,
                path.display()
            );
        }
        Ok(path)
    }

    /// What the file is called: cosign is `cosign`, in whichever version,
    /// because it prints its own name in messages.
    fn binary(&self) -> &'static str {
        match self.recipe {
            Recipe::Go { binary, .. } => binary,
            Recipe::Cargo { package } => package,
        }
    }

    /// Name, version and a digest of all that the binary's bytes depend on.
    fn key(&self) -> Result<String> {
        let mut inputs = vec![format!("{:?}", self.recipe).into_bytes()];
        match self.recipe {
            Recipe::Go { module, .. } => {
                inputs.push(output_of(Command::new("go").args([
                    "env",
                    "GOVERSION",
                    "GOARCH",
                ]))?);
                for file in ["go.mod", "go.sum", "main.go"] {
                    let path = module_dir(module).join(file);
                    if path.exists() {
                        inputs.push(
                            fs::read(&path)
                                .with_context(|| format!("reading {}", path.display()))?,
                        );
                    }
                }
            }
            Recipe::Cargo { .. } => {
                inputs.push(output_of(Command::new("rustc").arg("--version"))?);
            }
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        for input in inputs {
            hash.update(&(input.len() as u64).to_le_bytes());
            hash.update(&input);
        }
        // 16 hex digits: enough to tell a few builds apart, short enough to read.
        let short: String = hash.finish().as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(format!("{}-{}-{short}", self.name, self.version))
    }
}

/// The folder of finished binaries: `FLOE_PARTS`, else the user's cache.
fn cache() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("FLOE_PARTS") {
        return Ok(dir.into());
    }
    let caches = match env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(
            env::var_os("HOME").context("neither FLOE_PARTS, XDG_CACHE_HOME nor HOME is set")?,
        )
        .join(".cache"),
    };
    Ok(caches.join("floe-parts"))
}

fn module_dir(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("parts")
        .join(module)
}

fn output_of(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .output()
        .with_context(|| format!("running {command:?}: is it installed and on PATH?"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.stdout)
}
