//! Identity rules as documents write them.

use std::sync::Arc;

use serde_json::Value;

use super::workflow::{File, Forge, Workflow};
use super::{IdentityRule, SubjectRule, TextRule};
use crate::policy::fields::{Object, Walk, kind_of};
use crate::policy::text::{TextError, TextPattern};

/// Who signs tokens for GitHub Actions on github.com.
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Who signs tokens for GitLab CI on gitlab.com.
const GITLAB_ISSUER: &str = "https://gitlab.com";
/// The longest exact text: nothing longer is a name.
const MAX_EXACT: usize = 2048;
/// Where GitHub reads workflows.
const GITHUB_WORKFLOWS: &str = ".github/workflows/";

/// Reads `keyless` of an authority.
pub(in crate::policy) fn keyless(
    walk: &mut Walk<'_>,
    keyless: &Object<'_>,
) -> Option<IdentityRule> {
    let which = walk.one_of(
        keyless,
        &["subject", "subjectPattern", "github", "gitlab"],
        "accepts anybody; write one of subject, subjectPattern, github, gitlab",
    )?;
    let (issuer, subject) = match which {
        "github" | "gitlab" => {
            let forge = if which == "github" {
                Forge::GitHub
            } else {
                Forge::GitLab
            };
            if keyless.has("issuerPattern") {
                walk.complain(
                    keyless.path_of("issuerPattern"),
                    format!("{which} has one issuer; write it as `issuer`, or leave it out"),
                );
            }
            let issuer = if keyless.has("issuer") {
                text(walk, keyless, "issuer", "issuerPattern")
            } else {
                Some(TextRule::Exact(forge.issuer().into()))
            };
            let path = keyless.path_of(which);
            let workflow = workflow(walk, &path, keyless.get(which)?, forge, keyless);
            let subject = workflow.map(|workflow| SubjectRule::Workflow(Arc::new(workflow)));
            (issuer, subject)
        }
        _ => {
            let issuer = walk
                .one_of(
                    keyless,
                    &["issuer", "issuerPattern"],
                    "accepts tokens of any issuer; write issuer or issuerPattern",
                )
                .and_then(|field| text(walk, keyless, field, "issuerPattern"));
            let subject = text(walk, keyless, which, "subjectPattern").map(SubjectRule::Name);
            (issuer, subject)
        }
    };
    Some(IdentityRule {
        issuer: Some(issuer?),
        subject: subject?,
    })
}

/// Reads whom the `certificate` of an authority must name.
pub(in crate::policy) fn certificate(
    walk: &mut Walk<'_>,
    certificate: &Object<'_>,
) -> Option<IdentityRule> {
    let which = walk.one_of(
        certificate,
        &["subject", "subjectPattern"],
        "accepts every certificate of these authorities; write subject or subjectPattern",
    )?;
    let subject = text(walk, certificate, which, "subjectPattern")?;
    Some(IdentityRule {
        issuer: None,
        subject: SubjectRule::Name(subject),
    })
}

/// A field that is exact, or a pattern if its name ends so. `pattern` is what to
/// write in place of an exact text with a wildcard.
fn text(walk: &mut Walk<'_>, object: &Object<'_>, field: &str, pattern: &str) -> Option<TextRule> {
    let text = walk.string(object, field)?;
    let wrong = |walk: &mut Walk<'_>, message: String| {
        walk.complain(object.path_of(field), message);
        None
    };
    if field.ends_with("Pattern") {
        return match TextPattern::name(text) {
            Ok(pattern) => Some(TextRule::Pattern(pattern)),
            Err(error) => wrong(walk, error.to_string()),
        };
    }
    if text.contains('*') {
        return wrong(
            walk,
            format!("is compared as it stands; for `*` write {pattern}"),
        );
    }
    if text.len() > MAX_EXACT || text.chars().any(char::is_control) {
        return wrong(
            walk,
            format!("must be at most {MAX_EXACT} characters without control characters"),
        );
    }
    Some(TextRule::Exact(text.into()))
}

impl Forge {
    const fn issuer(self) -> &'static str {
        match self {
            Self::GitHub => GITHUB_ISSUER,
            Self::GitLab => GITLAB_ISSUER,
        }
    }

    const fn base(self) -> &'static str {
        match self {
            Self::GitHub => "https://github.com/",
            Self::GitLab => "https://gitlab.com/",
        }
    }

    const fn runners(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::GitHub => &[
                ("github-hosted", "github-hosted"),
                ("self-hosted", "self-hosted"),
            ],
            Self::GitLab => &[
                ("gitlab-hosted", "gitlab-hosted"),
                ("self-hosted", "self-hosted"),
            ],
        }
    }
}

fn workflow(
    walk: &mut Walk<'_>,
    path: &str,
    value: &Value,
    forge: Forge,
    keyless: &Object<'_>,
) -> Option<Workflow> {
    const KNOWN: &[&str] = &[
        "repository",
        "workflow",
        "ref",
        "triggers",
        "runner",
        "repositoryId",
        "ownerId",
    ];
    let object = walk.object(path, value, KNOWN)?;
    for (field, why) in [
        ("repository", "which repository is built?"),
        ("workflow", "any workflow of the repository could sign"),
        ("ref", "any branch could sign"),
    ] {
        if object.get(field).is_none() {
            walk.complain(object.path_of(field), format!("is missing: {why}"));
        }
    }
    let repository = repository(walk, &object, forge, keyless);
    let file = file(walk, &object, forge);
    let reference = walk
        .string(&object, "ref")
        .and_then(|text| told(walk, &object, "ref", TextPattern::git_ref(text)));
    let triggers = walk.strings(
        &object,
        "triggers",
        "accepts no run; remove it to accept all but those of pull requests",
        |text| {
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            if !text.is_empty() && text.len() <= 64 && text.bytes().all(word) {
                Ok(text.into())
            } else {
                Err("is no trigger; they are words such as push or workflow_dispatch".to_owned())
            }
        },
    );
    let runner = walk.choice(&object, "runner", forge.runners());
    let repository_id = number(walk, &object, "repositoryId");
    let owner_id = number(walk, &object, "ownerId");
    let (base, repository) = repository?;
    Some(Workflow {
        forge,
        base,
        repository,
        file: file?,
        reference: reference?,
        triggers,
        runner: runner.map(Into::into),
        repository_id,
        owner_id,
    })
}

/// `OWNER/NAME`, or a URL for another instance than that of the default issuer.
fn repository(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    forge: Forge,
    keyless: &Object<'_>,
) -> Option<(Arc<str>, TextPattern)> {
    let text = walk.string(object, "repository")?;
    let wrong = |walk: &mut Walk<'_>, message: &str| {
        walk.complain(object.path_of("repository"), message);
        None
    };
    let (base, name) = match text.split_once("://") {
        None => (Arc::from(forge.base()), text),
        Some((scheme, rest)) => {
            let (host, name) = match rest.split_once('/') {
                Some((host, name)) if scheme == "https" && is_host(host) => (host, name),
                _ => return wrong(walk, "must be OWNER/NAME, or https://HOST/OWNER/NAME"),
            };
            let base = format!("https://{host}/");
            if base != forge.base() && !keyless.has("issuer") {
                return wrong(walk, "is at another instance; write its `issuer` beside it");
            }
            (base.into(), name)
        }
    };
    let pattern = told(walk, object, "repository", TextPattern::path(name))?;
    let segments: Vec<_> = name.split('/').collect();
    let count = match forge {
        Forge::GitHub => segments.len() == 2,
        Forge::GitLab => segments.len() >= 2,
    };
    if !count {
        return wrong(
            walk,
            match forge {
                Forge::GitHub => "must be OWNER/NAME",
                Forge::GitLab => "must be GROUP/PROJECT, with the groups between them",
            },
        );
    }
    if segments[0].contains('*') {
        return wrong(
            walk,
            "must write its owner out: names like that of an owner are free for anybody",
        );
    }
    Some((base, pattern))
}

fn is_host(host: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:".contains(&b);
    !host.is_empty() && host.bytes().all(legal)
}

/// A path in the repository that is built, or a file of another repository with
/// the ref at which it is used.
fn file(walk: &mut Walk<'_>, object: &Object<'_>, forge: Forge) -> Option<File> {
    let text = walk.string(object, "workflow")?;
    let wrong = |walk: &mut Walk<'_>, message: &str| {
        walk.complain(object.path_of("workflow"), message);
        None
    };
    let (place, reference) = match text.split_once('@') {
        Some((place, reference)) => (place, Some(reference)),
        None => (text, None),
    };
    let (repository, path) = match forge {
        Forge::GitHub if place.starts_with(GITHUB_WORKFLOWS) => (None, place),
        Forge::GitHub => match place.split_once("/.github/workflows/") {
            Some((repository, file)) if repository.split('/').count() == 2 => (
                Some(repository),
                &place[place.len() - file.len() - GITHUB_WORKFLOWS.len()..],
            ),
            _ => {
                return wrong(
                    walk,
                    "must be the path of the file, .github/workflows/FILE, not the workflow's \
                     display name; a reusable one is written \
                     OWNER/NAME/.github/workflows/FILE@refs/…",
                );
            }
        },
        Forge::GitLab => match place.split_once("//") {
            Some((project, path)) => (Some(project), path),
            None => (None, place),
        },
    };
    let elsewhere = match (repository, reference) {
        (None, None) => None,
        (None, Some(_)) => {
            return wrong(walk, "has no ref of its own; the ref is written as `ref`");
        }
        (Some(_), None) => {
            return wrong(
                walk,
                "is a file of another repository; add the ref at which it is used: FILE@refs/…",
            );
        }
        (Some(repository), Some(reference)) => {
            if repository.contains('*') {
                return wrong(walk, "must write the other repository out");
            }
            let repository = told(walk, object, "workflow", TextPattern::path(repository))?;
            let reference = told(walk, object, "workflow", TextPattern::git_ref(reference))?;
            Some((repository, reference))
        }
    };
    let path = told(walk, object, "workflow", TextPattern::path(path))?;
    Some(File { elsewhere, path })
}

/// A number, which YAML may give as one or as text.
fn number(walk: &mut Walk<'_>, object: &Object<'_>, field: &str) -> Option<Box<str>> {
    let value = object.get(field)?;
    let digits =
        |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match value {
        Value::Number(number) if number.is_u64() => Some(number.to_string().into()),
        Value::String(text) if digits(text) => Some(text.as_str().into()),
        other => {
            let message = format!("must be a whole number, not {}", kind_of(other));
            walk.complain(object.path_of(field), message);
            None
        }
    }
}

fn told(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    field: &str,
    pattern: Result<TextPattern, TextError>,
) -> Option<TextPattern> {
    match pattern {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            walk.complain(object.path_of(field), error.to_string());
            None
        }
    }
}
