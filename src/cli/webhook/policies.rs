//! The policies of a running webhook: read again and again, compared by
//! content.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::admission::PolicyState;
use crate::cli::{Stop, files, policies};
use crate::oci::Digest;
use crate::policy::{Compiled, PolicyDocument, PolicySet, Problem, Reading, Store};
use crate::roots::tuf::Clock;
use crate::roots::{self, Configured};
use crate::verdict::NoMatch;

/// Looks at files and folders of policies, and says when something has changed.
pub(super) struct Poll {
    files: Vec<PathBuf>,
    /// What was a folder at the start: where it is gone, it is missed.
    folders: Vec<PathBuf>,
    no_match: NoMatch,
    store: Store,
    /// What compiled at the start, until the first poll takes it.
    first: Option<Compiled>,
    in_force: Option<Digest>,
    /// The channels that there are; not known where it is empty.
    channels: Vec<Arc<str>>,
    /// The problems that were last reported, so that each is reported once.
    reported: Vec<Problem>,
    /// What the names of trust roots mean.
    roots: Configured,
    clock: Clock,
    /// Keys and roots that could not be had, as they were last reported.
    without: Vec<String>,
}

impl Poll {
    /// Reads and compiles everything for the first time.
    ///
    /// # Errors
    ///
    /// Every problem of every document: a webhook does not start with policies
    /// that are not what somebody meant.
    pub(super) fn start(paths: &[PathBuf], no_match: NoMatch) -> Result<Self, Stop> {
        let documents = policies::documents(paths)?;
        let (store, compiled) =
            Store::start(&documents).map_err(|problems| policies::not_compiling(&problems))?;
        let (folders, files) = paths.iter().cloned().partition(|path| path.is_dir());
        Ok(Self {
            files,
            folders,
            no_match,
            store,
            first: Some(compiled),
            in_force: None,
            channels: Vec::new(),
            reported: Vec::new(),
            roots: Configured::default(),
            clock: Arc::new(Timestamp::now),
            without: Vec::new(),
        })
    }

    /// Tells of policies for other channels than these, which match nothing.
    pub(super) fn with_channels(self, channels: Vec<Arc<str>>) -> Self {
        Self { channels, ..self }
    }

    /// Takes names of trust roots for what is configured.
    pub(super) fn with_roots(self, roots: Configured) -> Self {
        Self { roots, ..self }
    }

    /// The policies, if they or their keys and roots have changed since the last
    /// call. None before each root that is kept fresh was read or asked for
    /// once: until then the gate is not in sync.
    pub(super) fn poll(&mut self) -> Option<PolicyState> {
        if !self.roots.tried() {
            return None;
        }
        let compiled = match self.first.take() {
            Some(compiled) => compiled,
            None => {
                let reloaded = self.store.reload(&self.read());
                self.report(reloaded.problems);
                reloaded.compiled
            }
        };
        // Keys and roots are read each time: they change without their policy.
        let references = compiled.materials();
        let materials = roots::read(&references, &self.roots, (self.clock)());
        let missing = references.iter().filter_map(|key| materials.get(key));
        let missing = missing.filter_map(|found| found.as_ref().err());
        let missing = missing.map(|error| error.why.clone());
        self.report_missing(missing.collect());
        let policies = compiled.bind(&materials).with_no_match(self.no_match);
        let hash = policies.hash();
        if self.in_force == Some(hash) {
            return None;
        }
        self.in_force = Some(hash);
        for warning in self.unknown_channels(&policies) {
            tracing::warn!("{warning}");
        }
        for policy in policies.policies() {
            if let Some(finding) = &policy.broken {
                tracing::error!(
                    policy = %policy.name,
                    problem = finding.message,
                    "a policy cannot be evaluated; what it matches is refused"
                );
            }
        }
        Some(PolicyState::Ready(Arc::new(policies)))
    }

    fn read(&self) -> Reading {
        let mut reading = Reading {
            complete: true,
            ..Reading::default()
        };
        let mut found = self.files.clone();
        for folder in &self.folders {
            match files::manifests(folder) {
                Ok(manifests) if !manifests.is_empty() => found.extend(manifests),
                Ok(_) => reading.missing.push(folder.clone()),
                Err(_) => {
                    reading.complete = false;
                    reading.missing.push(folder.clone());
                }
            }
        }
        for origin in found {
            match files::regular_text(&origin) {
                Ok(text) => reading.documents.push(PolicyDocument { origin, text }),
                Err(why) => reading.unreadable.push((origin, why.to_string())),
            }
        }
        reading
    }

    fn report_missing(&mut self, missing: Vec<String>) {
        if missing == self.without {
            return;
        }
        for problem in &missing {
            tracing::error!(%problem, "a key or trust root cannot be had; what needs it is refused");
        }
        if missing.is_empty() {
            tracing::info!("all keys and trust roots can be had");
        }
        self.without = missing;
    }

    /// One sentence for each policy and channel that the settings do not know.
    fn unknown_channels(&self, policies: &PolicySet) -> Vec<String> {
        let known = self.channels.join(", ");
        policies
            .channels()
            .filter(|(_, channel)| {
                !self.channels.is_empty() && !self.channels.iter().any(|name| **name == **channel)
            })
            .map(|(policy, channel)| {
                format!(
                    "policy {policy} is for channel {channel}, which no namespace can have; \
                     there are {known}"
                )
            })
            .collect()
    }

    fn report(&mut self, problems: Vec<Problem>) {
        if problems == self.reported {
            return;
        }
        for problem in &problems {
            tracing::error!(%problem, "a policy is not in force as it stands");
        }
        if problems.is_empty() {
            tracing::info!("all policies are in force as they stand");
        }
        self.reported = problems;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: pinned }\n\
                        spec: { match: {}, level: unverified }\n";

    fn ready(state: Option<PolicyState>) -> Option<Arc<PolicySet>> {
        state.map(|state| match state {
            PolicyState::Ready(policies) => policies,
            other => panic!("{other:?}"),
        })
    }

    fn broken(policies: &PolicySet) -> Vec<&'static str> {
        policies
            .policies()
            .filter_map(|policy| policy.broken.as_ref())
            .map(|finding| finding.code.as_str())
            .collect()
    }

    #[test]
    fn only_a_change_is_given_and_a_broken_text_leaves_the_last_good_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, GOOD).expect("written");
        let mut poll =
            Poll::start(&[folder.path().to_owned()], NoMatch::Deny).expect("it compiles");
        assert!(ready(poll.poll()).is_some());
        assert!(ready(poll.poll()).is_none());
        std::fs::write(&file, "nonsense").expect("written");
        assert!(ready(poll.poll()).is_none(), "the last good text stays");
        assert_eq!(poll.reported.len(), 1);
        std::fs::write(&file, GOOD.replace("pinned", "other")).expect("written");
        let changed = ready(poll.poll()).expect("a change");
        assert!(broken(&changed).is_empty());
        assert!(poll.reported.is_empty());
    }

    #[test]
    fn a_folder_that_becomes_empty_or_is_gone_denies_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let policies = folder.path().join("policies");
        let file = policies.join("a.yaml");
        std::fs::create_dir(&policies).expect("a folder");
        std::fs::write(&file, GOOD).expect("written");
        let mut poll =
            Poll::start(std::slice::from_ref(&policies), NoMatch::Allow).expect("it compiles");
        assert!(ready(poll.poll()).is_some());
        std::fs::remove_file(&file).expect("removed");
        let empty = ready(poll.poll()).expect("a change");
        assert_eq!(broken(&empty), ["policies-missing"]);
        std::fs::write(&file, GOOD).expect("written");
        assert_eq!(broken(&ready(poll.poll()).expect("a change")).len(), 0);
        std::fs::remove_dir_all(&policies).expect("removed");
        let gone = ready(poll.poll()).expect("a change");
        assert_eq!(broken(&gone), ["policies-missing"]);
        std::fs::create_dir(&policies).expect("a folder");
        std::fs::write(&file, GOOD).expect("written");
        assert_eq!(broken(&ready(poll.poll()).expect("a change")).len(), 0);
    }

    #[test]
    fn one_of_several_folders_that_becomes_empty_or_is_gone_denies_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let (base, team) = (folder.path().join("base"), folder.path().join("team"));
        for (folder, name) in [(&base, "base"), (&team, "team")] {
            std::fs::create_dir(folder).expect("a folder");
            let text = GOOD.replace("pinned", name);
            std::fs::write(folder.join("a.yaml"), text).expect("written");
        }
        let file = base.join("a.yaml");
        let text = std::fs::read_to_string(&file).expect("read");
        let mut poll = Poll::start(&[base.clone(), team], NoMatch::Deny).expect("it compiles");
        assert_eq!(ready(poll.poll()).expect("a change").policies().len(), 2);
        std::fs::remove_file(&file).expect("removed");
        let empty = ready(poll.poll()).expect("a change");
        assert_eq!(broken(&empty), ["policies-missing"]);
        std::fs::remove_dir(&base).expect("removed");
        let gone = ready(poll.poll());
        assert_eq!(broken(&gone.unwrap_or(empty)), ["policies-missing"]);
        assert_eq!(poll.reported.len(), 1);
        // Emptied on purpose, it demands nothing.
        std::fs::create_dir(&base).expect("a folder");
        let list = "apiVersion: floe.dev/v1\nkind: TrustPolicyList\nitems: []\n";
        std::fs::write(&file, list).expect("written");
        let emptied = ready(poll.poll()).expect("a change");
        assert_eq!((emptied.policies().len(), broken(&emptied).len()), (1, 0));
        std::fs::write(&file, text).expect("written");
        assert_eq!(ready(poll.poll()).expect("a change").policies().len(), 2);
    }

    #[test]
    fn a_pipe_in_a_folder_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.yaml"), GOOD).expect("written");
        let paths = [folder.path().to_owned()];
        let mut poll = Poll::start(&paths, NoMatch::Deny).expect("it compiles");
        assert!(ready(poll.poll()).is_some());
        let made = std::process::Command::new("mkfifo")
            .arg(folder.path().join("b.yaml"))
            .status()
            .expect("mkfifo");
        assert!(made.success());
        let with = ready(poll.poll()).expect("a change");
        assert_eq!(broken(&with), ["policy-invalid"]);
        assert!(
            poll.reported[0].to_string().contains("not a regular file"),
            "{:?}",
            poll.reported
        );
        let Err(Stop::Failed(error)) = Poll::start(&paths, NoMatch::Deny) else {
            panic!("it starts");
        };
        assert!(format!("{error:#}").contains("not a regular file"));
    }

    #[test]
    fn a_policy_for_a_channel_that_no_namespace_can_have_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.yaml");
        let text = GOOD.replace("match: {}", "match: { channels: [prod, production] }");
        std::fs::write(&file, text).expect("written");
        let start =
            || Poll::start(std::slice::from_ref(&file), NoMatch::Deny).expect("it compiles");
        let told = |mut poll: Poll| {
            let policies = ready(poll.poll()).expect("a change");
            poll.unknown_channels(&policies)
        };
        let known = ["dev", "prod"].map(Arc::from).to_vec();
        assert_eq!(
            told(start().with_channels(known)),
            [
                "policy pinned is for channel production, which no namespace can have; \
              there are dev, prod"
            ]
        );
        assert_eq!(told(start()), [""; 0]);
    }

    #[test]
    fn a_webhook_does_not_start_with_a_policy_that_does_not_compile() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.yaml"), GOOD).expect("written");
        std::fs::write(
            folder.path().join("b.yaml"),
            "kind: TrustPolicy\nspec: { tags: resolve }",
        )
        .expect("written");
        let Err(Stop::Failed(error)) = Poll::start(&[folder.path().to_owned()], NoMatch::Deny)
        else {
            panic!("it starts");
        };
        let text = format!("{error:#}");
        for part in ["b.yaml", "apiVersion", "metadata.name", "spec.tags"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_key_that_changes_is_a_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = |name: &str| {
            let pem = rcgen::KeyPair::generate().expect("a key").public_key_pem();
            std::fs::write(folder.path().join(name), pem).expect("written");
        };
        key("ci.pub");
        let text = GOOD.replace(
            "level: unverified",
            "authorities: [{ name: ci, key: { file: ci.pub } }]",
        );
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, text).expect("written");
        let mut poll = Poll::start(&[file], NoMatch::Deny).expect("it compiles");
        assert!(ready(poll.poll()).is_some());
        assert!(ready(poll.poll()).is_none());
        key("ci.pub");
        assert!(ready(poll.poll()).is_some());
        std::fs::remove_file(folder.path().join("ci.pub")).expect("removed");
        let without = ready(poll.poll()).expect("a change");
        assert!(
            without
                .policies()
                .all(|policy| policy.authorities.iter().all(|a| a.material.is_err()))
        );
    }

    #[test]
    fn a_trust_root_that_changes_or_is_gone_is_a_change() {
        use sigstore_trust_root::{
            SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root.json");
        let write = |text| std::fs::write(&root, text).expect("written");
        write(SIGSTORE_PRODUCTION_TRUSTED_ROOT);
        let text = GOOD.replace(
            "level: unverified",
            "authorities: [{ name: ci, trustRoots: [corp], \
             keyless: { issuer: https://a.test, subject: b } }]",
        );
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, text).expect("written");
        let roots = Configured::default().with_path("corp", &root);
        let mut poll = Poll::start(&[file], NoMatch::Deny)
            .expect("it compiles")
            .with_roots(roots.expect("a name"));
        let usable = |policies: Arc<PolicySet>| {
            let mut authorities = policies.policies().flat_map(|policy| &policy.authorities);
            authorities.all(|authority| authority.material.is_ok())
        };
        assert!(usable(ready(poll.poll()).expect("the first")));
        assert!(ready(poll.poll()).is_none());
        write(SIGSTORE_STAGING_TRUSTED_ROOT);
        assert!(usable(ready(poll.poll()).expect("a change")));
        write("damaged");
        assert!(!usable(ready(poll.poll()).expect("a change")));
        write(SIGSTORE_STAGING_TRUSTED_ROOT);
        assert!(usable(ready(poll.poll()).expect("a change")));
        std::fs::remove_file(&root).expect("removed");
        assert!(!usable(ready(poll.poll()).expect("a change")));
    }
}
