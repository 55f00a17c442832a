//! The settings file as written.

use std::path::PathBuf;

use serde::Deserialize;

/// The whole document: `apiVersion: floe.dev/v1`, `kind: Settings`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsFile {
    /// `floe.dev/v1`.
    pub api_version: String,
    /// `Settings`.
    pub kind: String,
    /// Address and port to serve HTTPS on.
    #[serde(default)]
    pub listen: Option<String>,
    /// Address and port to serve `/metrics`, `/healthz` and `/readyz` on over
    /// plain HTTP, besides HTTPS.
    #[serde(default)]
    pub metrics_listen: Option<String>,
    /// The serving certificate, and who may call.
    #[serde(default)]
    pub tls: TlsFile,
    /// Policy files and folders.
    #[serde(default)]
    pub policies: Vec<PathBuf>,
    /// What is decided where no policy matches: `deny`, `warn` or `allow`.
    #[serde(default)]
    pub no_match: Option<String>,
    /// Which namespaces have which channels.
    #[serde(default)]
    pub channels: ChannelsFile,
    /// Registries that need something special.
    #[serde(default)]
    pub registries: Vec<RegistryFile>,
    /// Where images come from that are pulled from somewhere else.
    #[serde(default)]
    pub mirrors: Vec<MirrorFile>,
    /// Where signatures are kept that are not beside the images.
    #[serde(default)]
    pub signatures: Vec<SignaturesFile>,
    /// Trust roots that policies name.
    #[serde(default)]
    pub trust_roots: Vec<TrustRootFile>,
    /// Bounds.
    #[serde(default)]
    pub limits: LimitsFile,
    /// Where kinds of other people keep their images.
    #[serde(default)]
    pub kinds: Vec<KindFile>,
    /// The log.
    #[serde(default)]
    pub log: LogFile,
}

/// `tls`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsFile {
    /// PEM certificate chain, leaf first.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// PEM private key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// PEM certificates of the authority whose client certificates are
    /// required.
    #[serde(default, rename = "clientCAFile")]
    pub client_ca_file: Option<PathBuf>,
}

/// `channels`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelsFile {
    /// Channel names from the least to the most strict.
    #[serde(default)]
    pub order: Vec<String>,
    /// The channel of namespaces that no entry names.
    #[serde(default)]
    pub default: Option<String>,
    /// Namespaces with channels of their own; every entry that matches gives
    /// one.
    #[serde(default)]
    pub namespaces: Vec<NamespaceChannels>,
}

/// One entry of `channels.namespaces`: either `channel` or `allowed`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceChannels {
    /// Namespace names; `*` stands for any characters.
    pub names: Vec<String>,
    /// The one channel.
    #[serde(default)]
    pub channel: Option<String>,
    /// The channels to choose from: the one after `floe-` in the namespace's
    /// name, else the default, else the strictest.
    #[serde(default)]
    pub allowed: Option<Vec<String>>,
}

/// One entry of `registries`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistryFile {
    /// `HOST` or `HOST:PORT`.
    pub host: String,
    /// PEM certificates to trust for this registry.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Talk plain HTTP. Weakens everything: whoever is on the way can hide
    /// signatures.
    #[serde(default, rename = "insecureHTTP")]
    pub insecure_http: bool,
    /// A docker `config.json` with the credentials for this registry.
    #[serde(default)]
    pub docker_config: Option<PathBuf>,
    /// Hosts besides the registry's own that may get its credentials as token
    /// realms.
    #[serde(default)]
    pub realm_hosts: Vec<String>,
    /// Hosts inside that the registry may redirect to, such as the object store
    /// behind it. They are never given its credentials.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
}

/// One entry of `mirrors`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MirrorFile {
    /// Where images are pulled from: a registry, or the beginning of the names
    /// of repositories.
    pub mirror: String,
    /// Where they come from, in the same form.
    pub of: String,
}

/// One entry of `signatures`; the first that matches an image counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignaturesFile {
    /// Pattern for the repositories of the images.
    pub images: String,
    /// The repository that holds what is attached to them.
    #[serde(default)]
    pub repository: Option<String>,
    /// What the tags of cosign's legacy layout begin with.
    #[serde(default)]
    pub tag_prefix: Option<String>,
}

/// One entry of `trustRoots`: either `file` or `tuf`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustRootFile {
    /// What policies call it; `public-good` replaces the one that is embedded.
    pub name: String,
    /// `trusted_root.json`, certificates in PEM, or a folder with the one or the
    /// other.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// A TUF repository that has it.
    #[serde(default)]
    pub tuf: Option<TufFile>,
}

/// `trustRoots[].tuf`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TufFile {
    /// URL of the repository.
    pub mirror: String,
    /// The initial `root.json`, which everything is verified from.
    pub root: PathBuf,
    /// A folder of its own for what was verified.
    pub cache: PathBuf,
    /// The target that is the trust root.
    #[serde(default)]
    pub target: Option<String>,
    /// How often to ask, such as `1h`.
    #[serde(default)]
    pub refresh_every: Option<String>,
    /// PEM certificates to trust for the mirror.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Talk plain HTTP: whoever is on the way can withhold updates until the
    /// metadata expires.
    #[serde(default, rename = "insecureHTTP")]
    pub insecure_http: bool,
}

/// `limits`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitsFile {
    /// Time for one review, such as `8s`.
    #[serde(default)]
    pub review_timeout: Option<String>,
    /// Bytes of a review.
    #[serde(default)]
    pub body_bytes: Option<usize>,
    /// Reviews at the same time.
    #[serde(default)]
    pub concurrent_reviews: Option<usize>,
    /// Reviews that wait for a registry at the same time.
    #[serde(default)]
    pub waiting_reviews: Option<usize>,
    /// Connections at the same time.
    #[serde(default)]
    pub connections: Option<usize>,
    /// Time to finish what is under way when asked to stop, such as `25s`.
    #[serde(default)]
    pub drain: Option<String>,
    /// How often policies, keys and certificates are read again, such as `5s`.
    #[serde(default)]
    pub poll: Option<String>,
}

/// One entry of `kinds`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindFile {
    /// The API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// The kind.
    pub kind: String,
    /// Field paths such as `spec.jobs[*].image`.
    pub paths: Vec<String>,
}

/// `log`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogFile {
    /// `json` or `text`.
    #[serde(default)]
    pub format: Option<String>,
    /// A file to append to; standard error without it.
    #[serde(default)]
    pub file: Option<PathBuf>,
}
