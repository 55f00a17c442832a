//! Making a part: one builder at a time, signs of life, nothing half finished.

use std::{
    collections::VecDeque,
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{Part, Recipe, module_dir};

/// How often a long build says that it lives. A log that is silent for ten
/// minutes looks hung, and some runners kill it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// How much of a failed build's output is shown: enough for a compiler error
/// with its context.
const LAST_LINES: usize = 40;

/// Makes the part unless it is there, and gives its path. Progress goes to
/// `progress`, a line at a time.
///
/// # Errors
///
/// The build failed; the message names the part and carries the last lines of
/// its output. Nothing is left in the cache under the part's name then.
pub fn build(part: &Part, progress: &mut dyn Write) -> Result<PathBuf> {
    let path = part.path()?;
    if path.is_file() {
        writeln!(progress, "{} {}: there", part.name, part.version)?;
        return Ok(path);
    }
    let dir = path.parent().context("a part has a folder")?;
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let lock = File::create(dir.join(".lock"))?;
    if lock.try_lock().is_err() {
        writeln!(
            progress,
            "{}: another process is building it; waiting",
            part.name
        )?;
        lock.lock()?;
        if path.is_file() {
            return Ok(path);
        }
    }
    writeln!(progress, "{} {}: building", part.name, part.version)?;
    let started = Instant::now();
    match part.recipe {
        Recipe::Go {
            module,
            package,
            pin,
            ldflags,
            ..
        } => {
            check_pin(module, pin, part.version)?;
            let unfinished = dir.join(".unfinished");
            let mut go = Command::new("go");
            go.current_dir(module_dir(module))
                .env("CGO_ENABLED", "0")
                .env("GOFLAGS", "-mod=readonly -trimpath -buildvcs=false")
                .env("GOTOOLCHAIN", "local")
                .env("GOWORK", "off")
                .args(["build", "-ldflags", &format!("-s -w {ldflags}"), "-o"])
                .arg(&unfinished)
                .arg(package);
            run(part, go, progress)?;
            fs::rename(&unfinished, &path)?;
        }
        Recipe::Cargo { package } => {
            let root = dir.join(".root");
            let kept = env::var_os("FLOE_PARTS_TARGET").map(PathBuf::from);
            let target = kept.clone().unwrap_or_else(|| dir.join(".target"));
            let mut cargo = Command::new("cargo");
            cargo
                // Another folder than the workspace, whose lock and profile
                // are not the package's.
                .current_dir(dir)
                .env("CARGO_TARGET_DIR", &target)
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .args([
                    "install",
                    "--locked",
                    "--version",
                    part.version,
                    package,
                    "--root",
                ])
                .arg(&root);
            for inherited in ["RUSTFLAGS", "CARGO_MANIFEST_DIR", "RUSTC_WRAPPER"] {
                cargo.env_remove(inherited);
            }
            run(part, cargo, progress)?;
            fs::rename(root.join("bin").join(package), &path)?;
            fs::remove_dir_all(&root)?;
            if kept.is_none() {
                fs::remove_dir_all(&target)?;
            }
        }
    }
    writeln!(
        progress,
        "{} {}: built in {} s",
        part.name,
        part.version,
        started.elapsed().as_secs()
    )?;
    Ok(path)
}

/// The list names a version for people, `go.mod` pins it for the build: they
/// must not drift apart.
fn check_pin(module: &str, pin: &str, version: &str) -> Result<()> {
    let path = module_dir(module).join("go.mod");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let wanted = format!("{pin} v{version}");
    let pinned = text.lines().any(|line| {
        let line = line.trim().trim_start_matches("require ");
        line == wanted
            || line
                .strip_prefix(&wanted)
                .is_some_and(|rest| rest.starts_with(' '))
    });
    if !pinned {
        bail!("{} does not pin {wanted}", path.display());
    }
    Ok(())
}

fn run(part: &Part, mut command: Command, progress: &mut dyn Write) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("part {}: starting {command:?}", part.name))?;
    let stderr = child.stderr.take().context("stderr is piped")?;
    let reader = thread::spawn(move || {
        let mut last = VecDeque::with_capacity(LAST_LINES);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(line);
        }
        last
    });
    let started = Instant::now();
    let mut said = started;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if said.elapsed() >= SIGN_OF_LIFE {
            said = Instant::now();
            writeln!(
                progress,
                "{}: still building, {} s",
                part.name,
                started.elapsed().as_secs()
            )?;
        }
        thread::sleep(Duration::from_millis(100));
    };
    let last = reader.join().unwrap_or_default();
    if !status.success() {
        bail!(
            "part {} {} could not be built: {command:?} ended with {status}\n{}",
            part.name,
            part.version,
            Vec::from(last).join("\n")
        );
    }
    Ok(())
}
