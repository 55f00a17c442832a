//! Policies ready to run, and which of them apply to an image.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::pattern::{ImagePattern, NamePattern};
use super::{AttestationRequirement, IdentityRule};
use crate::evidence::Location;
use crate::oci::{Digest, Repository};
use crate::trust::{AuthorityMaterial, Demands, OldBundles, Signers, TrustRoot, Window};
use crate::verdict::{Code, Enforcement, Finding, NoMatch, PolicyName, Subject};

/// Index of one authority's material in its [`PolicySet`]. Authorities with the
/// same material share it, whatever their names and policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaterialId(pub(crate) usize);

/// How authorities combine; the numbers are indices into
/// [`Policy::authorities`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// This authority must have signed.
    Authority(usize),
    /// At least one; never empty.
    AnyOf(Vec<Requirement>),
    /// Every one, by distinct signers; never empty.
    AllOf(Vec<Requirement>),
    /// At least `k`, by distinct signers; `1 <= k <= of.len()`.
    Threshold {
        /// How many.
        k: usize,
        /// Of which.
        of: Vec<Requirement>,
    },
}

impl Requirement {
    /// Adds every authority that it names to `all`.
    pub(super) fn authorities(&self, all: &mut BTreeSet<usize>) {
        match self {
            Self::Authority(at) => {
                all.insert(*at);
            }
            Self::AnyOf(of) | Self::AllOf(of) | Self::Threshold { of, .. } => {
                of.iter().for_each(|child| child.authorities(all));
            }
        }
    }
}

/// Whom a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The name in the policy.
    pub name: Arc<str>,
    /// What its signatures are checked against, or why that could not be had.
    pub material: Result<MaterialId, Unavailable>,
    /// Whom the certificates of its signatures must name; `None` where keys
    /// sign.
    pub identity: Option<IdentityRule>,
    /// When its key counts; certificates have dates of their own.
    pub validity: Window,
}

/// Material that cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// The reason of everything that is inconclusive because of it.
    pub code: Code,
    /// One sentence that begins with what could not be had.
    pub why: Arc<str>,
}

/// What a policy says about references without a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tags {
    /// Denied.
    #[default]
    Deny,
    /// Judged by the digest that the tag names now. Only the command line makes
    /// such a policy, for a key given without a policy.
    Resolve,
}

/// What has to be signed where a reference names an image index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MultiArch {
    /// The digest that is referenced, whatever it is. A child that is
    /// referenced directly counts by its own signature, and a signed index
    /// speaks for its children only where the index is referenced.
    #[default]
    Index,
    /// If the digest that is referenced is an index: every entry in it, nested
    /// ones and those of unknown platforms too, by the same signers in the same
    /// repository. An image: itself.
    EveryChild,
    /// The digest that is referenced, which must be of a single image: an index
    /// is refused.
    Child,
}

/// One policy, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// How its outcome is rendered.
    pub enforcement: Enforcement,
    /// What it says about tags.
    pub tags: Tags,
    /// Whom it accepts.
    pub authorities: Vec<Authority>,
    /// How they combine; `None` for level `unverified`, which demands nothing
    /// but a digest.
    pub requirement: Option<Requirement>,
    /// The attestations that must be there besides, for level `attested`; empty
    /// for every other. They are decided from complete evidence only: whoever
    /// decides before every location was looked at says so with a gap.
    pub attestations: Vec<AttestationRequirement>,
    /// What has to be signed where the reference names an image index.
    pub multi_arch: MultiArch,
    /// Whether a signature must name the repository that it is for.
    pub signed_for_repository: bool,
    /// Which versions of the bundle format it accepts.
    pub old_bundles: OldBundles,
    /// How long evidence may be used without having been looked at again.
    pub known_good_for: Duration,
    /// Set where the document cannot be evaluated: what to report instead. Such
    /// a policy denies in its scope.
    pub broken: Option<Finding>,
}

/// Which images and places a policy is for. All that is given must match; an
/// empty list means that nothing was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) images: Vec<ImagePattern>,
    pub(super) channels: Vec<Arc<str>>,
    pub(super) namespaces: Vec<NamePattern>,
}

/// All policies in force, with the material of their authorities. Immutable;
/// swapped whole.
#[derive(Debug, Clone)]
pub struct PolicySet {
    pub(super) policies: Vec<(Matcher, Arc<Policy>)>,
    pub(super) materials: Vec<Arc<AuthorityMaterial>>,
    pub(super) no_match: NoMatch,
    pub(super) hash: Digest,
}

impl Default for PolicySet {
    /// No policy, so that everything is denied.
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            materials: Vec::new(),
            no_match: NoMatch::Deny,
            hash: Digest::sha256(b""),
        }
    }
}

/// Whether a policy is known to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    /// It does.
    Yes,
    /// It may: what it names of the subject is not known.
    Unknown(Finding),
}

/// One policy that applies, or may.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Whether it is known to apply.
    pub applies: Applies,
}

/// The policies for one image in one place.
#[derive(Debug, Clone)]
pub struct Selection {
    /// In the order of the documents, `off` ones included.
    pub policies: Vec<Selected>,
    /// What is decided if none of them is evaluated.
    pub no_match: NoMatch,
}

impl PolicySet {
    /// A policy that matches everything, accepts any of these authorities and
    /// judges tags by the digest they name now: what a key given without a
    /// policy means. It is called `keys`.
    ///
    /// Without any authority nothing can satisfy it.
    pub fn for_keys(keys: Vec<(Arc<str>, Arc<AuthorityMaterial>)>) -> Self {
        let mut set = Self::default();
        let mut hashed = b"floe keys v1\0".to_vec();
        let mut authorities = Vec::with_capacity(keys.len());
        for (name, material) in keys {
            hashed.extend_from_slice(material.fingerprint().as_bytes());
            authorities.push(Authority {
                name,
                material: Ok(set.intern(material)),
                identity: None,
                validity: Window::default(),
            });
        }
        set.about_everything("keys", authorities, &hashed);
        set
    }

    /// A policy that matches everything, accepts certificates of `roots` for
    /// exactly this subject alternative name and issuer, with a log entry and a
    /// signed certificate timestamp, and judges tags by the digest they name
    /// now: what an identity given without a policy means. It is called
    /// `identity`, as is its authority.
    ///
    /// Without any root nothing can satisfy it.
    pub fn for_identity(identity: &str, issuer: &str, roots: Vec<Arc<TrustRoot>>) -> Self {
        let mut set = Self::default();
        let material = AuthorityMaterial::new(Signers::Keyless, roots, Demands::KEYLESS);
        let mut hashed = b"floe identity v1\0".to_vec();
        hashed.extend_from_slice(material.fingerprint().as_bytes());
        for text in [identity, issuer] {
            hashed.extend_from_slice(&(text.len() as u64).to_be_bytes());
            hashed.extend_from_slice(text.as_bytes());
        }
        let authority = Authority {
            name: "identity".into(),
            material: Ok(set.intern(Arc::new(material))),
            identity: Some(IdentityRule::exact(identity, issuer)),
            validity: Window::default(),
        };
        set.about_everything("identity", vec![authority], &hashed);
        set
    }

    /// Adds the one policy of a set that no document stands behind.
    fn about_everything(&mut self, name: &str, authorities: Vec<Authority>, hashed: &[u8]) {
        let policy = Policy {
            name: PolicyName(name.into()),
            enforcement: Enforcement::Enforce,
            tags: Tags::Resolve,
            requirement: Some(super::require::any_of_all(authorities.len())),
            attestations: Vec::new(),
            authorities,
            multi_arch: MultiArch::Index,
            signed_for_repository: false,
            old_bundles: OldBundles::Refused,
            known_good_for: Duration::ZERO,
            broken: None,
        };
        self.policies.push((Matcher::default(), Arc::new(policy)));
        self.hash = Digest::sha256(hashed);
    }

    /// The same policies with another answer for images that none of them is
    /// about.
    #[must_use]
    pub fn with_no_match(self, no_match: NoMatch) -> Self {
        Self { no_match, ..self }
    }

    /// The index of `material`, which policies with equal material share.
    pub(super) fn intern(&mut self, material: Arc<AuthorityMaterial>) -> MaterialId {
        let known = self
            .materials
            .iter()
            .position(|other| other.fingerprint() == material.fingerprint());
        MaterialId(known.unwrap_or_else(|| {
            self.materials.push(material);
            self.materials.len() - 1
        }))
    }

    /// Finds the policies for an image of `repository` used at `subject`.
    ///
    /// Nothing is allocated but the result.
    pub fn select(&self, repository: &Repository, subject: &Subject) -> Selection {
        let policies = self
            .policies
            .iter()
            .filter_map(|(matcher, policy)| {
                let applies = matcher.applies(repository, subject, &policy.name)?;
                let policy = Arc::clone(policy);
                Some(Selected { policy, applies })
            })
            .collect();
        let no_match = self.no_match;
        Selection { policies, no_match }
    }

    /// Every policy in force, in the order of the documents.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &Arc<Policy>> {
        self.policies.iter().map(|(_, policy)| policy)
    }

    /// Each channel that a policy names, with the policy.
    pub fn channels(&self) -> impl Iterator<Item = (&PolicyName, &str)> {
        self.policies.iter().flat_map(|(matcher, policy)| {
            let channels = matcher.channels.iter();
            channels.map(|channel| (&policy.name, &**channel))
        })
    }

    /// Identity of what is in force: documents and material. Two sets with one
    /// hash decide alike.
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// All material, in order.
    pub fn every_material(
        &self,
    ) -> impl ExactSizeIterator<Item = (MaterialId, &Arc<AuthorityMaterial>)> {
        let numbered = self.materials.iter().enumerate();
        numbered.map(|(at, material)| (MaterialId(at), material))
    }

    /// The material behind an index.
    pub fn material(&self, id: MaterialId) -> &Arc<AuthorityMaterial> {
        &self.materials[id.0]
    }
}

impl Matcher {
    /// Whether the policy `policy` is for this image in this place; `None` if it
    /// certainly is not.
    fn applies(
        &self,
        repository: &Repository,
        subject: &Subject,
        policy: &PolicyName,
    ) -> Option<Applies> {
        let image = self.images.is_empty() || self.images.iter().any(|p| p.matches(repository));
        if !image {
            return None;
        }
        let mut unknown = None;
        if !self.namespaces.is_empty() {
            match &subject.namespace {
                Some(namespace) if self.namespaces.iter().any(|p| p.matches(namespace)) => {}
                Some(_) => return None,
                None => unknown = Some("namespace"),
            }
        }
        if !self.channels.is_empty() {
            match &subject.channels {
                Some(channels) if channels.iter().any(|c| self.channels.contains(c)) => {}
                Some(_) => return None,
                None => unknown = unknown.or(Some("channel")),
            }
        }
        Some(unknown.map_or(Applies::Yes, |what| {
            Applies::Unknown(Finding::blocked(
                Code::SubjectIncomplete,
                format!("policy {policy} is for images in certain {what}s; name the {what}"),
            ))
        }))
    }
}

impl Selection {
    /// Whether any policy is to be evaluated, so that a request may go out.
    pub fn is_evaluated(&self) -> bool {
        self.policies
            .iter()
            .any(|selected| selected.policy.enforcement != Enforcement::Off)
    }

    /// Where evidence is looked for: where signatures are, and where attestations
    /// are if one is demanded.
    pub fn locations(&self) -> &'static [Location] {
        if self.demands_attestations() {
            &Location::ALL
        } else {
            &Location::SIGNATURES
        }
    }

    /// Whether any policy to be evaluated demands attestations. What is found
    /// later may then take back what satisfies now, so that nothing is concluded
    /// before every location that may hold one was looked at.
    pub fn demands_attestations(&self) -> bool {
        self.demanding()
            .any(|policy| !policy.attestations.is_empty())
    }

    /// The policies that are evaluated from evidence.
    fn demanding(&self) -> impl Iterator<Item = &Policy> {
        let demands = |selected: &&Selected| {
            selected.policy.enforcement != Enforcement::Off
                && selected.policy.requirement.is_some()
                && selected.policy.broken.is_none()
                && selected.applies == Applies::Yes
        };
        let demanding = self.policies.iter().filter(demands);
        demanding.map(|selected| &*selected.policy)
    }

    /// Whether any policy to be evaluated demands signatures.
    pub fn needs_evidence(&self) -> bool {
        self.demanding().next().is_some()
    }

    /// Whether what a policy demands depends on whether the reference names an
    /// index.
    pub fn asks_for_manifest(&self) -> bool {
        self.demanding()
            .any(|policy| policy.multi_arch != MultiArch::Index)
    }

    /// Whether a policy demands something of what is referenced itself, if that
    /// is an index.
    pub fn asks_for_index(&self) -> bool {
        self.demanding()
            .any(|policy| policy.multi_arch == MultiArch::Index)
    }

    /// Whether a policy demands something of every entry of an index.
    pub fn asks_for_children(&self) -> bool {
        self.demanding()
            .any(|policy| policy.multi_arch == MultiArch::EveryChild)
    }

    /// The distinct material that the evaluated policies need, in order.
    pub fn materials(&self) -> Vec<MaterialId> {
        let mut ids: Vec<_> = self
            .policies
            .iter()
            .filter(|selected| selected.policy.enforcement != Enforcement::Off)
            .flat_map(|selected| &selected.policy.authorities)
            .filter_map(|authority| authority.material.as_ref().ok().copied())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
