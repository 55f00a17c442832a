//! Trust roots as they lie on disk: `trusted_root.json` as Sigstore publishes
//! it, certificates in PEM, or a folder with the one or the other.

use std::path::Path;

use super::file::{self, ROOT};
use crate::trust::TrustRoot;

/// The file of a folder that is a whole trust root.
const TRUSTED_ROOT: &str = "trusted_root.json";

/// The trust root at `path`, called `name`.
///
/// A file is a trust root in JSON if it begins with `{`, and else certificates
/// in PEM: names of files say nothing. A folder has either a
/// `trusted_root.json`, or files that end in `.pem` or `.crt`, whose
/// certificates are one root together; everything else in it is passed over.
/// Both at once are refused, because one of them would silently not count.
pub(super) fn root(name: &str, path: &Path) -> Result<TrustRoot, String> {
    if path.is_dir() {
        folder(name, path)
    } else {
        parse(name, &file::text(path, ROOT)?)
    }
}

/// A trust root from its text.
pub(super) fn parse(name: &str, text: &str) -> Result<TrustRoot, String> {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if start.starts_with('{') {
        TrustRoot::from_json(name, text).map_err(|error| error.to_string())
    } else if start.contains("-----BEGIN ") {
        certificates(name, text)
    } else {
        Err("is neither a trusted root (JSON) nor certificates (PEM)".to_owned())
    }
}

/// Certificates as a root.
pub(super) fn certificates(name: &str, pem: &str) -> Result<TrustRoot, String> {
    TrustRoot::from_certificates(name, pem).map_err(|error| error.to_string())
}

fn folder(name: &str, folder: &Path) -> Result<TrustRoot, String> {
    let entries = file::entries(folder)?;
    let whole = entries
        .iter()
        .find(|path| path.file_name().is_some_and(|name| name == TRUSTED_ROOT));
    let parts: Vec<_> = entries
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "pem" || e == "crt"))
        .collect();
    match (whole, parts.as_slice()) {
        (Some(_), [_, ..]) => Err(format!(
            "the folder has {TRUSTED_ROOT} and certificates; remove the one or the other"
        )),
        (Some(path), []) => {
            let text = file::text(path, ROOT).map_err(|why| format!("{TRUSTED_ROOT}: {why}"))?;
            TrustRoot::from_json(name, &text).map_err(|error| format!("{TRUSTED_ROOT}: {error}"))
        }
        (None, []) => Err(format!(
            "the folder has neither {TRUSTED_ROOT} nor a file that ends in .pem or .crt"
        )),
        (None, parts) => {
            let mut pem = String::new();
            for path in parts {
                let file = path.file_name().unwrap_or_default().display();
                let text = file::text(path, ROOT).map_err(|why| format!("{file}: {why}"))?;
                // Each on its own first, so that the error names the file, and
                // one that is no certificate cannot hide among the others.
                if !text.contains("-----BEGIN CERTIFICATE-----") {
                    return Err(format!("{file}: is not a PEM certificate"));
                }
                if pem.len() + text.len() > MAX_FOLDER {
                    return Err(format!("has more than {MAX_FOLDER} bytes of certificates"));
                }
                pem.push_str(&text);
                pem.push('\n');
            }
            certificates(name, &pem)
        }
    }
}

/// Most bytes of all the certificates of a folder.
const MAX_FOLDER: usize = 1024 * 1024;
