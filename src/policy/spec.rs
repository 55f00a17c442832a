//! One `TrustPolicy` document, read field by field.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::fields::{Complaint, Object, Walk, kind_of};
use super::pattern::{ImagePattern, NamePattern};
use super::require;
use super::select::{Matcher, Requirement};
use super::{AttestationRequirement, Tags, condition, duration};
use crate::trust::{AuthorityMaterial, MaterialRef, PublicKey};
use crate::verdict::{Enforcement, PolicyName};

/// The one version of the document.
pub(super) const API_VERSION: &str = "floe.dev/v1";
/// How long evidence is used in an outage unless the policy says otherwise.
const KNOWN_GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// More authorities than any policy needs, and few enough to combine in every
/// way that a requirement may ask for.
const MAX_AUTHORITIES: usize = 32;

/// A document that was read without complaint.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: PolicyName,
    pub(super) matcher: Matcher,
    pub(super) enforcement: Enforcement,
    pub(super) tags: Tags,
    pub(super) authorities: Vec<(Arc<str>, KeySource)>,
    pub(super) requirement: Option<Requirement>,
    pub(super) attestations: Vec<AttestationRequirement>,
    pub(super) known_good_for: Duration,
}

/// Where an authority's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeySource {
    Inline(Arc<AuthorityMaterial>),
    Ref(MaterialRef),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Unverified,
    Verified,
    Attested,
}

/// Reads a document. `file` turns the path of a key file, as written, into the
/// one to open.
pub(super) fn read(value: &Value, file: &dyn Fn(&str) -> String) -> Result<Spec, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut walk = Walk {
        complaints: &mut complaints,
    };
    let spec = document(&mut walk, value, file);
    match spec {
        Some(spec) if complaints.is_empty() => Ok(spec),
        _ => Err(complaints),
    }
}

/// What a document that does not compile is about, if at least that can be
/// read.
pub(super) fn scope(value: &Value) -> Option<(PolicyName, Option<Matcher>)> {
    let name = value.pointer("/metadata/name")?.as_str()?;
    let mut complaints = Vec::new();
    let mut walk = Walk {
        complaints: &mut complaints,
    };
    let matcher = value
        .pointer("/spec/match")
        .filter(|value| !value.is_null())
        .and_then(|value| matcher(&mut walk, value));
    let matcher = matcher.filter(|_| complaints.is_empty());
    Some((
        PolicyName(name.chars().take(253).collect::<String>().into()),
        matcher,
    ))
}

fn document(walk: &mut Walk<'_>, value: &Value, file: &dyn Fn(&str) -> String) -> Option<Spec> {
    let root = walk.object("", value, &["apiVersion", "kind", "metadata", "spec"])?;
    match root.get("apiVersion").and_then(Value::as_str) {
        Some(API_VERSION) => {}
        _ => walk.complain("apiVersion", format!("must be {API_VERSION}")),
    }
    match root.get("kind").and_then(Value::as_str) {
        Some("TrustPolicy") => {}
        Some(kind @ ("PromotionPath" | "Exemption" | "Revocation")) => {
            walk.complain("kind", format!("{kind}: not supported yet; remove it"));
            return None;
        }
        _ => {
            walk.complain("kind", "must be TrustPolicy");
            return None;
        }
    }
    let name = name(walk, &root);
    let Some(spec) = root.get("spec") else {
        walk.complain("spec", "is missing");
        return None;
    };
    const KNOWN: &[&str] = &[
        "match",
        "enforcement",
        "level",
        "tags",
        "authorities",
        "require",
        "attestations",
        "transparencyLog",
        "timestamps",
        "outage",
    ];
    let spec = walk.object("spec", spec, KNOWN)?;
    let matcher = match spec.get("match") {
        Some(value) => matcher(walk, value),
        None => {
            walk.complain(
                "spec.match",
                "is missing; write `match: {}` for a policy about everything",
            );
            None
        }
    };
    let enforcement = walk.choice(
        &spec,
        "enforcement",
        &[
            ("enforce", Enforcement::Enforce),
            ("warn", Enforcement::Warn),
            ("off", Enforcement::Off),
        ],
    );
    let levels = [
        ("unverified", Level::Unverified),
        ("verified", Level::Verified),
        ("attested", Level::Attested),
    ];
    let level = match spec.get("level") {
        None => Some(Level::Verified),
        Some(_) => walk.choice(&spec, "level", &levels),
    };
    walk.choice(&spec, "tags", &[("deny", ())]);
    walk.choice(&spec, "transparencyLog", &[("none", ())]);
    walk.choice(&spec, "timestamps", &[("none", ())]);
    let authorities = authorities(walk, &spec, file);
    let attestations = attestations(walk, &spec, level, &authorities);
    let requirement = requirement(walk, &spec, level, &authorities, &attestations);
    let known_good_for = outage(walk, &spec);
    Some(Spec {
        name: name?,
        matcher: matcher?,
        enforcement: enforcement.unwrap_or_default(),
        tags: Tags::Deny,
        authorities: authorities
            .into_iter()
            .map(|(name, source)| Some((name, source?)))
            .collect::<Option<_>>()?,
        requirement,
        attestations,
        known_good_for,
    })
}

fn name(walk: &mut Walk<'_>, root: &Object<'_>) -> Option<PolicyName> {
    let Some(metadata) = root.get("metadata") else {
        walk.complain("metadata.name", "is missing");
        return None;
    };
    let metadata = walk.object("metadata", metadata, &["name", "labels", "annotations"])?;
    for field in ["labels", "annotations"] {
        let Some(value) = metadata.get(field) else {
            continue;
        };
        let strings = value
            .as_object()
            .is_some_and(|map| map.values().all(Value::is_string));
        if !strings {
            walk.complain(metadata.path_of(field), "must be an object of strings");
        }
    }
    if metadata.get("name").is_none() {
        walk.complain("metadata.name", "is missing");
    }
    let name = walk.string(&metadata, "name")?;
    let legal = name.len() <= 253 && name.split('.').all(is_dns_label);
    if !legal {
        walk.complain(
            "metadata.name",
            "must be a DNS name: lower-case letters, digits, hyphens and dots, at most 253",
        );
        return None;
    }
    Some(PolicyName(name.into()))
}

/// Whether Kubernetes would take `text` as one label of a DNS name.
pub(super) fn is_dns_label(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| word(b) || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn matcher(walk: &mut Walk<'_>, value: &Value) -> Option<Matcher> {
    const NOTHING: &str = "an empty list matches nothing; remove it to match everything";
    let object = walk.object("spec.match", value, &["images", "channels", "namespaces"])?;
    let images = strings(walk, &object, "images", NOTHING, |text| {
        ImagePattern::parse(text).map_err(|error| error.to_string())
    });
    let channels = strings(walk, &object, "channels", NOTHING, |text| {
        if is_dns_label(text) {
            Ok(Arc::from(text))
        } else {
            Err("is not the name of a channel; use lower-case letters, digits, hyphens".to_owned())
        }
    });
    let mut namespaces = Vec::new();
    if let Some(value) = object.get("namespaces") {
        let path = object.path_of("namespaces");
        if let Some(object) = walk.object(&path, value, &["names"]) {
            if !object.has("names") && !object.has("selector") {
                walk.complain(
                    &path,
                    "names no namespace; write `names`, or remove it to match every namespace",
                );
            }
            namespaces = strings(walk, &object, "names", NOTHING, |text| {
                NamePattern::parse(text).map_err(|error| error.to_string())
            });
        }
    }
    for field in ["images", "channels", "namespaces"] {
        if object.has(field) && object.get(field).is_none() {
            walk.complain(
                object.path_of(field),
                "is null; remove it to match everything",
            );
        }
    }
    Some(Matcher {
        images,
        channels,
        namespaces,
    })
}

fn strings<T>(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    field: &str,
    if_empty: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut all = Vec::new();
    for (index, item) in walk
        .list(object, field, if_empty)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let path = format!("{}[{index}]", object.path_of(field));
        match item.as_str() {
            None => walk.complain(path, format!("must be a string, not {}", kind_of(item))),
            Some(text) => match read(text) {
                Ok(value) => all.push(value),
                Err(message) => walk.complain(path, message),
            },
        }
    }
    all
}

/// The authorities in order; `None` for one whose key cannot be read, so that
/// its name is still known to `require`.
fn authorities(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    file: &dyn Fn(&str) -> String,
) -> Vec<(Arc<str>, Option<KeySource>)> {
    const KNOWN: &[&str] = &["name", "key"];
    let why = "is empty; remove it, or name whom you trust";
    let mut all: Vec<(Arc<str>, Option<KeySource>)> = Vec::new();
    let items = walk.list(spec, "authorities", why).unwrap_or_default();
    if items.len() > MAX_AUTHORITIES {
        walk.complain(
            "spec.authorities",
            format!("at most {MAX_AUTHORITIES} authorities; split the policy"),
        );
        return all;
    }
    for (index, item) in items.iter().enumerate() {
        let path = format!("spec.authorities[{index}]");
        let Some(object) = walk.object(&path, item, KNOWN) else {
            continue;
        };
        let source = key(walk, &object, file);
        if object.get("name").is_none() {
            walk.complain(object.path_of("name"), "is missing");
        }
        let Some(name) = walk.string(&object, "name") else {
            continue;
        };
        if !is_dns_label(name) {
            walk.complain(
                object.path_of("name"),
                "must be lower-case letters, digits and hyphens, at most 63",
            );
        }
        if let Some(KeySource::Inline(_)) = &source
            && let Some((other, _)) = all.iter().find(|(_, known)| *known == source)
        {
            // One key under two names looks like two people. For files and
            // variables that is known only when they are read.
            walk.complain(
                object.path_of("key"),
                format!("is the key of authority `{other}` too; name each key once"),
            );
        }
        if all.iter().any(|(other, _)| **other == *name) {
            walk.complain(object.path_of("name"), format!("duplicate name `{name}`"));
            continue;
        }
        all.push((name.into(), source));
    }
    all
}

fn key(
    walk: &mut Walk<'_>,
    authority: &Object<'_>,
    file: &dyn Fn(&str) -> String,
) -> Option<KeySource> {
    let Some(value) = authority.get("key") else {
        if !authority.has("keyless") && !authority.has("certificate") {
            walk.complain(authority.path_of("key"), "is missing");
        }
        return None;
    };
    let path = authority.path_of("key");
    let key = walk.object(&path, value, &["pem", "file", "env"])?;
    let written: Vec<_> = ["pem", "file", "env"]
        .into_iter()
        .filter(|field| key.has(field))
        .collect();
    match written[..] {
        ["pem"] => match PublicKey::from_pem(walk.string(&key, "pem")?) {
            Ok(public) => Some(KeySource::Inline(Arc::new(AuthorityMaterial::key(public)))),
            Err(error) => {
                walk.complain(key.path_of("pem"), error.to_string());
                None
            }
        },
        ["file"] => {
            let path = walk.string(&key, "file")?;
            // Every message about the file names it, so that a key pasted here
            // would be in all of them, and it may be the private one.
            if path.contains("-----BEGIN") || path.chars().any(char::is_control) {
                walk.complain(
                    key.path_of("file"),
                    "must be the path of a file; a key itself is written under `pem`",
                );
                return None;
            }
            Some(KeySource::Ref(MaterialRef::File(file(path))))
        }
        ["env"] => {
            let name = walk.string(&key, "env")?;
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if !name.bytes().all(word) || name.as_bytes()[0].is_ascii_digit() {
                walk.complain(
                    key.path_of("env"),
                    "must be the name of an environment variable: letters, digits, underscores",
                );
                return None;
            }
            Some(KeySource::Ref(MaterialRef::Env(name.to_owned())))
        }
        [] => {
            if !key.has("secretRef") && !key.has("configMapRef") {
                walk.complain(path, "names no key; write one of pem, file, env");
            }
            None
        }
        _ => {
            walk.complain(path, format!("write only one of {}", written.join(", ")));
            None
        }
    }
}

/// The attestations that level `attested` demands. Under a lower level they
/// would look like a demand and be none.
fn attestations(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    level: Option<Level>,
    authorities: &[(Arc<str>, Option<KeySource>)],
) -> Vec<AttestationRequirement> {
    let names: Vec<&str> = authorities.iter().map(|(name, _)| &**name).collect();
    let read = condition::read(walk, spec, &names);
    let path = spec.path_of("attestations");
    match level {
        Some(Level::Attested) if !spec.has("attestations") => walk.complain(
            path,
            "level `attested` needs attestations; name one, or write `level: verified`",
        ),
        Some(Level::Unverified | Level::Verified) if spec.has("attestations") => walk.complain(
            path,
            "only level `attested` looks at attestations; write that level, or remove this",
        ),
        _ => {}
    }
    read
}

fn requirement(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    level: Option<Level>,
    authorities: &[(Arc<str>, Option<KeySource>)],
    attestations: &[AttestationRequirement],
) -> Option<Requirement> {
    let listed = spec.get("authorities").is_some();
    match level? {
        Level::Unverified => {
            for field in ["authorities", "require"] {
                if spec.has(field) {
                    walk.complain(
                        spec.path_of(field),
                        "level `unverified` checks no signature; remove this or the level",
                    );
                }
            }
            None
        }
        Level::Verified | Level::Attested if !listed => {
            walk.complain(
                "spec.authorities",
                "levels `verified` and `attested` need authorities; name one, or write `level: unverified` \
                 to demand a digest only",
            );
            None
        }
        Level::Verified | Level::Attested => {
            let names: Vec<&str> = authorities.iter().map(|(name, _)| &**name).collect();
            match spec.get("require") {
                Some(value) => {
                    let attests = |at: usize| attestations.iter().any(|a| a.by.contains(&at));
                    require::read(walk, value, &names, &attests)
                }
                None if spec.has("require") => {
                    walk.complain("spec.require", "is null; remove it to accept any authority");
                    None
                }
                None => Some(require::any_of_all(names.len())),
            }
        }
    }
}

fn outage(walk: &mut Walk<'_>, spec: &Object<'_>) -> Duration {
    let parse = |walk: &mut Walk<'_>| {
        let object = walk.object("spec.outage", spec.get("outage")?, &["knownGoodFor"])?;
        let text = walk.string(&object, "knownGoodFor")?;
        match duration::parse(text) {
            Ok(length) => Some(length),
            Err(message) => {
                walk.complain(object.path_of("knownGoodFor"), message);
                None
            }
        }
    };
    parse(walk).unwrap_or(KNOWN_GOOD_FOR)
}
