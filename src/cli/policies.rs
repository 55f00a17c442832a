//! Policies from files and folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::Stop;
use super::files;
use crate::policy::{Compiled, PolicyDocument, PolicySet, Problem, compile};
use crate::roots::{self, Configured};
use crate::trust::{AuthorityMaterial, Material, MaterialRef};

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
    let mut keys = Vec::with_capacity(files.len());
    for file in files {
        let reference = MaterialRef::File(file.display().to_string());
        let materials = roots::read(
            std::slice::from_ref(&reference),
            &Configured::default(),
            Timestamp::now(),
        );
        let material = match materials.get(&reference) {
            Some(Ok(Material::Key(key))) => Arc::new(AuthorityMaterial::key(key.clone())),
            Some(Ok(Material::Root(_))) => {
                return Err(anyhow::anyhow!("--key: {reference} is no key").into());
            }
            Some(Err(sentence)) => return Err(anyhow::anyhow!("--key: {sentence}").into()),
            None => return Err(anyhow::anyhow!("--key: {reference} was not read").into()),
        };
        keys.push((Arc::from(file.display().to_string()), material));
    }
    Ok(PolicySet::for_keys(keys))
}
