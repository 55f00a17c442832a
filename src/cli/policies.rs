//! Policies from files and folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::Stop;
use super::files;
use super::roots::RootArguments;
use crate::policy::{Compiled, PolicyDocument, PolicySet, Problem, compile};
use crate::roots::{self, Configured};
use crate::trust::{
    AuthorityMaterial, Demand, Demands, Material, MaterialRef, PUBLIC_GOOD, Signers, TrustRoot,
};

/// Reads the documents at `paths`: each a file, or a folder whose YAML and JSON
/// files are read, those in folders below it not.
///
/// # Errors
///
/// Anything that cannot be read, and a folder without any: an empty folder is
/// not taken as permission.
pub(super) fn documents(paths: &[PathBuf]) -> Result<Vec<PolicyDocument>, Stop> {
    let mut documents = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = documents.len();
            for file in files::manifests(path)? {
                documents.push(document(&file, files::regular_text)?);
            }
            if documents.len() == before {
                return Err(anyhow::anyhow!(
                    "{} has no policy: no file in it ends in .yaml, .yml or .json, and \
                     folders below it are not read",
                    path.display()
                )
                .into());
            }
        } else {
            documents.push(document(path, files::text)?);
        }
    }
    Ok(documents)
}

fn document(
    path: &Path,
    read: impl FnOnce(&Path) -> Result<String, Stop>,
) -> Result<PolicyDocument, Stop> {
    Ok(PolicyDocument {
        origin: path.to_owned(),
        text: read(path)?,
    })
}

/// Compiles the documents at `paths`.
///
/// # Errors
///
/// Every problem of every document, one a line.
pub(super) fn compiled(paths: &[PathBuf]) -> Result<Compiled, Stop> {
    let documents = documents(paths)?;
    compile(&documents).map_err(|problems| not_compiling(&problems))
}

/// Every problem, one a line.
pub(super) fn not_compiling(problems: &[Problem]) -> Stop {
    let text: Vec<_> = problems.iter().map(Problem::to_string).collect();
    anyhow::anyhow!("the policies do not compile\n{}", text.join("\n")).into()
}

/// The policies at `paths`, with the material that they refer to. The names of
/// trust roots mean what `configured` says.
///
/// # Errors
///
/// As of [`compiled`]. Material that cannot be read is no error here: the
/// authority is inconclusive, and the verdict says so.
pub(super) fn load(paths: &[PathBuf], configured: &Configured) -> Result<PolicySet, Stop> {
    let compiled = compiled(paths)?;
    Ok(compiled.bind(&roots::read(
        &compiled.materials(),
        configured,
        Timestamp::now(),
    )))
}

/// What keys given without a policy mean: they match everything, and any of
/// them may have signed.
///
/// # Errors
///
/// A key that cannot be read: the user named it, so that nothing can be decided
/// without it.
pub(super) fn of_keys(files: &[PathBuf]) -> Result<PolicySet, Stop> {
    keys(files, &[], Demands::NONE)
}

/// As [`of_keys`], for a file with its bundle: whatever log entries and
/// timestamps the bundle has must verify under the roots named.
///
/// # Errors
///
/// As of [`of_keys`], and a root that cannot be read.
pub(super) fn of_keys_for_files(
    files: &[PathBuf],
    arguments: &RootArguments,
) -> Result<PolicySet, Stop> {
    let demands = Demands {
        log: Demand::Checked,
        timestamps: Demand::Checked,
        ..Demands::NONE
    };
    keys(files, &named_roots(arguments)?, demands)
}

/// What an identity given without a policy means: it matches everything, and
/// only who has it may have signed.
///
/// # Errors
///
/// A root that cannot be read.
pub(super) fn of_identity(
    identity: &str,
    issuer: &str,
    arguments: &RootArguments,
) -> Result<PolicySet, Stop> {
    let roots = named_roots(arguments)?;
    Ok(PolicySet::for_identity(identity, issuer, roots))
}

fn keys(files: &[PathBuf], roots: &[Arc<TrustRoot>], demands: Demands) -> Result<PolicySet, Stop> {
    let mut keys = Vec::with_capacity(files.len());
    for file in files {
        let reference = MaterialRef::File(file.display().to_string());
        let Material::Key(key) = material(reference, &Configured::default(), "--key")? else {
            return Err(anyhow::anyhow!("--key: {} is no key", file.display()).into());
        };
        let signers = Signers::Keys(vec![key]);
        let material = AuthorityMaterial::new(signers, roots.to_vec(), demands);
        keys.push((Arc::from(file.display().to_string()), Arc::new(material)));
    }
    Ok(PolicySet::for_keys(keys))
}

/// The roots that the arguments name, or the public-good one.
fn named_roots(arguments: &RootArguments) -> Result<Vec<Arc<TrustRoot>>, Stop> {
    let configured = arguments.configured()?;
    let mut names = arguments.names();
    if names.is_empty() {
        names.push(PUBLIC_GOOD);
    }
    let mut roots = Vec::with_capacity(names.len());
    for name in names {
        let reference = MaterialRef::Root(name.to_owned());
        let Material::Root(root) = material(reference, &configured, "--trusted-root")? else {
            return Err(anyhow::anyhow!("--trusted-root: {name} is no trust root").into());
        };
        roots.push(root);
    }
    Ok(roots)
}

/// What one reference that the user gave with `flag` resolves to.
fn material(reference: MaterialRef, configured: &Configured, flag: &str) -> Result<Material, Stop> {
    let references = [reference];
    let materials = roots::read(&references, configured, Timestamp::now());
    let [reference] = references;
    match materials.get(&reference) {
        Some(Ok(material)) => Ok(material.clone()),
        Some(Err(error)) => Err(anyhow::anyhow!("{flag}: {error}").into()),
        None => Err(anyhow::anyhow!("{flag}: {reference} was not read").into()),
    }
}
