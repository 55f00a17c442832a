//! Reading `attestations` of a document.

use super::{Age, AttestationRequirement, Conditions};
use crate::evidence::{PredicateFamily, Severity};
use crate::policy::duration;
use crate::policy::fields::{Object, Walk, kind_of};
use crate::policy::text::TextPattern;

/// More requirements than any policy needs.
const MAX_REQUIREMENTS: usize = 32;
/// Longest type of a predicate; types are URIs.
const MAX_TYPE: usize = 256;
/// More levels of a verification summary than there are tracks.
const MAX_LEVELS: usize = 16;

/// The fields that need certain predicates, with what has them.
const TYPED: &[(&str, PredicateFamily, &str)] = &[
    ("builder", PredicateFamily::Provenance, "SLSA provenance"),
    ("buildType", PredicateFamily::Provenance, "SLSA provenance"),
    (
        "sourceRepository",
        PredicateFamily::Provenance,
        "SLSA provenance",
    ),
    (
        "maxSeverity",
        PredicateFamily::Vulnerabilities,
        "a vulnerability scan",
    ),
    (
        "verifier",
        PredicateFamily::VerificationSummary,
        "an SLSA verification summary",
    ),
    (
        "resource",
        PredicateFamily::VerificationSummary,
        "an SLSA verification summary",
    ),
    (
        "levels",
        PredicateFamily::VerificationSummary,
        "an SLSA verification summary",
    ),
];

/// The fields of a requirement.
pub(super) const KNOWN: &[&str] = &[
    "predicateType",
    "by",
    "builder",
    "buildType",
    "sourceRepository",
    "maxSeverity",
    "verifier",
    "resource",
    "levels",
    "maxAge",
    "cel",
];

/// Reads `spec.attestations`; `authorities` are the names that `by` may have.
/// Whether the level of the policy allows any is not looked at here.
pub(in crate::policy) fn read(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    authorities: &[&str],
) -> Vec<AttestationRequirement> {
    if spec.has("attestations") && spec.get("attestations").is_none() {
        walk.complain(spec.path_of("attestations"), "is null; remove it");
    }
    let why = "is empty; remove it, or name what must be attested";
    let items = walk.list(spec, "attestations", why).unwrap_or_default();
    if items.len() > MAX_REQUIREMENTS {
        walk.complain(
            spec.path_of("attestations"),
            format!("at most {MAX_REQUIREMENTS} attestations; split the policy"),
        );
        return Vec::new();
    }
    let mut all = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", spec.path_of("attestations"));
        if let Some(object) = walk.object(&path, item, KNOWN) {
            all.extend(requirement(walk, &object, authorities));
        }
    }
    all
}

fn requirement(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    authorities: &[&str],
) -> Option<AttestationRequirement> {
    for field in KNOWN {
        // To leave a condition open is to leave it out.
        if object.has(field) && object.get(field).is_none() {
            walk.complain(object.path_of(field), "is null; remove it");
        }
    }
    let predicate_type = predicate_type(walk, object);
    let by = by(walk, object, authorities);
    let family = predicate_type.map(PredicateFamily::of);
    if let Some(family) = family {
        for (field, needed, what) in TYPED {
            if object.has(field) && *needed != family {
                let message = format!("this predicate type has no such field; {what} has");
                walk.complain(object.path_of(field), message);
            }
        }
    }
    let mut pattern = |field| name_pattern(walk, object, field);
    let conditions = Conditions {
        builder: pattern("builder"),
        build_type: pattern("buildType"),
        verifier: pattern("verifier"),
        resource: pattern("resource"),
        source_repository: source_repository(walk, object),
        max_severity: walk.choice(
            object,
            "maxSeverity",
            &Severity::ALL.map(|severity| (severity.as_str(), severity)),
        ),
        levels: levels(walk, object),
        max_age: max_age(walk, object),
        #[cfg(feature = "cel")]
        cel: crate::policy::cel::read(walk, object),
    };
    #[cfg(not(feature = "cel"))]
    if object.has("cel") {
        walk.complain(
            object.path_of("cel"),
            "this build of floe evaluates no expressions; remove it",
        );
    }
    Some(AttestationRequirement {
        predicate_type: predicate_type?.into(),
        by,
        conditions,
    })
}

fn predicate_type<'v>(walk: &mut Walk<'_>, object: &Object<'v>) -> Option<&'v str> {
    /// What cosign calls the types on its command line.
    const SHORT: &[(&str, &str)] = &[
        ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
        ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
        ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
        ("spdx", "https://spdx.dev/Document"),
        ("spdxjson", "https://spdx.dev/Document"),
        ("cyclonedx", "https://cyclonedx.org/bom"),
        ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
        ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ];
    let path = object.path_of("predicateType");
    if !object.has("predicateType") {
        walk.complain(path, "is missing");
        return None;
    }
    let text = walk.string(object, "predicateType")?;
    if let Some((_, full)) = SHORT.iter().find(|(short, _)| *short == text) {
        walk.complain(path, format!("write the whole type: {full}"));
        return None;
    }
    if text.len() > MAX_TYPE || !text.contains(':') || !text.bytes().all(|b| b.is_ascii_graphic()) {
        walk.complain(
            path,
            format!("must be the URI of a type, at most {MAX_TYPE} printable characters"),
        );
        return None;
    }
    if text.contains('*') {
        walk.complain(path, "is compared byte for byte and has no wildcards");
        return None;
    }
    Some(text)
}

fn by(walk: &mut Walk<'_>, object: &Object<'_>, authorities: &[&str]) -> Vec<usize> {
    let path = object.path_of("by");
    if !object.has("by") {
        walk.complain(
            path,
            "is missing; name the authorities that may attest this",
        );
        return Vec::new();
    }
    let why = "is empty; name the authorities that may attest this";
    let mut by = Vec::new();
    for (index, item) in walk
        .list(object, "by", why)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let path = format!("{path}[{index}]");
        let Some(name) = item.as_str() else {
            let message = format!("must be the name of an authority, not {}", kind_of(item));
            walk.complain(path, message);
            continue;
        };
        match authorities.iter().position(|known| *known == name) {
            None => {
                let name: String = name.chars().take(80).collect();
                walk.complain(path, format!("unknown authority `{name}`"));
            }
            Some(at) if by.contains(&at) => {
                walk.complain(path, format!("authority `{name}` is named twice"));
            }
            Some(at) => by.push(at),
        }
    }
    by
}

fn name_pattern(walk: &mut Walk<'_>, object: &Object<'_>, field: &str) -> Option<TextPattern> {
    match TextPattern::name(walk.string(object, field)?) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            walk.complain(object.path_of(field), error.to_string());
            None
        }
    }
}

/// Repositories are compared in one spelling, and the policy has to use it: a
/// pattern that can never match would deny everything and say nothing.
fn source_repository(walk: &mut Walk<'_>, object: &Object<'_>) -> Option<TextPattern> {
    let pattern = name_pattern(walk, object, "sourceRepository")?;
    let text = &**pattern.as_str();
    let normal = text.split_once("://").is_some_and(|(scheme, rest)| {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let lower = !scheme
            .bytes()
            .chain(host.bytes())
            .any(|b| b.is_ascii_uppercase());
        lower
            && !scheme.starts_with("git+")
            && !path.is_empty()
            && !path.ends_with('/')
            && !path.ends_with(".git")
            && !path.contains(['@', '#'])
    });
    if normal {
        Some(pattern)
    } else {
        walk.complain(
            object.path_of("sourceRepository"),
            "write the repository as https://HOST/PATH, the host in lower case, without `git+`, \
             `.git`, a ref or a final slash",
        );
        None
    }
}

fn levels(walk: &mut Walk<'_>, object: &Object<'_>) -> Vec<Box<str>> {
    let path = object.path_of("levels");
    let why = "is empty; remove it, or name a level such as SLSA_BUILD_LEVEL_3";
    let items = walk.list(object, "levels", why).unwrap_or_default();
    if items.len() > MAX_LEVELS {
        walk.complain(&path, format!("at most {MAX_LEVELS} levels"));
    }
    let mut levels: Vec<Box<str>> = Vec::new();
    for (index, item) in items.iter().take(MAX_LEVELS).enumerate() {
        let legal = |text: &&str| {
            (1..=MAX_TYPE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        match item.as_str().filter(legal) {
            Some(level) => levels.push(level.into()),
            None => walk.complain(
                format!("{path}[{index}]"),
                "must be the name of a level, such as SLSA_BUILD_LEVEL_3",
            ),
        }
    }
    levels
}

fn max_age(walk: &mut Walk<'_>, object: &Object<'_>) -> Option<Age> {
    let written = walk.string(object, "maxAge")?;
    match duration::parse_age(written) {
        Ok(length) => Some(Age {
            written: written.into(),
            length,
        }),
        Err(message) => {
            walk.complain(object.path_of("maxAge"), message);
            None
        }
    }
}
