//! What the names of trust roots mean.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::path;
use super::tuf::TufRoot;
use crate::trust::{MaterialError, PUBLIC_GOOD, TrustRoot};

/// The named trust roots of this program. Without configuration there is one:
/// `public-good`, as it was when floe was built.
#[derive(Debug, Clone)]
pub struct Configured {
    roots: BTreeMap<Arc<str>, Named>,
}

#[derive(Debug, Clone)]
enum Named {
    /// Read when it is asked for the first time.
    Embedded(OnceLock<Result<Arc<TrustRoot>, String>>),
    /// Read each time: a file that changes takes effect, or is missed.
    Path(PathBuf),
    Tuf(Arc<TufRoot>),
}

/// Why a root cannot be configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfiguredError {
    /// Not a name.
    #[error(
        "{0:?} is no name for a trust root; write 1 to 63 lower-case letters, digits or \
         hyphens that begin and end with a letter or digit"
    )]
    Name(String),
    /// There is one of this name.
    #[error("trust root {0} is given twice")]
    Twice(String),
}

impl Default for Configured {
    fn default() -> Self {
        let embedded = Named::Embedded(OnceLock::new());
        Self {
            roots: BTreeMap::from([(Arc::from(PUBLIC_GOOD), embedded)]),
        }
    }
}

impl Configured {
    /// Whether `name` can be the name of a trust root.
    pub fn is_name(name: &str) -> bool {
        let end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let inside = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let bytes = name.as_bytes();
        bytes.len() <= 63 && bytes.iter().all(inside) && end(bytes.first()) && end(bytes.last())
    }

    /// Adds the root at `path`: a file or folder, read each time. `public-good`
    /// replaces the embedded one.
    ///
    /// # Errors
    ///
    /// Not a name, or one that was given before.
    pub fn with_path(self, name: &str, path: impl Into<PathBuf>) -> Result<Self, ConfiguredError> {
        self.with(name, Named::Path(path.into()))
    }

    /// Adds a root from TUF, under its own name. Nobody is asked for anything
    /// by this: whoever wants it kept fresh runs a
    /// [`Refresher`](super::tuf::Refresher).
    ///
    /// # Errors
    ///
    /// Not a name, or one that was given before.
    pub fn with_tuf(self, root: Arc<TufRoot>) -> Result<Self, ConfiguredError> {
        let name = Arc::clone(root.name());
        self.with(&name, Named::Tuf(root))
    }

    /// Adds what an argument of the form `[NAME=]PATH` says; without a name it
    /// is `public-good`. What stands before the first `=` is a name only if it
    /// can be one, so that a path may have that character behind a slash.
    ///
    /// # Errors
    ///
    /// As of [`Configured::with_path`].
    pub fn with_argument(self, argument: &str) -> Result<Self, ConfiguredError> {
        let (name, path) = Self::split(argument);
        self.with_path(name, path)
    }

    /// Name and path of an argument of the form `[NAME=]PATH`.
    pub fn split(argument: &str) -> (&str, &str) {
        match argument.split_once('=') {
            Some((name, path)) if !name.contains('/') => (name, path),
            _ => (PUBLIC_GOOD, argument),
        }
    }

    fn with(mut self, name: &str, named: Named) -> Result<Self, ConfiguredError> {
        if !Self::is_name(name) {
            return Err(ConfiguredError::Name(name.to_owned()));
        }
        match self.roots.get(name) {
            None | Some(Named::Embedded(_)) => {
                self.roots.insert(Arc::from(name), named);
                Ok(self)
            }
            Some(_) => Err(ConfiguredError::Twice(name.to_owned())),
        }
    }

    /// Whether a root of this name was given, the embedded one not counted.
    pub fn names(&self, name: &str) -> bool {
        let known = self.roots.get(name);
        known.is_some_and(|named| !matches!(named, Named::Embedded(_)))
    }

    /// The roots that come from TUF.
    pub fn tuf(&self) -> impl Iterator<Item = &Arc<TufRoot>> {
        self.roots.values().filter_map(|named| match named {
            Named::Tuf(root) => Some(root),
            Named::Embedded(_) | Named::Path(_) => None,
        })
    }

    /// Whether each root from TUF has been read from its cache or asked for
    /// once, with whatever success.
    pub fn tried(&self) -> bool {
        self.tuf().all(|root| root.tried())
    }

    /// The root of this name, as it is at `now`.
    ///
    /// # Errors
    ///
    /// There is none of this name, it cannot be read, or its metadata has
    /// expired.
    pub(super) fn resolve(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Arc<TrustRoot>, MaterialError> {
        let missing = |why| MaterialError::unavailable(format!("trust root {name}: {why}"));
        match self.roots.get(name) {
            None => {
                let names: Vec<_> = self.roots.keys().map(|name| &**name).collect();
                Err(missing(format!(
                    "no root of this name is configured; there are {}",
                    names.join(", ")
                )))
            }
            Some(Named::Embedded(root)) => root
                .get_or_init(|| match TrustRoot::public_good() {
                    Ok(root) => Ok(Arc::new(root)),
                    Err(error) => Err(error.to_string()),
                })
                .clone()
                .map_err(missing),
            Some(Named::Path(path)) => path::root(name, path)
                .map(Arc::new)
                .map_err(|why| missing(format!("{}: {why}", path.display()))),
            Some(Named::Tuf(root)) => root.resolve(now),
        }
    }
}
