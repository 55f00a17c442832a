//! Where a policy document says that keys, certificates and trust roots are,
//! and from when to when a key counts.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{Object, Walk, kind_of};
use super::spec::is_dns_label;
use crate::trust::{MaterialRef, PublicKey, TrustRoot, Window};

/// Trust roots of one authority: each is tried in turn for each signature.
const MAX_ROOTS: usize = 8;

/// Material that stands in the document, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source<T> {
    Inline(T),
    Ref(MaterialRef),
}

/// Reads `trustRoots`; `None` after a complaint.
pub(super) fn trust_roots(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    file: &dyn Fn(&str) -> String,
) -> Option<Vec<MaterialRef>> {
    let why = "is empty; remove it, or name a trust root";
    if object.has("trustRoots") && object.get("trustRoots").is_none() {
        walk.complain(object.path_of("trustRoots"), why);
        return None;
    }
    let Some(items) = walk.list(object, "trustRoots", why) else {
        return (!object.has("trustRoots")).then(Vec::new);
    };
    let path = object.path_of("trustRoots");
    if items.len() > MAX_ROOTS {
        walk.complain(path, format!("at most {MAX_ROOTS} trust roots"));
        return None;
    }
    let mut roots = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let root = match item {
            Value::String(name) if is_dns_label(name) => MaterialRef::Root(name.clone()),
            Value::String(_) => {
                walk.complain(
                    path,
                    "is not the name of a trust root (lower-case letters, digits, hyphens); a \
                     file is written {file: PATH}",
                );
                return None;
            }
            Value::Object(_) => {
                let object = walk.object(&path, item, &["file"])?;
                MaterialRef::RootPath(file(path_of_file(walk, &object, "a trust root")?))
            }
            other => {
                let kind = kind_of(other);
                walk.complain(
                    path,
                    format!("must be a name or {{file: PATH}}, not {kind}"),
                );
                return None;
            }
        };
        if roots.contains(&root) {
            walk.complain(path, "is named twice");
            return None;
        }
        roots.push(root);
    }
    Some(roots)
}

/// Reads where a key is.
pub(super) fn key(
    walk: &mut Walk<'_>,
    key: &Object<'_>,
    file: &dyn Fn(&str) -> String,
) -> Option<Source<PublicKey>> {
    if key.has("secretRef") || key.has("configMapRef") {
        return None;
    }
    match walk.one_of(
        key,
        &["pem", "file", "env"],
        "names no key; write one of pem, file, env",
    )? {
        "pem" => match PublicKey::from_pem(walk.string(key, "pem")?) {
            Ok(public) => Some(Source::Inline(public)),
            Err(error) => {
                walk.complain(key.path_of("pem"), error.to_string());
                None
            }
        },
        "file" => {
            let path = path_of_file(walk, key, "a key")?;
            Some(Source::Ref(MaterialRef::File(file(path))))
        }
        _ => Some(Source::Ref(MaterialRef::Env(variable(walk, key)?))),
    }
}

/// The roots of an authority of one's own. In reports they are called as the
/// authority is.
pub(super) fn certificates(
    walk: &mut Walk<'_>,
    certificate: &Object<'_>,
    name: &str,
    file: &dyn Fn(&str) -> String,
) -> Option<Source<Arc<TrustRoot>>> {
    let path = certificate.path_of("roots");
    let Some(value) = certificate.get("roots") else {
        walk.complain(path, "is missing; write one of pem, file, env");
        return None;
    };
    let roots = walk.object(&path, value, &["pem", "file", "env"])?;
    if roots.has("secretRef") || roots.has("configMapRef") {
        return None;
    }
    match walk.one_of(
        &roots,
        &["pem", "file", "env"],
        "names no certificates; write one of pem, file, env",
    )? {
        "pem" => match TrustRoot::from_certificates(name, walk.string(&roots, "pem")?) {
            Ok(root) => Some(Source::Inline(Arc::new(root))),
            Err(error) => {
                walk.complain(roots.path_of("pem"), error.to_string());
                None
            }
        },
        "file" => {
            let path = path_of_file(walk, &roots, "a certificate")?;
            Some(Source::Ref(MaterialRef::CertificatesFile(file(path))))
        }
        _ => {
            let variable = variable(walk, &roots)?;
            Some(Source::Ref(MaterialRef::CertificatesEnv(variable)))
        }
    }
}

fn path_of_file<'v>(walk: &mut Walk<'_>, object: &Object<'v>, what: &str) -> Option<&'v str> {
    if object.get("file").is_none() {
        walk.complain(object.path_of("file"), "is missing");
    }
    let path = walk.string(object, "file")?;
    // Every message about the file names it, so that a key pasted here would be
    // in all of them, and it may be the private one.
    if path.contains("-----BEGIN") || path.chars().any(char::is_control) {
        walk.complain(
            object.path_of("file"),
            format!("must be the path of a file; {what} itself does not belong here"),
        );
        return None;
    }
    Some(path)
}

fn variable(walk: &mut Walk<'_>, object: &Object<'_>) -> Option<String> {
    let name = walk.string(object, "env")?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !name.bytes().all(word) || name.as_bytes()[0].is_ascii_digit() {
        walk.complain(
            object.path_of("env"),
            "must be the name of an environment variable: letters, digits, underscores",
        );
        return None;
    }
    Some(name.to_owned())
}

/// When a key counts; `None` after a complaint.
pub(super) fn window(walk: &mut Walk<'_>, key: &Object<'_>) -> Option<Window> {
    let before = walk.complaints.len();
    let start = time(walk, key, "validFrom");
    let end = time(walk, key, "validUntil");
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        walk.complain(key.path_of("validUntil"), "is not after `validFrom`");
    }
    (walk.complaints.len() == before).then_some(Window { start, end })
}

fn time(walk: &mut Walk<'_>, object: &Object<'_>, field: &str) -> Option<Timestamp> {
    if object.has(field) && object.get(field).is_none() {
        walk.complain(object.path_of(field), "is null; remove it");
    }
    let text = walk.string(object, field)?;
    let time = text.parse().ok().filter(|_| is_rfc_3339(text));
    if time.is_none() {
        walk.complain(
            object.path_of(field),
            "must be a time with its zone as in RFC 3339, such as 2026-01-31T00:00:00Z",
        );
    }
    time
}

/// Whether `text` has the one form that every reader takes for the same moment.
fn is_rfc_3339(text: &str) -> bool {
    let (moment, zone) = match text.strip_suffix('Z') {
        Some(moment) => (moment, "+00:00"),
        None if text.len() > 6 && text.is_ascii() => text.split_at(text.len() - 6),
        None => return false,
    };
    let (moment, fraction) = moment.split_once('.').unwrap_or((moment, "0"));
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(b, s)| match s {
                b'0' => b.is_ascii_digit(),
                b'+' => matches!(b, b'+' | b'-'),
                _ => b == s,
            })
    };
    shaped(moment, "0000-00-00T00:00:00")
        && shaped(zone, "+00:00")
        && (1..=9).contains(&fraction.len())
        && fraction.bytes().all(|b| b.is_ascii_digit())
}
