//! Which channels a namespace is in: configuration first, and names only inside
//! what configuration allows.

use std::sync::Arc;

use super::pattern::{NamePattern, PatternError};
use super::spec::is_dns_label;

/// Channel names and the namespaces that belong to them.
///
/// Whoever may create or label a namespace cannot choose a channel that
/// configuration does not allow for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMap {
    order: Vec<Arc<str>>,
    entries: Vec<(NamePattern, Vec<usize>)>,
    default: usize,
}

/// Why a configuration of channels is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// No channel at all.
    #[error("there must be at least one channel")]
    Empty,
    /// Not a DNS label.
    #[error("{0:?} is not a channel name; use lower-case letters, digits and hyphens")]
    Name(String),
    /// Named twice.
    #[error("channel {0:?} is named twice")]
    Duplicate(String),
    /// Used, but not in the list.
    #[error("channel {name:?} is not one of {known}")]
    Unknown {
        /// What was written.
        name: String,
        /// What there is.
        known: String,
    },
    /// An entry that allows nothing.
    #[error("namespaces {0:?} are given no channel")]
    NoChannel(String),
    /// Not a pattern for namespaces.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Default for ChannelMap {
    /// `dev`, `test`, `staging`, `prod`; every namespace is in `prod`.
    fn default() -> Self {
        let order: Vec<Arc<str>> = ["dev", "test", "staging", "prod"].map(Arc::from).into();
        Self {
            default: order.len() - 1,
            entries: Vec::new(),
            order,
        }
    }
}

impl ChannelMap {
    /// Channels from the loosest to the strictest, what each pattern of
    /// namespace names is allowed, and the channel of everything else: the
    /// strictest unless named.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, see [`ChannelError`].
    pub fn new(
        order: &[String],
        entries: &[(String, Vec<String>)],
        default: Option<&str>,
    ) -> Result<Self, Vec<ChannelError>> {
        let mut errors = Vec::new();
        if order.is_empty() {
            errors.push(ChannelError::Empty);
        }
        for (index, name) in order.iter().enumerate() {
            if !is_dns_label(name) {
                errors.push(ChannelError::Name(name.chars().take(80).collect()));
            }
            if order[..index].contains(name) {
                errors.push(ChannelError::Duplicate(name.clone()));
            }
        }
        let find = |name: &str| {
            order
                .iter()
                .position(|known| known == name)
                .ok_or_else(|| ChannelError::Unknown {
                    name: name.chars().take(80).collect(),
                    known: order.join(", "),
                })
        };
        let mut compiled = Vec::with_capacity(entries.len());
        for (pattern, names) in entries {
            if names.is_empty() {
                errors.push(ChannelError::NoChannel(pattern.clone()));
            }
            let mut allowed = Vec::with_capacity(names.len());
            for name in names {
                match find(name) {
                    Ok(at) => allowed.push(at),
                    Err(error) => errors.push(error),
                }
            }
            allowed.sort_unstable();
            allowed.dedup();
            match NamePattern::parse(pattern) {
                Ok(pattern) => compiled.push((pattern, allowed)),
                Err(error) => errors.push(error.into()),
            }
        }
        let default = match default.map(find) {
            None => order.len().saturating_sub(1),
            Some(Ok(at)) => at,
            Some(Err(error)) => {
                errors.push(error);
                0
            }
        };
        if errors.is_empty() {
            Ok(Self {
                order: order.iter().map(|name| name.as_str().into()).collect(),
                entries: compiled,
                default,
            })
        } else {
            Err(errors)
        }
    }

    /// All channels, from the loosest to the strictest.
    pub fn order(&self) -> &[Arc<str>] {
        &self.order
    }

    /// The channels of a namespace, from the loosest to the strictest; never
    /// empty. Policies of all of them apply.
    ///
    /// Every entry that matches the name gives one channel: its only one; else
    /// the one that the name `floe-<channel>` chooses among its own; else the
    /// default if that is among them; else its strictest. Where no entry
    /// matches, the name chooses nothing and the default stands.
    pub fn channels(&self, namespace: &str) -> Vec<Arc<str>> {
        let chosen = namespace.strip_prefix("floe-");
        let mut found: Vec<usize> = self
            .entries
            .iter()
            .filter(|(pattern, _)| pattern.matches(namespace))
            .filter_map(|(_, allowed)| {
                allowed
                    .iter()
                    .find(|at| Some(&*self.order[**at]) == chosen)
                    .or_else(|| allowed.iter().find(|at| **at == self.default))
                    .or(allowed.last())
                    .copied()
            })
            .collect();
        if found.is_empty() {
            found.push(self.default);
        }
        found.sort_unstable();
        found.dedup();
        found
            .into_iter()
            .map(|at| Arc::clone(&self.order[at]))
            .collect()
    }
}
