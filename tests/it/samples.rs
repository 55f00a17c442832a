//! Every sample policy admits what its `admits/` holds and refuses what its
//! `refuses/` holds, for the reason that the manifest names. The format of the
//! manifests is described in `policies/README.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::authority::{Image, Key, KeyKind, RepositoryContents};
use crate::support::floe::{Run, floe, run};
use crate::support::sigstore::{Ca, Identity, Log, San, Sigstore};

/// One manifest of a sample.
struct Sample {
    path: PathBuf,
    text: String,
    code: Option<String>,
    warning: Option<String>,
    note: Option<String>,
    channel: Option<String>,
}

/// A policy with the keys, roots and images that its manifests speak of.
struct Bench {
    folder: tempfile::TempDir,
    images: BTreeMap<String, String>,
    keyless: bool,
}

/// Who vouches for identities: a Sigstore, an authority of one's own, and one
/// that nobody trusts.
struct Vouchers {
    sigstore: Sigstore,
    own: Ca,
    stranger: Ca,
}

impl Vouchers {
    fn new() -> Self {
        let at = Timestamp::now() - SignedDuration::from_hours(1);
        Self {
            sigstore: Sigstore::new(at),
            own: Ca::fulcio(KeyKind::P256, at),
            stranger: Ca::fulcio(KeyKind::P256, at),
        }
    }

    /// Signs as `who` says: the run of a workflow, or the holder of a
    /// certificate.
    fn sign(&self, contents: &mut RepositoryContents, image: &Image, kind: &str, who: &str) {
        let words: Vec<_> = who.split(' ').collect();
        if kind == "github-attested" {
            return self.attest(contents, image, &words);
        }
        let signing = self.sigstore.sign(image);
        let signed = match (kind, &words[..]) {
            ("github" | "gitlab", [repository, workflow, reference, trigger @ ..]) => {
                let run = if kind == "github" {
                    Identity::github
                } else {
                    Identity::gitlab
                };
                let mut identity = run(repository, workflow, reference);
                for trigger in trigger {
                    let claims = identity.claims.iter_mut();
                    for (_, claim) in claims.filter(|(arc, _)| *arc == 20) {
                        (*trigger).clone_into(claim);
                    }
                }
                signing.identity(identity)
            }
            ("certificate" | "foreign-certificate", [address]) => {
                let ca = if kind == "certificate" {
                    &self.own
                } else {
                    &self.stranger
                };
                let until = Timestamp::now() + SignedDuration::from_hours(1);
                signing
                    .by(ca)
                    .identity(Identity::names(vec![San::Email((*address).to_owned())]))
                    .validity(self.sigstore.at, until)
                    .log(Log::None)
            }
            _ => panic!("{kind}:{who}: unknown placeholder"),
        };
        contents.attach(image, &signed.make().attachment());
    }

    /// Signs as the run of a workflow, and attests where the image comes from,
    /// as the same run or as that of another repository.
    fn attest(&self, contents: &mut RepositoryContents, image: &Image, words: &[&str]) {
        let (repository, workflow, reference, source, attester) = match words {
            [repository, workflow, reference, source] => {
                (repository, workflow, reference, source, repository)
            }
            [repository, workflow, reference, source, attester] => {
                (repository, workflow, reference, source, attester)
            }
            _ => panic!("{words:?}: unknown placeholder"),
        };
        let builder = format!("https://github.com/{repository}/{workflow}@{reference}");
        let provenance = json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "repository": format!("https://github.com/{source}"),
                    "path": workflow, "ref": reference,
                }},
            },
            "runDetails": {"builder": {"id": builder}},
        });
        let run = |repository| Identity::github(repository, workflow, reference);
        let signed = self.sigstore.sign(image).identity(run(repository));
        contents.attach(image, &signed.make().attachment());
        let attested = self.sigstore.sign(image).identity(run(attester));
        let attested = attested.predicate("https://slsa.dev/provenance/v1", provenance);
        contents.attach(image, &attested.make().attachment());
    }
}

fn policies() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut folders: Vec<_> = entries(&root).into_iter().filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("readable").path())
        .collect();
    entries.sort();
    entries
}

fn samples(folder: &Path) -> Vec<Sample> {
    entries(folder).into_iter().map(Sample::read).collect()
}

impl Sample {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("readable");
        let expectation = |name: &str| {
            let prefix = format!("# {name}: ");
            text.lines()
                .take_while(|line| line.starts_with('#'))
                .find_map(|line| line.strip_prefix(&prefix))
                .map(str::to_owned)
        };
        Self {
            code: expectation("code"),
            warning: expectation("warning"),
            note: expectation("note"),
            channel: expectation("channel"),
            text,
            path,
        }
    }

    /// The placeholders, without `${` and `}`.
    fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.text
            .split("${")
            .skip(1)
            .map(|rest| rest.split('}').next().expect("a closing brace"))
    }
}

impl Bench {
    /// Makes the keys that `policy.yaml` names, and every image that a manifest
    /// names, each signed as the placeholder says.
    fn new(policy: &Path, samples: &[Sample]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = fs::read_to_string(policy.join("policy.yaml")).expect("a policy");
        fs::write(folder.path().join("policy.yaml"), &text).expect("written");
        fs::create_dir(folder.path().join("keys")).expect("a folder");
        let mut keys: BTreeMap<String, Key> = BTreeMap::new();
        let vouchers = Vouchers::new();
        let root = vouchers.sigstore.trusted_root().text();
        fs::write(folder.path().join("trusted_root.json"), root).expect("written");
        fs::create_dir(folder.path().join("roots")).expect("a folder");
        let chain = vouchers.own.chain_pem();
        fs::write(folder.path().join("roots/corp-ca.pem"), chain).expect("written");
        for rest in text.split("keys/").skip(1) {
            let name = rest.split(".pub").next().expect("a name");
            let key = keys
                .entry(name.to_owned())
                .or_insert_with(|| Key::generate(KeyKind::P256));
            let path = folder.path().join(format!("keys/{name}.pub"));
            fs::write(path, key.pem()).expect("written");
        }
        let mut contents = RepositoryContents::new();
        let mut images = BTreeMap::new();
        images.insert(
            "unsigned".to_owned(),
            contents.image("unsigned").digest.to_string(),
        );
        for placeholder in samples.iter().flat_map(Sample::placeholders) {
            if images.contains_key(placeholder) {
                continue;
            }
            let (kind, signers) = placeholder
                .split_once(':')
                .unwrap_or_else(|| panic!("{placeholder}: unknown placeholder"));
            if kind != "signed-by" {
                let image = contents.image(&format!("signed-{}", images.len()));
                vouchers.sign(&mut contents, &image, kind, signers);
                images.insert(placeholder.to_owned(), image.digest.to_string());
                continue;
            }
            let image = contents.image(&signers.replace('+', "-"));
            for (turn, name) in signers.split('+').enumerate() {
                let key = keys
                    .entry(name.to_owned())
                    .or_insert_with(|| Key::generate(KeyKind::P256));
                // Both layouts, so that neither is forgotten.
                if turn % 2 == 0 {
                    contents.sign_bundle(&image, key);
                } else {
                    contents.sign_legacy(&image, key);
                }
            }
            images.insert(placeholder.to_owned(), image.digest.to_string());
        }
        contents.write_layout(&folder.path().join("layout"));
        let keyless = text.contains("keyless:");
        Self {
            folder,
            images,
            keyless,
        }
    }

    fn verify(&self, sample: &Sample) -> Run {
        let mut text = sample.text.clone();
        for (placeholder, digest) in &self.images {
            text = text.replace(&format!("${{{placeholder}}}"), digest);
        }
        assert!(!text.contains("${"), "{}: {text}", sample.path.display());
        let mut command = floe(self.folder.path());
        command.args(["verify", "-f", "-", "--output", "json"]);
        command.args(["--policy", "policy.yaml", "--layout", "layout"]);
        if self.keyless {
            command.args(["--trusted-root", "trusted_root.json"]);
        }
        if let Some(channel) = &sample.channel {
            command.args(["--channel", channel]);
        }
        run(command, &text)
    }
}

#[test]
fn every_sample_policy_admits_and_refuses_what_it_promises() {
    let policies = policies();
    assert!(policies.len() >= 10, "{policies:?}");
    for policy in policies {
        assert!(policy.join("README.md").is_file(), "{}", policy.display());
        let admits = samples(&policy.join("admits"));
        let refuses = samples(&policy.join("refuses"));
        assert!(!admits.is_empty() && !refuses.is_empty());
        for sample in admits {
            let path = sample.path.display();
            let bench = Bench::new(&policy, std::slice::from_ref(&sample));
            let run = bench.verify(&sample);
            assert_eq!(run.code, 0, "{path}: {run:?}");
            let expected: Vec<_> = sample.warning.clone().into_iter().collect();
            assert_eq!(run.codes(), expected, "{path}: {run:?}");
        }
        for sample in refuses {
            let path = sample.path.display();
            let bench = Bench::new(&policy, std::slice::from_ref(&sample));
            let run = bench.verify(&sample);
            assert!(matches!(run.code, 5 | 6), "{path}: {run:?}");
            let code = sample.code.clone();
            let code = code.unwrap_or_else(|| panic!("{path}: no `# code:`"));
            let mut expected: Vec<_> = sample.warning.clone().into_iter().collect();
            expected.push(code);
            expected.sort();
            assert_eq!(run.codes(), expected, "{path}: {run:?}");
            if let Some(note) = &sample.note {
                assert!(run.notes().contains(note), "{path}: {run:?}");
            }
        }
    }
}
