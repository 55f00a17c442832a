//! Where images belong and where signatures are kept: from flags, and from the
//! settings of the webhook.

use clap::Args;

use super::Stop;
use crate::config::{MirrorFile, Settings, SignaturesFile};
use crate::policy::ImagePattern;
use crate::source::{Mirror, Mirrors};
use crate::verifier::{SignatureStore, TagPrefix, Whereabouts};

/// Flags about mirrors and signature repositories.
#[derive(Debug, Default, Args)]
pub(super) struct WhereaboutsArguments {
    /// Images pulled from MIRROR are judged as those of ORIGIN, and their
    /// signatures are looked up there. Both are a registry, or the beginning of
    /// repositories' names. May be given several times.
    #[arg(long, value_name = "MIRROR=ORIGIN", value_parser = mirror)]
    mirror: Vec<MirrorFile>,

    /// The repository that holds the signatures, if they are not beside the
    /// images.
    #[arg(long, value_name = "REPOSITORY")]
    signature_repository: Option<String>,

    /// What the tags of signatures begin with, as cosign's
    /// --attachment-tag-prefix.
    #[arg(long, value_name = "TEXT")]
    signature_tag_prefix: Option<String>,
}

impl WhereaboutsArguments {
    /// The flags as they were given, each with its value.
    pub(super) fn words(&self) -> impl Iterator<Item = (&'static str, String)> {
        let mirrors = self.mirror.iter();
        let texts = [
            ("--signature-repository", &self.signature_repository),
            ("--signature-tag-prefix", &self.signature_tag_prefix),
        ];
        mirrors
            .map(|entry| ("--mirror", format!("{}={}", entry.mirror, entry.of)))
            .chain(
                texts
                    .into_iter()
                    .filter_map(|(flag, text)| Some((flag, text.clone()?))),
            )
    }

    /// What the flags say.
    ///
    /// # Errors
    ///
    /// A wrong call that names every flag that cannot be used.
    pub(super) fn whereabouts(&self) -> Result<Whereabouts, Stop> {
        let given = self.signature_repository.is_some() || self.signature_tag_prefix.is_some();
        let store = given.then(|| SignaturesFile {
            images: "**".to_owned(),
            repository: self.signature_repository.clone(),
            tag_prefix: self.signature_tag_prefix.clone(),
        });
        read(&self.mirror, store.as_slice()).map_err(|problems| {
            let flag = |(path, message): &(String, String)| {
                let flag = match path.rsplit('.').next() {
                    Some("repository") => "--signature-repository",
                    Some("mirror" | "of" | "mirrors") => "--mirror",
                    _ => "--signature-tag-prefix",
                };
                format!("{flag}: {message}")
            };
            let lines: Vec<_> = problems.iter().map(flag).collect();
            Stop::usage(lines.join("\n"))
        })
    }
}

/// What the settings say.
///
/// # Errors
///
/// One text that names every entry that cannot be used.
pub(super) fn of_settings(settings: &Settings) -> Result<Whereabouts, Stop> {
    read(&settings.mirrors, &settings.signatures).map_err(|problems| {
        let lines: Vec<_> = problems
            .iter()
            .map(|(path, message)| format!("{path}: {message}"))
            .collect();
        anyhow::anyhow!("the settings cannot be used\n{}", lines.join("\n")).into()
    })
}

fn mirror(text: &str) -> Result<MirrorFile, String> {
    match text.split_once('=') {
        Some((mirror, of)) => Ok(MirrorFile {
            mirror: mirror.to_owned(),
            of: of.to_owned(),
        }),
        None => Err(format!("{text:?} is not MIRROR=ORIGIN")),
    }
}

/// Field paths, each with what is wrong there.
type Problems = Vec<(String, String)>;

fn read(mirrors: &[MirrorFile], signatures: &[SignaturesFile]) -> Result<Whereabouts, Problems> {
    let mut problems = Problems::new();
    let mut entries = Vec::with_capacity(mirrors.len());
    for (at, entry) in mirrors.iter().enumerate() {
        let mut prefix = |field: &str, text: &str| {
            let parsed = text.parse();
            parsed
                .map_err(|error| {
                    let path = format!("mirrors[{at}].{field}");
                    problems.push((path, format!("{text:?}: {error}")));
                })
                .ok()
        };
        let (mirror, of) = (prefix("mirror", &entry.mirror), prefix("of", &entry.of));
        if let (Some(mirror), Some(of)) = (mirror, of) {
            entries.push(Mirror { mirror, of });
        }
    }
    let mirrors = Mirrors::new(entries).unwrap_or_else(|errors| {
        let errors = errors.iter();
        problems.extend(errors.map(|error| ("mirrors".to_owned(), error.to_string())));
        Mirrors::default()
    });
    let mut stores = Vec::with_capacity(signatures.len());
    for (at, entry) in signatures.iter().enumerate() {
        stores.push(store(at, entry, &mut problems));
    }
    // Numbers in the errors are those of the list only if it is whole.
    let Some(stores) = stores.into_iter().collect::<Option<Vec<_>>>() else {
        return Err(problems);
    };
    match Whereabouts::new(mirrors, stores) {
        Ok(whereabouts) if problems.is_empty() => Ok(whereabouts),
        Ok(_) => Err(problems),
        Err(errors) => {
            problems.extend(errors.into_iter().map(|error| {
                let path = format!("signatures[{}]", error.at());
                (path, error.to_string())
            }));
            Err(problems)
        }
    }
}

fn store(at: usize, entry: &SignaturesFile, problems: &mut Problems) -> Option<SignatureStore> {
    let mut problem = |field: &str, text: &str, error: &dyn std::error::Error| {
        let path = format!("signatures[{at}].{field}");
        problems.push((path, format!("{text:?}: {error}")));
    };
    let images = ImagePattern::parse(&entry.images)
        .map_err(|error| problem("images", &entry.images, &error))
        .ok();
    let repository = entry.repository.as_deref().map(|text| {
        let parsed = text.parse();
        parsed
            .map_err(|error| problem("repository", text, &error))
            .ok()
    });
    let prefix = entry.tag_prefix.as_deref().unwrap_or_default();
    let tag_prefix: Option<TagPrefix> = prefix
        .parse()
        .map_err(|error| problem("tagPrefix", prefix, &error))
        .ok();
    Some(SignatureStore {
        images: images?,
        repository: match repository {
            Some(repository) => Some(repository?),
            None => None,
        },
        tag_prefix: tag_prefix?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn settings(text: &str) -> Settings {
        let text = format!("apiVersion: floe.dev/v1\nkind: Settings\n{text}");
        Settings::parse(Path::new("/floe.yaml"), &text).expect("readable")
    }

    #[test]
    fn settings_without_either_say_that_everything_is_where_it_is_named() {
        let found = of_settings(&Settings::default()).expect("usable");
        assert_eq!(found, Whereabouts::default());
    }

    #[test]
    fn settings_and_flags_that_say_the_same_mean_the_same() {
        let written = settings(
            "mirrors:\n  - { mirror: m.test/hub, of: docker.io }\n\
             signatures:\n  - { images: \"**\", repository: r.test/signatures, tagPrefix: p- }\n",
        );
        let flags = WhereaboutsArguments {
            mirror: vec![mirror("m.test/hub=docker.io").expect("a mirror")],
            signature_repository: Some("r.test/signatures".into()),
            signature_tag_prefix: Some("p-".into()),
        };
        let found = of_settings(&written).expect("usable");
        assert_eq!(found, flags.whereabouts().expect("usable"));
        assert_ne!(found, Whereabouts::default());
        let words: Vec<_> = flags
            .words()
            .map(|(flag, text)| format!("{flag} {text}"))
            .collect();
        assert_eq!(
            words,
            [
                "--mirror m.test/hub=docker.io",
                "--signature-repository r.test/signatures",
                "--signature-tag-prefix p-",
            ]
        );
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let written = settings(
            "mirrors:\n  - { mirror: team, of: docker.io }\n  - { mirror: a.test, of: b.test }\n  \
             - { mirror: b.test, of: c.test }\n\
             signatures:\n  - { images: \"**:v1\" }\n  - { images: \"**\", repository: \"r.test/A\" }\n  \
             - { images: r.test/a, tagPrefix: \".p\" }\n",
        );
        let Err(stop) = of_settings(&written) else {
            panic!("usable");
        };
        let text = stop.to_string();
        for place in [
            "mirrors[0].mirror: \"team\"",
            "mirrors: b.test, which a.test is a mirror of",
            "signatures[0].images",
            "signatures[1].repository",
            "signatures[2].tagPrefix",
        ] {
            assert!(text.contains(place), "{place} in {text}");
        }
        let written =
            settings("signatures:\n  - { images: \"**\" }\n  - { images: a/b, tagPrefix: p }\n");
        let Err(stop) = of_settings(&written) else {
            panic!("usable");
        };
        let text = stop.to_string();
        assert!(text.contains("signatures[0]: needs a repository"), "{text}");
        assert!(text.contains("signatures[1]: is never used"), "{text}");
    }

    #[test]
    fn flags_that_cannot_be_used_are_named() {
        let flags = WhereaboutsArguments {
            mirror: vec![mirror("team=docker.io").expect("two parts")],
            signature_repository: Some("r.test/A".into()),
            signature_tag_prefix: Some("/".into()),
        };
        let Err(stop) = flags.whereabouts() else {
            panic!("usable");
        };
        let text = stop.to_string();
        for flag in [
            "--mirror: ",
            "--signature-repository: ",
            "--signature-tag-prefix: ",
        ] {
            assert!(text.contains(flag), "{text}");
        }
        assert!(mirror("a.test").is_err());
    }
}
