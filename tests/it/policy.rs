//! The sample policies and the documentation as a reader would use them: the
//! folder copied somewhere, keys beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use floe::policy::{Compiled, PolicyDocument, Problem, compile, yaml};
use floe::roots::{self, Configured};
use floe::trust::{MaterialRef, Materials, PUBLIC_GOOD};
use floe::verdict::Subject;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn samples() -> Vec<PathBuf> {
    let folders = fs::read_dir(repository().join("policies")).expect("the samples");
    let mut all: Vec<_> = folders
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

fn materials(compiled: &Compiled) -> Materials {
    roots::read(
        &compiled.materials(),
        &Configured::default(),
        Timestamp::UNIX_EPOCH,
    )
}

fn load(path: PathBuf) -> Result<Compiled, Vec<Problem>> {
    let text = fs::read_to_string(&path).expect("a policy");
    compile(&[PolicyDocument { origin: path, text }])
}

/// A sample with a new key or certificate for every file that it names.
fn with_keys(sample: &Path) -> (tempfile::TempDir, Compiled) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("policy.yaml");
    fs::copy(sample.join("policy.yaml"), &copy).expect("copied");
    let compiled = load(copy).unwrap_or_else(|problems| panic!("{sample:?}: {problems:#?}"));
    for reference in compiled.materials() {
        let key = KeyPair::generate().expect("a key");
        let (path, under, pem) = match reference {
            MaterialRef::File(path) => (path, "keys", key.public_key_pem()),
            MaterialRef::CertificatesFile(path) => (path, "roots", authority(&key)),
            // floe carries it.
            MaterialRef::Root(name) if name == PUBLIC_GOOD => continue,
            other => panic!("{sample:?} reads {other}"),
        };
        let path = PathBuf::from(path);
        assert!(path.starts_with(folder.path().join(under)), "{path:?}");
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, pem).expect("written");
    }
    (folder, compiled)
}

/// The certificate of an authority with this key.
fn authority(key: &KeyPair) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(key).expect("a certificate").pem()
}

#[test]
fn every_sample_is_explained_and_runs_with_its_keys_beside_it() {
    let names: BTreeSet<_> = samples()
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    for name in [
        "channels",
        "github-workflow",
        "gitlab-pipeline",
        "image-family",
        "one-key",
        "own-pki",
        "pin-only",
        "two-of-three",
        "warn-first",
    ] {
        assert!(names.contains(name), "{name} is missing from {names:?}");
    }
    for sample in samples() {
        assert!(sample.join("README.md").is_file(), "{sample:?}");
        let (_folder, compiled) = with_keys(&sample);
        let set = compiled.bind(&materials(&compiled));
        for policy in set.policies() {
            assert_eq!(policy.broken, None, "{sample:?}");
            for authority in &policy.authorities {
                assert!(authority.material.is_ok(), "{sample:?}: {authority:?}");
            }
        }
    }
}

#[test]
fn a_sample_without_its_keys_is_unavailable_and_never_ignored() {
    for sample in samples() {
        let compiled = load(sample.join("policy.yaml")).expect("good");
        let set = compiled.bind(&materials(&compiled));
        let authorities: Vec<_> = set.policies().flat_map(|p| &p.authorities).collect();
        let beside = compiled
            .materials()
            .iter()
            .any(|reference| !matches!(reference, MaterialRef::Root(_)));
        assert!(
            authorities.iter().all(|a| a.material.is_err() == beside),
            "{sample:?}"
        );
    }
}

#[test]
fn a_key_that_two_files_share_breaks_the_policy_that_counts_signers() {
    let (folder, compiled) = with_keys(&repository().join("policies/two-of-three"));
    let keys = folder.path().join("keys");
    fs::copy(keys.join("alice.pub"), keys.join("carol.pub")).expect("copied");
    let set = compiled.bind(&materials(&compiled));
    let policy = set.policies().next().expect("one policy");
    let finding = policy.broken.as_ref().expect("broken");
    assert_eq!(finding.code.as_str(), "policy-invalid");
    assert!(finding.message.contains("alice"), "{}", finding.message);
    assert!(finding.message.contains("carol"), "{}", finding.message);
}

#[test]
fn the_channels_sample_asks_for_more_in_stricter_channels() {
    let (_folder, compiled) = with_keys(&repository().join("policies/channels"));
    let set = compiled.bind(&materials(&compiled));
    let image = "registry.example.com/app".parse().expect("legal");
    for (channel, expected) in [
        ("dev", vec!["everywhere"]),
        ("staging", vec!["everywhere", "staging"]),
        ("prod", vec!["everywhere", "prod"]),
    ] {
        let subject = Subject {
            namespace: Some("any".into()),
            channels: Some(vec![channel.into()]),
        };
        let selection = set.select(&image, &subject);
        let names: Vec<_> = selection
            .policies
            .iter()
            .map(|s| &*s.policy.name.0)
            .collect();
        assert_eq!(names, expected, "{channel}");
    }
}

#[test]
fn the_documents_in_the_documentation_are_accepted() {
    let page = fs::read_to_string(repository().join("docs/policy.md")).expect("the page");
    let blocks: Vec<_> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.starts_with("apiVersion"))
        .collect();
    assert_eq!(blocks.len(), 2);
    for (index, block) in blocks.into_iter().enumerate() {
        let origin = format!("docs/policy.md#{index}").into();
        let text = block.to_owned();
        let compiled = compile(&[PolicyDocument { origin, text }]).expect("good");
        assert_eq!(compiled.len(), 1 - index);
    }
}

#[test]
fn samples_are_written_as_every_yaml_reader_reads_them() {
    for sample in samples() {
        let text = fs::read_to_string(sample.join("policy.yaml")).expect("a policy");
        assert!(!yaml::documents(&text).expect("readable").is_empty());
        assert!(!text.contains('\t'), "{sample:?}");
    }
}
