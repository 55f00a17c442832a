//! SLSA provenance: who built it, how, and from which repository.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::super::json::{JsonError, Object};
use super::{optional_object, text, time};

/// The fields of provenance that conditions look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// `builder.id`: who has built.
    pub builder: Option<Box<str>>,
    /// `buildType`: how, which says what the parameters mean.
    pub build_type: Option<Box<str>>,
    /// Every repository that the parameters of the build name as its source,
    /// each in one spelling: `https://github.com/acme/app`. Dependencies are
    /// not among them.
    pub sources: Vec<Box<str>>,
    /// When the build ended, by the builder's own word.
    pub finished: Option<Timestamp>,
}

impl Provenance {
    /// Follows `https://slsa.dev/provenance/v0.2`. The source is
    /// `invocation.configSource`.
    pub(super) fn parse_v0_2(source: &str) -> Result<Self, JsonError> {
        let object = Object::parse(
            "predicate",
            source,
            &[
                "builder",
                "buildType",
                "invocation",
                "metadata",
                "materials",
            ],
        )?;
        let mut sources = Vec::new();
        if let Some(invocation) = optional_object(&object, "invocation", &["configSource"])?
            && let Some(config) = optional_object(&invocation, "configSource", &["uri"])?
        {
            sources.extend(text(&config, "uri")?);
        }
        check_dependencies(&object, "materials")?;
        Ok(Self {
            builder: builder(&object)?,
            build_type: text(&object, "buildType")?,
            sources: normal(sources),
            finished: finished(&object, "buildFinishedOn")?,
        })
    }

    /// Follows `https://slsa.dev/provenance/v1`. What the parameters mean is
    /// the build type's business; those that name a source are read under the
    /// names that GitHub, GitLab, Google Cloud Build, BuildKit and the SLSA
    /// generators give them.
    ///
    /// cosign 2 writes the predicate anew, with `invocationID` where the
    /// specification has `invocationId`; neither is read.
    pub(super) fn parse_v1(source: &str) -> Result<Self, JsonError> {
        let object = Object::parse("predicate", source, &["buildDefinition", "runDetails"])?;
        let mut found = Self::default();
        if let Some(definition) = optional_object(
            &object,
            "buildDefinition",
            &["buildType", "externalParameters", "resolvedDependencies"],
        )? {
            found.build_type = text(&definition, "buildType")?;
            if let Some(parameters) = optional_object(
                &definition,
                "externalParameters",
                &["workflow", "source", "configSource", "buildConfigSource"],
            )? {
                found.sources = normal(sources(&parameters)?);
            }
            check_dependencies(&definition, "resolvedDependencies")?;
        }
        if let Some(details) = optional_object(&object, "runDetails", &["builder", "metadata"])? {
            found.builder = builder(&details)?;
            found.finished = finished(&details, "finishedOn")?;
        }
        Ok(found)
    }

    pub(super) fn weight(&self) -> usize {
        let texts = self.builder.iter().chain(&self.build_type);
        texts.chain(&self.sources).map(|text| text.len() + 16).sum()
    }
}

fn builder(object: &Object<'_>) -> Result<Option<Box<str>>, JsonError> {
    match optional_object(object, "builder", &["id"])? {
        Some(builder) => text(&builder, "id"),
        None => Ok(None),
    }
}

fn finished(object: &Object<'_>, key: &str) -> Result<Option<Timestamp>, JsonError> {
    match optional_object(object, "metadata", &[key])? {
        Some(metadata) => time(&metadata, key),
        None => Ok(None),
    }
}

/// The sources that external parameters name. One that is there in a form that
/// nobody knows is refused: with two sources, the readable one alone must not
/// speak for both.
fn sources(parameters: &Object<'_>) -> Result<Vec<Box<str>>, JsonError> {
    let mut found = Vec::new();
    for (key, field) in [
        ("workflow", "repository"),
        ("source", "uri"),
        ("configSource", "uri"),
        ("buildConfigSource", "repository"),
    ] {
        let Some(value) = parameters.get(key) else {
            continue;
        };
        if is_string(value) {
            found.extend(text(parameters, key)?);
        } else if let Some(object) = optional_object(parameters, key, &[field])? {
            found.extend(text(&object, field)?);
        }
    }
    Ok(found)
}

fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// Dependencies are not judged; that they are a list of objects with textual
/// URIs belongs to the format.
fn check_dependencies(object: &Object<'_>, key: &str) -> Result<(), JsonError> {
    for value in object.list(key)? {
        let dependency = Object::parse("a dependency of the predicate", value.get(), &["uri"])?;
        dependency.optional_string("uri")?;
    }
    Ok(())
}

fn normal(sources: Vec<Box<str>>) -> Vec<Box<str>> {
    let mut sources: Vec<Box<str>> = sources.iter().map(|uri| repository(uri)).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// A repository in one spelling: without the `git+` of package URLs, without
/// the ref that follows `@` or `#`, without `.git` and a final slash, its host
/// in lower case. What follows `@` or `#` and is no ref may be a part of the
/// path, which names another repository then: such a text stays as it is, and no
/// pattern for the repository before the `@` matches it.
fn repository(uri: &str) -> Box<str> {
    let whole = uri;
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    let Some((scheme, rest)) = uri.split_once("://") else {
        return whole.into();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // An `@` in the host parts a user from it and stays: it is no ref.
    let path = match path.find(['@', '#']) {
        None => path,
        Some(end) => {
            let after = &path[end + 1..];
            let is_ref = match path.as_bytes()[end] {
                b'#' => is_fragment(after),
                _ => is_ref(after),
            };
            if !is_ref {
                return whole.into();
            }
            &path[..end]
        }
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    format!("{scheme}://{host}/{path}").into()
}

/// Whether a text behind `@` can only be a ref: legal for git
/// (git-check-ref-format), without `%`, `?` and `\`, which have a meaning in
/// paths, and not the end of another repository's path.
fn is_ref(text: &str) -> bool {
    const BARRED: &[char] = &['%', '?', '\\', '~', '^', ':', '[', '*', '#'];
    text.split('/')
        .all(|s| !s.is_empty() && !s.starts_with('.') && !s.ends_with('.') && !s.ends_with(".lock"))
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(|c: char| BARRED.contains(&c) || c.is_whitespace() || c.is_control())
        && !text.ends_with(".git")
        // Tags such as `@scope/package@1.0.0` are common. Without `refs/` before
        // it, what another `@` ends may as well be a path.
        && (text.starts_with("refs/") || !text.contains('@'))
}

/// Whether a text behind `#` is a ref, with or without the folder that BuildKit
/// writes behind a colon.
fn is_fragment(text: &str) -> bool {
    match text.split_once(':') {
        None => is_ref(text),
        Some((name, folder)) => (name.is_empty() || is_ref(name)) && is_ref(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::predicate::tests::unreadable;
    use crate::evidence::predicate::{Predicate, PredicateKind};

    const V0_2: &str = "https://slsa.dev/provenance/v0.2";
    const V1: &str = "https://slsa.dev/provenance/v1";
    const APP: &str = "https://github.com/acme/app";

    fn provenance(predicate_type: &str, text: &str) -> Provenance {
        match Predicate::parse(predicate_type, text).kind {
            PredicateKind::Provenance(provenance) => provenance,
            other => panic!("{other:?}"),
        }
    }

    fn sources_of(parameters: &str) -> Vec<Box<str>> {
        let text = format!(r#"{{"buildDefinition":{{"externalParameters":{parameters}}}}}"#);
        provenance(V1, &text).sources
    }

    #[test]
    fn version_1_is_read_as_the_tools_write_it() {
        // The second is what cosign 2.6 makes of the first.
        for text in [
            r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters":{"workflow":{"ref":"refs/tags/v1",
                "repository":"https://github.com/acme/app","path":".github/workflows/r.yml"}},
                "resolvedDependencies":[{"uri":"git+https://github.com/acme/app@refs/tags/v1",
                "digest":{"gitCommit":"abc"}}]},"runDetails":{"builder":{"id":
                "https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1"},
                "metadata":{"invocationId":"https://x/1","finishedOn":"2026-01-02T03:04:05Z"}}}"#,
            r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters":{"workflow":{"path":".github/workflows/r.yml","ref":"refs/tags/v1",
                "repository":"https://github.com/acme/app"}},"internalParameters":{"github":
                {"event_name":"push"}},"resolvedDependencies":[{"uri":
                "git+https://github.com/acme/app@refs/tags/v1","digest":{"gitCommit":"abc"}}]},
                "runDetails":{"builder":{"id":
                "https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1"},
                "metadata":{"invocationID":"https://x/1","finishedOn":"2026-01-02T03:04:05Z"}}}"#,
        ] {
            assert_eq!(
                provenance(V1, text),
                Provenance {
                    builder: Some(
                        "https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1".into()
                    ),
                    build_type: Some("https://actions.github.io/buildtypes/workflow/v1".into()),
                    sources: vec![APP.into()],
                    finished: Some("2026-01-02T03:04:05Z".parse().expect("a time")),
                }
            );
        }
    }

    #[test]
    fn version_0_2_is_read_as_cosign_writes_it() {
        let text = r#"{"builder":{"id":"https://b"},"buildType":"https://t","invocation":
            {"configSource":{"uri":"git+https://github.com/acme/app@refs/heads/main",
            "digest":{"sha1":"abc"},"entryPoint":"x"}},"metadata":{"buildInvocationID":"1",
            "buildFinishedOn":"2026-01-02T03:04:05Z","completeness":{"parameters":false,
            "environment":false,"materials":false},"reproducible":false},
            "materials":[{"uri":"git+https://github.com/other/thing","digest":{"sha1":"abc"}}]}"#;
        assert_eq!(
            provenance(V0_2, text),
            Provenance {
                builder: Some("https://b".into()),
                build_type: Some("https://t".into()),
                sources: vec![APP.into()],
                finished: Some("2026-01-02T03:04:05Z".parse().expect("a time")),
            }
        );
    }

    #[test]
    fn every_source_that_the_parameters_name_is_found() {
        for parameters in [
            r#"{"workflow":{"repository":"https://github.com/acme/app"}}"#,
            r#"{"source":"https://github.com/acme/app"}"#,
            r#"{"source":{"uri":"git+https://github.com/acme/app@refs/heads/main"}}"#,
            r#"{"configSource":{"uri":"https://github.com/acme/app.git#refs/heads/main"}}"#,
            r#"{"buildConfigSource":{"repository":"git+https://github.com/acme/app"}}"#,
        ] {
            assert_eq!(sources_of(parameters), [APP.into()], "{parameters}");
        }
        let two = sources_of(
            r#"{"workflow":{"repository":"https://github.com/acme/app"},
                "source":"https://github.com/evil/app"}"#,
        );
        assert_eq!(two, [APP.into(), "https://github.com/evil/app".into()]);
        assert_eq!(sources_of(r#"{"image":"x"}"#), [] as [Box<str>; 0]);
    }

    #[test]
    fn a_dependency_is_no_source() {
        let text = r#"{"buildDefinition":{"resolvedDependencies":
            [{"uri":"git+https://github.com/acme/app@refs/heads/main"}]}}"#;
        assert_eq!(provenance(V1, text).sources, [] as [Box<str>; 0]);
    }

    #[test]
    fn a_repository_has_one_spelling() {
        for (text, expected) in [
            ("git+https://github.com/acme/app@refs/tags/v1", APP),
            ("https://GitHub.com/acme/app/", APP),
            ("https://github.com/acme/app.git#main", APP),
            ("HTTPS://github.com/acme/app", APP),
            ("https://github.com/acme/App", "https://github.com/acme/App"),
            // Neither of these is on github.com.
            (
                "https://github.com@evil.example/acme/app",
                "https://github.com@evil.example/acme/app",
            ),
            (
                "https://github.com#evil.example",
                "https://github.com#evil.example/",
            ),
            ("git@github.com:acme/app.git", "git@github.com:acme/app.git"),
            (
                "https://github.com/acme/app?x=1",
                "https://github.com/acme/app?x=1",
            ),
            ("", ""),
        ] {
            assert_eq!(&*repository(text), expected, "{text}");
        }
    }

    #[test]
    fn fields_that_nobody_has_set_are_none() {
        let empty = provenance(
            V1,
            r#"{"buildDefinition":{"buildType":"","externalParameters":null},
                "runDetails":{"builder":{"id":""},"metadata":{"finishedOn":"0001-01-01T00:00:00Z"}}}"#,
        );
        assert_eq!(empty, Provenance::default());
        assert_eq!(provenance(V0_2, "{}"), Provenance::default());
    }

    #[test]
    fn only_a_legal_ref_is_taken_off_a_repository() {
        for reference in [
            "@main",
            "@refs/tags/v1.0",
            "@refs/heads/feature/x",
            "@refs/tags/@acme/app@1.0.0",
            "@7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
            "#main",
            "#main:deploy/app",
            "#:deploy",
            ".git@refs/heads/main",
            ".git#main",
            "/",
            ".git",
        ] {
            for uri in [format!("{APP}{reference}"), format!("git+{APP}{reference}")] {
                assert_eq!(&*repository(&uri), APP, "{uri}");
            }
        }
        for rest in [
            "@",
            "@x/../../evil/app",
            "@x/../../evil/app.git@refs/heads/main",
            "@x/%2e%2e/%2e%2e/evil/app",
            "@evil/thing.git",
            "@evil/thing@main",
            "@evil/",
            "@evil//thing",
            "@./x",
            "@.x",
            "@x.",
            "@x/..",
            "@a..b",
            "@x.lock",
            "@x?y",
            "@x\\y",
            "@x~1",
            "@x^",
            "@x:y",
            "@x[y",
            "@x*",
            "@@{1}",
            "@x y",
            "@x\n",
            "@x#main",
            "#",
            "#x/../../evil/app",
            "#main:../evil",
            "#main:",
            "#evil/thing.git",
        ] {
            for uri in [format!("{APP}{rest}"), format!("git+{APP}{rest}")] {
                assert_eq!(*repository(&uri), *uri);
            }
        }
    }

    #[test]
    fn what_is_not_typed_as_it_should_be_is_unreadable() {
        for (predicate_type, text, why) in [
            (
                V0_2,
                r#"{"builder":"https://b"}"#,
                "predicate.builder is not an object",
            ),
            (
                V0_2,
                r#"{"builder":{"id":["https://b"]}}"#,
                "predicate.builder.id is not a string",
            ),
            (
                V0_2,
                r#"{"buildtype":"x"}"#,
                r#"predicate has the key "buildtype" where "buildType" is meant"#,
            ),
            (
                V0_2,
                r#"{"materials":{}}"#,
                "predicate.materials is not a list",
            ),
            (
                V0_2,
                r#"{"materials":["x"]}"#,
                "a dependency of the predicate is not an object",
            ),
            (
                V0_2,
                r#"{"metadata":{"buildFinishedOn":17}}"#,
                "predicate.metadata.buildFinishedOn is not a string",
            ),
            (
                V1,
                r#"{"runDetails":{"builder":{"id":"a","id":"b"}}}"#,
                r#"predicate.runDetails.builder: the key "id" comes twice at line 1 column 19"#,
            ),
            (
                V1,
                r#"{"runDetails":{"metadata":{"finishedOn":"2026-13-01T00:00:00Z"}}}"#,
                "finishedOn of the predicate is not a time in RFC 3339",
            ),
            (
                V1,
                r#"{"buildDefinition":{"externalParameters":{"source":["x"]}}}"#,
                "predicate.buildDefinition.externalParameters.source is not an object",
            ),
            (
                V1,
                r#"{"buildDefinition":{"resolvedDependencies":[{"uri":1}]}}"#,
                "a dependency of the predicate.uri is not a string",
            ),
            (
                V1,
                r#"{"buildDefinition":[]}"#,
                "predicate.buildDefinition is not an object",
            ),
        ] {
            assert_eq!(unreadable(predicate_type, text), why, "{text}");
        }
    }
}
