//! `trustRoots` of the settings.

use std::path::PathBuf;
use std::time::Duration;

use super::file::{TrustRootFile, TufFile};
use super::settings::{Reader, parse_duration};

/// A trust root, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRootSettings {
    /// What policies call it.
    pub name: String,
    /// Where it comes from.
    pub from: RootSource,
}

/// Where a trust root comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootSource {
    /// A file or folder.
    File(PathBuf),
    /// A TUF repository.
    Tuf(TufSettings),
}

/// A TUF repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TufSettings {
    /// Its URL.
    pub mirror: String,
    /// The initial `root.json`.
    pub root: PathBuf,
    /// A folder for what was verified.
    pub cache: PathBuf,
    /// The target that is the trust root.
    pub target: String,
    /// How often to ask.
    pub refresh_every: Duration,
    /// PEM certificates to trust for the mirror.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP is allowed.
    pub insecure_http: bool,
}

impl TufSettings {
    /// The target of a repository where nothing else is said.
    pub const TARGET: &str = "trusted_root.json";
    /// How often it is asked where nothing else is said.
    pub const REFRESH_EVERY: Duration = Duration::from_secs(3600);
}

/// Longest time between two refreshes: a mirror whose metadata is good for a
/// few days must be asked several times before it expires.
const MAX_REFRESH: Duration = Duration::from_secs(24 * 3600);

impl Reader<'_> {
    pub(super) fn trust_roots(&mut self, roots: Vec<TrustRootFile>) -> Vec<TrustRootSettings> {
        let mut resolved: Vec<TrustRootSettings> = Vec::with_capacity(roots.len());
        for (index, entry) in roots.into_iter().enumerate() {
            let at = format!("trustRoots[{index}]");
            if resolved.iter().any(|known| known.name == entry.name) {
                self.problem(format!("{at}.name"), "is given twice");
            }
            let from = match (entry.file, entry.tuf) {
                (Some(file), None) => RootSource::File(self.file(&file)),
                (None, Some(tuf)) => RootSource::Tuf(self.tuf(&at, tuf)),
                _ => {
                    self.problem(at, "needs either file or tuf");
                    continue;
                }
            };
            if let RootSource::Tuf(tuf) = &from
                && resolved.iter().any(|known| known.keeps_in(tuf))
            {
                self.problem(format!("{at}.tuf.cache"), "is the cache of another root");
            }
            resolved.push(TrustRootSettings {
                name: entry.name,
                from,
            });
        }
        resolved
    }

    fn tuf(&mut self, at: &str, tuf: TufFile) -> TufSettings {
        if !tuf.mirror.starts_with("https://") && !tuf.insecure_http {
            self.problem(
                format!("{at}.tuf.mirror"),
                "must be a URL that begins with https://; plain HTTP needs insecureHTTP: true",
            );
        }
        let refresh_every = match tuf.refresh_every.as_deref() {
            None => TufSettings::REFRESH_EVERY,
            Some(text) => parse_duration(text)
                .filter(|every| (Duration::from_secs(1)..=MAX_REFRESH).contains(every))
                .unwrap_or_else(|| {
                    self.problem(
                        format!("{at}.tuf.refreshEvery"),
                        "must be a time from 1s to 24h, such as 1h",
                    );
                    TufSettings::REFRESH_EVERY
                }),
        };
        TufSettings {
            mirror: tuf.mirror,
            root: self.file(&tuf.root),
            cache: self.file(&tuf.cache),
            target: tuf.target.unwrap_or_else(|| TufSettings::TARGET.to_owned()),
            refresh_every,
            ca_file: tuf.ca_file.as_deref().map(|path| self.file(path)),
            insecure_http: tuf.insecure_http,
        }
    }
}

impl TrustRootSettings {
    fn keeps_in(&self, other: &TufSettings) -> bool {
        matches!(&self.from, RootSource::Tuf(tuf) if tuf.cache == other.cache)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{ConfigError, Settings};

    fn parse(roots: &str) -> Result<Vec<TrustRootSettings>, ConfigError> {
        let text = format!("apiVersion: floe.dev/v1\nkind: Settings\ntrustRoots: {roots}\n");
        Settings::parse(Path::new("/etc/floe/floe.yaml"), &text)
            .map(|settings| settings.trust_roots)
    }

    #[test]
    fn roots_are_read_with_their_defaults_and_paths_are_relative_to_the_file() {
        let roots = parse(
            "[{name: corp, file: corp.pem}, \
             {name: public-good, tuf: {mirror: 'https://tuf.test', root: root.json, cache: /var/cache/a}}, \
             {name: lab, tuf: {mirror: 'http://127.0.0.1:8080/x', root: /r.json, cache: b, target: t/root.json, \
             refreshEvery: 90s, caFile: ca.crt, insecureHTTP: true}}]",
        )
        .expect("good");
        let file = |path: &str| PathBuf::from(path);
        assert_eq!(roots[0].from, RootSource::File(file("/etc/floe/corp.pem")));
        assert_eq!(
            roots[1].from,
            RootSource::Tuf(TufSettings {
                mirror: "https://tuf.test".to_owned(),
                root: file("/etc/floe/root.json"),
                cache: file("/var/cache/a"),
                target: "trusted_root.json".to_owned(),
                refresh_every: Duration::from_secs(3600),
                ca_file: None,
                insecure_http: false,
            })
        );
        assert_eq!(
            roots[2].from,
            RootSource::Tuf(TufSettings {
                mirror: "http://127.0.0.1:8080/x".to_owned(),
                root: file("/r.json"),
                cache: file("/etc/floe/b"),
                target: "t/root.json".to_owned(),
                refresh_every: Duration::from_secs(90),
                ca_file: Some(file("/etc/floe/ca.crt")),
                insecure_http: true,
            })
        );
    }

    #[test]
    fn a_root_that_makes_no_sense_is_named_at_its_path() {
        let error = parse(
            "[{name: a}, {name: b, file: x, tuf: {mirror: 'https://a', root: r, cache: c}}, \
             {name: c, file: x}, {name: c, file: y}, \
             {name: d, tuf: {mirror: 'http://a', root: r, cache: c, refreshEvery: 25h}}, \
             {name: e, tuf: {mirror: 'https://a', root: r, cache: c, refreshEvery: 10ms}}]",
        )
        .expect_err("no roots");
        let ConfigError::Invalid { problems, .. } = error else {
            panic!("{error}");
        };
        let paths: Vec<_> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "trustRoots[0]",
                "trustRoots[1]",
                "trustRoots[3].name",
                "trustRoots[4].tuf.mirror",
                "trustRoots[4].tuf.refreshEvery",
                "trustRoots[5].tuf.refreshEvery",
                "trustRoots[5].tuf.cache",
            ]
        );
    }
}
