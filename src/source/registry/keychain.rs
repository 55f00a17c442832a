//! Credentials as Docker's `config.json` keeps them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::credential::scope_of;
use super::helper::Helper;
use super::{Credential, Secret};
use crate::oci::{Registry, Repository};
use crate::source::Scope;

/// Longest configuration file that is read.
const MAX_FILE: u64 = 1024 * 1024;
/// The name under which Docker's own tools keep the credentials of Docker Hub.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// Where the credentials of registries come from. Cheap to clone.
///
/// A credential helper named for the registry comes first, then `credsStore`,
/// then the longest matching entry of `auths`. Entries may name a registry or
/// a path in it (`ghcr.io/acme`), with or without `https://` and `/v1/`.
#[derive(Debug, Clone, Default)]
pub struct Keychain {
    entries: Arc<Entries>,
    helpers: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Entries {
    /// (registry, path prefix or empty) → credential.
    auths: Vec<(Registry, String, Credential)>,
    /// registry → (helper, name to ask for).
    helpers: BTreeMap<Registry, (String, String)>,
    store: Option<String>,
}

/// Why a configuration file cannot be used. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum KeychainError {
    /// The file is there and cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not JSON of the known form.
    #[error("line {line} of the registry credentials is not what Docker's config.json has there")]
    Syntax {
        /// The line where reading stopped.
        line: usize,
    },
    /// `auth` is not base64 of `USER:PASSWORD`.
    #[error("the auth entry of {server} is not base64 of USER:PASSWORD")]
    Auth {
        /// The key of the entry.
        server: String,
    },
    /// The name of a helper could lead to another program.
    #[error("{name:?} is not the name of a credential helper")]
    HelperName {
        /// The name.
        name: String,
    },
    /// Larger than any such file.
    #[error("the registry credentials are larger than {MAX_FILE} bytes")]
    TooLarge,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct File {
    auths: BTreeMap<String, Auth>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// How to come to a credential, before anything has run.
#[derive(Debug, Clone)]
pub(super) enum Provider {
    Anonymous,
    Fixed(Credential),
    Helper(Helper),
}

impl Keychain {
    /// No credentials at all.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Reads `config.json`: the file itself, or the folder that `DOCKER_CONFIG`
    /// names. A file that does not exist is a keychain without credentials.
    ///
    /// # Errors
    ///
    /// [`KeychainError`] if the file exists and cannot be used.
    pub fn load(path: &Path) -> Result<Self, KeychainError> {
        let path = if path.is_dir() {
            path.join("config.json")
        } else {
            path.to_owned()
        };
        let unreadable = |source| KeychainError::Unreadable {
            path: path.clone(),
            source,
        };
        let mut bytes = Vec::new();
        match std::fs::File::open(&path) {
            Ok(file) => {
                io::Read::read_to_end(&mut io::Read::take(file, MAX_FILE + 1), &mut bytes)
                    .map_err(unreadable)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::anonymous()),
            Err(error) => return Err(unreadable(error)),
        }
        Self::from_docker_config(&bytes)
    }

    /// Reads the text of a `config.json`, such as a Secret of type
    /// `kubernetes.io/dockerconfigjson` holds.
    ///
    /// # Errors
    ///
    /// [`KeychainError`] if it cannot be used.
    pub fn from_docker_config(bytes: &[u8]) -> Result<Self, KeychainError> {
        if bytes.len() as u64 > MAX_FILE {
            return Err(KeychainError::TooLarge);
        }
        // The parser's own words may quote a secret, so only the line is kept.
        let file: File = serde_json::from_slice(bytes)
            .map_err(|error| KeychainError::Syntax { line: error.line() })?;
        let mut entries = Entries::default();
        for (server, auth) in file.auths {
            let Some((registry, path)) = server_of(&server) else {
                continue;
            };
            if let Some(credential) = auth.credential(&server)? {
                entries.auths.push((registry, path, credential));
            }
        }
        // The longest path first; it names the repository most closely.
        entries
            .auths
            .sort_by_key(|(_, path, _)| std::cmp::Reverse(path.len()));
        for (server, name) in file.helpers {
            check_name(&name)?;
            if let Some((registry, _)) = server_of(&server) {
                entries.helpers.insert(registry, (name, server));
            }
        }
        if let Some(name) = file.store.filter(|name| !name.is_empty()) {
            check_name(&name)?;
            entries.store = Some(name);
        }
        Ok(Self {
            entries: Arc::new(entries),
            helpers: None,
        })
    }

    /// Looks for credential helpers in this folder only, instead of `PATH`.
    #[must_use]
    pub fn with_helpers_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.helpers = Some(folder.into());
        self
    }

    pub(super) fn provider(&self, repository: &Repository) -> Provider {
        let registry = repository.registry();
        if let Some((name, server)) = self.entries.helpers.get(registry) {
            return Provider::Helper(self.helper(name, server.clone()));
        }
        if let Some(name) = &self.entries.store {
            let server = if registry.is_docker_hub() {
                DOCKER_HUB_SERVER.to_owned()
            } else {
                registry.to_string()
            };
            return Provider::Helper(self.helper(name, server));
        }
        self.entries
            .auths
            .iter()
            .find(|(host, path, _)| host == registry && covers(path, repository.path()))
            .map_or(Provider::Anonymous, |(_, _, credential)| {
                Provider::Fixed(credential.clone())
            })
    }

    fn helper(&self, name: &str, server: String) -> Helper {
        let program = format!("docker-credential-{name}");
        Helper {
            program: match &self.helpers {
                Some(folder) => folder.join(program),
                None => program.into(),
            },
            server,
        }
    }
}

impl Provider {
    pub(super) fn scope(&self, registry: &Registry) -> Scope {
        match self {
            Self::Anonymous => Scope::default(),
            Self::Fixed(credential) => credential.scope(registry.as_str()),
            // What the helper will say is not known without running it; that
            // it is the same helper is.
            Self::Helper(helper) => scope_of(&[
                "helper",
                registry.as_str(),
                &helper.program.to_string_lossy(),
                &helper.server,
            ]),
        }
    }
}

impl Auth {
    fn credential(self, server: &str) -> Result<Option<Credential>, KeychainError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = given(self.registrytoken) {
            return Ok(Some(Credential::Token(Secret::new(token))));
        }
        if let Some(token) = given(self.identitytoken) {
            return Ok(Some(Credential::Identity(Secret::new(token))));
        }
        if let Some(auth) = given(self.auth) {
            let bad = || KeychainError::Auth {
                server: server.to_owned(),
            };
            let text = STANDARD.decode(auth.trim()).map_err(|_| bad())?;
            let text = String::from_utf8(text).map_err(|_| bad())?;
            let (username, password) = text.split_once(':').ok_or_else(bad)?;
            return Ok(Some(Credential::Password {
                username: username.to_owned(),
                // Some tools pad the password with NUL.
                password: Secret::new(password.trim_end_matches('\0')),
            }));
        }
        Ok(match (given(self.username), given(self.password)) {
            (Some(username), Some(password)) => Some(Credential::Password {
                username,
                password: Secret::new(password),
            }),
            _ => None,
        })
    }
}

/// The registry and path that a key such as `https://index.docker.io/v1/`
/// names. A key that is neither is somebody else's and names nothing.
fn server_of(key: &str) -> Option<(Registry, String)> {
    let rest = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = match path.trim_end_matches('/') {
        "v1" | "v2" => "",
        other => other,
    };
    Some((host.parse().ok()?, path.to_owned()))
}

fn covers(prefix: &str, path: &str) -> bool {
    prefix.is_empty()
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_name(name: &str) -> Result<(), KeychainError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(legal) {
        Ok(())
    } else {
        Err(KeychainError::HelperName {
            name: name.chars().take(64).collect(),
        })
    }
}
