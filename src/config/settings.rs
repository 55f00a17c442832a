//! The settings as resolved: defaults filled in, texts parsed, paths made
//! absolute against the folder of the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{
    ChannelsFile, LogFile, MirrorFile, NamespaceChannels, RegistryFile, SettingsFile,
    SignaturesFile, TlsFile,
};
use super::roots::TrustRootSettings;
use crate::oci::Registry;

/// Why a settings file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not YAML, or a field is unknown or of another type.
    #[error("{origin}: {detail}")]
    Syntax {
        /// The file.
        origin: String,
        /// What is wrong and where.
        detail: String,
    },
    /// Values that do not make sense, all of them.
    #[error("{origin}: {}", join(problems))]
    Invalid {
        /// The file.
        origin: String,
        /// Every problem.
        problems: Vec<SettingsProblem>,
    },
}

/// One value that does not make sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct SettingsProblem {
    /// Path of the field, such as `registries[0].host`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

fn join(problems: &[SettingsProblem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// The serving certificate, and who may call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// Certificate chain and key; `None` for a self-signed certificate.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The authority whose client certificates are required.
    pub client_ca: Option<PathBuf>,
}

/// A kind of somebody else, and where it keeps its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindPaths {
    /// The API group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// Its field paths, as written.
    pub paths: Vec<String>,
}

/// One registry that needs something special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Which.
    pub registry: Registry,
    /// PEM certificates to trust for it.
    pub ca_file: Option<PathBuf>,
    /// Whether to talk plain HTTP.
    pub insecure_http: bool,
    /// A docker `config.json` with its credentials.
    pub docker_config: Option<PathBuf>,
    /// Other hosts that may get its credentials.
    pub realm_hosts: Vec<String>,
    /// Hosts inside that it may redirect to, without its credentials.
    pub redirect_hosts: Vec<String>,
}

/// Everything resolved.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address of the HTTPS port.
    pub listen: SocketAddr,
    /// Address of the plain port for metrics and probes.
    pub metrics_listen: Option<SocketAddr>,
    /// Certificates.
    pub tls: TlsSettings,
    /// Policy files and folders.
    pub policies: Vec<PathBuf>,
    /// `deny`, `warn` or `allow`, checked.
    pub no_match: NoMatchSetting,
    /// Channels, as written: the policy module gives them their meaning.
    pub channels: ChannelsFile,
    /// Registries.
    pub registries: Vec<RegistrySettings>,
    /// Mirrors, as written: the engine gives them their meaning.
    pub mirrors: Vec<MirrorFile>,
    /// Where signatures are kept, as written, for the same reason.
    pub signatures: Vec<SignaturesFile>,
    /// Trust roots.
    pub trust_roots: Vec<TrustRootSettings>,
    /// Kinds.
    pub kinds: Vec<KindPaths>,
    /// Format of the log.
    pub log_format: LogFormat,
    /// File of the log; standard error without it.
    pub log_file: Option<PathBuf>,
    /// Time for one review.
    pub review_timeout: Duration,
    /// Bytes of a review.
    pub body_bytes: usize,
    /// Reviews at the same time.
    pub concurrent_reviews: usize,
    /// Reviews that wait for a registry at the same time.
    pub waiting_reviews: usize,
    /// Connections at the same time.
    pub connections: usize,
    /// Time to finish what is under way when asked to stop.
    pub drain: Duration,
    /// How often policies, keys and certificates are read again.
    pub poll: Duration,
}

/// What is decided where no policy matches, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoMatchSetting {
    /// `deny`.
    #[default]
    Deny,
    /// `warn`.
    Warn,
    /// `allow`.
    Allow,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Where a webhook in a container is expected; 443 would need a
            // privilege.
            listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            metrics_listen: None,
            tls: TlsSettings::default(),
            policies: Vec::new(),
            no_match: NoMatchSetting::Deny,
            channels: ChannelsFile::default(),
            registries: Vec::new(),
            mirrors: Vec::new(),
            signatures: Vec::new(),
            trust_roots: Vec::new(),
            kinds: Vec::new(),
            log_format: LogFormat::default(),
            log_file: None,
            // The API server waits 10 s unless the configuration of the webhook
            // says otherwise, and its own timeout in the request is taken where
            // it is shorter.
            review_timeout: Duration::from_secs(9),
            // The API server takes requests of at most 3 MiB, and a review
            // holds the object twice for an UPDATE; JSON of an object can be a
            // little longer than what was sent.
            body_bytes: 8 * 1024 * 1024,
            concurrent_reviews: 4096,
            waiting_reviews: 4096,
            connections: 1024,
            // Less than the 30 s that a kubelet gives a Pod to stop.
            drain: Duration::from_secs(25),
            // A fraction of the minute that a kubelet takes to bring a changed
            // Secret or ConfigMap into a Pod.
            poll: Duration::from_secs(5),
        }
    }
}

/// Longest time of any limit. A deadline is a point in time, and one that lies
/// too far away cannot be named.
const MAX_TIME: Duration = Duration::from_secs(3600);
/// Most reviews and connections at the same time: far more than a machine has
/// memory for, and few enough to count.
const MAX_COUNT: usize = 1 << 24;
/// Most bytes of a review, for the same reason.
const MAX_BODY: usize = 1 << 30;

impl Settings {
    /// Reads a settings file whose text is `text`; relative paths in it are
    /// taken from the folder of `origin`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Syntax`] for the first thing that is not of the schema;
    /// else [`ConfigError::Invalid`] with every value that makes no sense.
    pub fn parse(origin: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: SettingsFile =
            serde_saphyr::from_str(text).map_err(|error| ConfigError::Syntax {
                origin: origin.display().to_string(),
                // Without the lines around it: somebody may have written a
                // password where it does not belong.
                detail: shortened(error.without_snippet().to_string()),
            })?;
        let mut reader = Reader {
            folder: origin.parent().unwrap_or(Path::new("")),
            problems: Vec::new(),
        };
        let settings = reader.resolve(file);
        if reader.problems.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError::Invalid {
                origin: origin.display().to_string(),
                problems: reader.problems,
            })
        }
    }
}

pub(super) struct Reader<'f> {
    folder: &'f Path,
    problems: Vec<SettingsProblem>,
}

impl Reader<'_> {
    pub(super) fn problem(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(SettingsProblem {
            path: path.into(),
            message: message.into(),
        });
    }

    fn resolve(&mut self, file: SettingsFile) -> Settings {
        let defaults = Settings::default();
        if file.api_version != "floe.dev/v1" {
            self.problem("apiVersion", "must be floe.dev/v1");
        }
        if file.kind != "Settings" {
            self.problem("kind", "must be Settings");
        }
        let listen = self.address("listen", file.listen);
        let metrics_listen = self.address("metricsListen", file.metrics_listen);
        self.channels(&file.channels);
        Settings {
            listen: listen.unwrap_or(defaults.listen),
            metrics_listen,
            tls: self.tls(file.tls),
            policies: file.policies.iter().map(|path| self.file(path)).collect(),
            no_match: self.no_match(file.no_match.as_deref()),
            channels: file.channels,
            registries: self.registries(file.registries),
            mirrors: file.mirrors,
            signatures: file.signatures,
            trust_roots: self.trust_roots(file.trust_roots),
            kinds: file
                .kinds
                .into_iter()
                .map(|entry| KindPaths {
                    group: entry.group,
                    kind: entry.kind,
                    paths: entry.paths,
                })
                .collect(),
            log_format: self.log_format(&file.log),
            log_file: file.log.file.as_deref().map(|path| self.file(path)),
            review_timeout: self
                .duration("limits.reviewTimeout", file.limits.review_timeout)
                .unwrap_or(defaults.review_timeout),
            body_bytes: self
                .count("limits.bodyBytes", file.limits.body_bytes, MAX_BODY)
                .unwrap_or(defaults.body_bytes),
            concurrent_reviews: self
                .count(
                    "limits.concurrentReviews",
                    file.limits.concurrent_reviews,
                    MAX_COUNT,
                )
                .unwrap_or(defaults.concurrent_reviews),
            waiting_reviews: self
                .count(
                    "limits.waitingReviews",
                    file.limits.waiting_reviews,
                    MAX_COUNT,
                )
                .unwrap_or(defaults.waiting_reviews),
            connections: self
                .count("limits.connections", file.limits.connections, MAX_COUNT)
                .unwrap_or(defaults.connections),
            drain: self
                .duration("limits.drain", file.limits.drain)
                .unwrap_or(defaults.drain),
            poll: self
                .duration("limits.poll", file.limits.poll)
                .unwrap_or(defaults.poll),
        }
    }

    pub(super) fn file(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    fn address(&mut self, path: &str, text: Option<String>) -> Option<SocketAddr> {
        let text = text?;
        let address = text.parse().ok();
        if address.is_none() {
            self.problem(
                path,
                "must be ADDRESS:PORT, for example 0.0.0.0:8443 or [::]:8443",
            );
        }
        address
    }

    fn duration(&mut self, path: &str, text: Option<String>) -> Option<Duration> {
        let text = text?;
        let duration = parse_duration(&text).filter(|duration| !duration.is_zero());
        match duration {
            None => self.problem(path, "must be a time such as 500ms, 9s or 2m"),
            Some(duration) if duration > MAX_TIME => self.problem(path, "must be at most 1h"),
            Some(_) => {}
        }
        duration
    }

    fn count(&mut self, path: &str, count: Option<usize>, most: usize) -> Option<usize> {
        match count {
            Some(0) => self.problem(path, "must be at least 1"),
            Some(count) if count > most => self.problem(path, format!("must be at most {most}")),
            Some(_) | None => {}
        }
        count
    }

    fn no_match(&mut self, text: Option<&str>) -> NoMatchSetting {
        match text {
            None | Some("deny") => NoMatchSetting::Deny,
            Some("warn") => NoMatchSetting::Warn,
            Some("allow") => NoMatchSetting::Allow,
            Some(_) => {
                self.problem("noMatch", "must be deny, warn or allow");
                NoMatchSetting::Deny
            }
        }
    }

    fn log_format(&mut self, log: &LogFile) -> LogFormat {
        match log.format.as_deref() {
            None | Some("json") => LogFormat::Json,
            Some("text") => LogFormat::Text,
            Some(_) => {
                self.problem("log.format", "must be json or text");
                LogFormat::Json
            }
        }
    }

    fn tls(&mut self, tls: TlsFile) -> TlsSettings {
        let certificate = match (tls.cert_file, tls.key_file) {
            (Some(cert), Some(key)) => Some((self.file(&cert), self.file(&key))),
            (None, None) => None,
            (Some(_), None) => {
                self.problem("tls.keyFile", "missing; certFile and keyFile come together");
                None
            }
            (None, Some(_)) => {
                self.problem(
                    "tls.certFile",
                    "missing; certFile and keyFile come together",
                );
                None
            }
        };
        TlsSettings {
            certificate,
            client_ca: tls.client_ca_file.map(|path| self.file(&path)),
        }
    }

    fn channels(&mut self, channels: &ChannelsFile) {
        for (index, entry) in channels.namespaces.iter().enumerate() {
            let at = format!("channels.namespaces[{index}]");
            let NamespaceChannels {
                names,
                channel,
                allowed,
            } = entry;
            if names.is_empty() {
                self.problem(format!("{at}.names"), "must name at least one namespace");
            }
            match (channel, allowed) {
                (Some(_), None) => {}
                (None, Some(allowed)) if !allowed.is_empty() => {}
                _ => self.problem(
                    at,
                    "needs either channel or a list allowed that is not empty",
                ),
            }
        }
    }

    fn registries(&mut self, registries: Vec<RegistryFile>) -> Vec<RegistrySettings> {
        let mut resolved: Vec<RegistrySettings> = Vec::with_capacity(registries.len());
        for (index, entry) in registries.into_iter().enumerate() {
            let at = format!("registries[{index}].host");
            match entry.host.parse::<Registry>() {
                Err(error) => self.problem(at, error.to_string()),
                Ok(registry) if resolved.iter().any(|known| known.registry == registry) => {
                    self.problem(at, format!("{registry} is given twice"));
                }
                Ok(registry) => resolved.push(RegistrySettings {
                    registry,
                    ca_file: entry.ca_file.as_deref().map(|path| self.file(path)),
                    insecure_http: entry.insecure_http,
                    docker_config: entry.docker_config.as_deref().map(|path| self.file(path)),
                    realm_hosts: entry.realm_hosts,
                    redirect_hosts: entry.redirect_hosts,
                }),
            }
        }
        resolved
    }
}

/// Without the middle of what is quoted: the place stands at the end.
fn shortened(detail: String) -> String {
    let count = detail.chars().count();
    if count <= 400 {
        return detail;
    }
    let head: String = detail.chars().take(250).collect();
    let tail: String = detail.chars().skip(count - 100).collect();
    format!("{head} … {tail}")
}

/// A whole number with `ms`, `s`, `m` or `h`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: floe.dev/v1\nkind: Settings\n";

    fn parse(rest: &str) -> Result<Settings, ConfigError> {
        Settings::parse(
            Path::new("/etc/floe/settings.yaml"),
            &format!("{HEAD}{rest}"),
        )
    }

    fn paths(rest: &str) -> Vec<String> {
        match parse(rest) {
            Err(ConfigError::Invalid { problems, .. }) => {
                problems.into_iter().map(|problem| problem.path).collect()
            }
            other => panic!("{rest}: {other:?}"),
        }
    }

    #[test]
    fn an_empty_document_has_the_defaults() {
        let settings = parse("").expect("good");
        assert_eq!(settings.listen.port(), 8443);
        assert_eq!(settings.no_match, NoMatchSetting::Deny);
        assert_eq!(settings.tls, TlsSettings::default());
    }

    #[test]
    fn values_are_read_and_paths_are_relative_to_the_file() {
        let settings = parse(
            "listen: 127.0.0.1:9443\npolicies: [policies, /abs]\ntls: {certFile: tls.crt, keyFile: tls.key, clientCAFile: ca.crt}\n\
             noMatch: warn\nkinds: [{group: floe.dev, kind: DataProduct, paths: [spec.image]}]\n\
             registries: [{host: 'Registry.test:443', insecureHTTP: true}]\nlimits: {reviewTimeout: 500ms, drain: 2m, poll: 50ms}\n\
             channels: {order: [dev, prod], default: prod, namespaces: [{names: ['d-*'], channel: dev}]}\nlog: {format: text, file: out.log}\n",
        )
        .expect("good");
        assert_eq!(settings.listen, "127.0.0.1:9443".parse().expect("address"));
        assert_eq!(
            settings.policies,
            [PathBuf::from("/etc/floe/policies"), PathBuf::from("/abs")]
        );
        assert_eq!(
            settings.tls.client_ca,
            Some(PathBuf::from("/etc/floe/ca.crt"))
        );
        assert_eq!(settings.registries[0].registry.as_str(), "registry.test");
        assert!(settings.registries[0].insecure_http);
        assert_eq!(settings.review_timeout, Duration::from_millis(500));
        assert_eq!(settings.drain, Duration::from_secs(120));
        assert_eq!(settings.poll, Duration::from_millis(50));
        assert_eq!(settings.log_format, LogFormat::Text);
    }

    #[test]
    fn unknown_fields_and_fields_that_stand_twice_are_refused() {
        for rest in [
            "listn: 1.2.3.4:1\n",
            "tls: {certfile: a}\n",
            "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n",
            "registries: [{host: a.test, insecureHttp: true}]\n",
            "policies: 5\n",
            "---\nnoMatch: allow\n",
        ] {
            assert!(
                matches!(parse(rest), Err(ConfigError::Syntax { .. })),
                "{rest}"
            );
        }
    }

    #[test]
    fn what_does_not_belong_into_a_settings_file_is_not_quoted() {
        for rest in [
            "registries:\n  - host: a.test\n    password: canary\n",
            "registries:\n  - host: a.test\n    auth: { token: canary }\n",
            "registries: canary\n",
            "policies:\n  - a\n password: canary\n",
        ] {
            let text = parse(rest).expect_err("no settings").to_string();
            assert!(!text.contains("canary"), "{text}");
            assert!(text.contains("settings.yaml"), "{text}");
        }
    }

    #[test]
    fn every_value_that_makes_no_sense_is_reported_with_its_path() {
        assert_eq!(
            paths(
                "listen: '8443'\ntls: {certFile: a}\nnoMatch: maybe\nlog: {format: xml}\nlimits: {reviewTimeout: 5, bodyBytes: 0}\n\
                 registries: [{host: 'a b'}, {host: a.test}, {host: A.test}]\nchannels: {namespaces: [{names: []}, {names: [a], channel: x, allowed: [y]}]}\n"
            ),
            [
                "listen",
                "channels.namespaces[0].names",
                "channels.namespaces[0]",
                "channels.namespaces[1]",
                "tls.keyFile",
                "noMatch",
                "registries[0].host",
                "registries[2].host",
                "log.format",
                "limits.reviewTimeout",
                "limits.bodyBytes",
            ]
        );
        // A deadline that far away, or that many permits, cannot be had.
        let most = u64::MAX;
        assert_eq!(
            paths(&format!(
                "limits: {{reviewTimeout: {most}s, drain: 61m, bodyBytes: {most}, \
                 concurrentReviews: {most}, waitingReviews: {most}, connections: {most}}}\n"
            )),
            [
                "limits.reviewTimeout",
                "limits.bodyBytes",
                "limits.concurrentReviews",
                "limits.waitingReviews",
                "limits.connections",
                "limits.drain",
            ]
        );
        let error = Settings::parse(Path::new("s"), "apiVersion: v1\nkind: Config\n");
        assert!(matches!(error, Err(ConfigError::Invalid { problems, .. }) if problems.len() == 2));
    }
}
