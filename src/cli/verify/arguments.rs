//! The arguments of `floe verify`, declared once with their help.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::Stop;
use crate::cli::registry::RegistryArguments;
use crate::cli::roots::RootArguments;
use crate::cli::whereabouts::WhereaboutsArguments;
use crate::verdict::report::word;

/// Verify images: by reference, or every image that manifests name; or a file
/// with the bundle that came with it.
///
/// Exit codes: 0 everything is allowed; 1 could not run; 5 denied only because
/// something could not be looked at; 6 denied; 64 called wrongly.
///
/// Registries on this machine are asked over plain HTTP, others over HTTPS
/// unless --insecure-registry names them. Credentials are those that docker
/// login has left.
#[derive(Debug, Args)]
#[command(before_help = "\
Example: floe verify registry.example.com/app@sha256:… --key cosign.pub
         floe verify -f deploy/ --policy policies/one-key --namespace payments
         helm template . | floe verify -f - --policy policies/one-key --output json
         floe verify --bundle app.sigstore.json app.tar.gz --key cosign.pub
")]
pub(crate) struct VerifyArguments {
    /// Images to verify; with --bundle, one file or its digest, as sha256:HEX.
    #[arg(value_name = "REF")]
    pub(super) references: Vec<String>,

    /// Manifests whose images are verified: files, folders with everything
    /// below them, or - for standard input. YAML and JSON.
    #[arg(short = 'f', long = "filename", value_name = "MANIFESTS", num_args = 1..)]
    pub(super) manifests: Vec<PathBuf>,

    /// An AdmissionReview, or a recorded one, to be judged again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["references", "manifests", "allow_uncovered"])]
    pub(super) review: Option<PathBuf>,

    /// Policies: a file, or a folder, not those below it. May be given several
    /// times.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["key", "certificate_identity"])]
    pub(super) policy: Vec<PathBuf>,

    /// A public key that must have signed, in place of a policy. With several,
    /// any of them.
    #[arg(long, value_name = "FILE", conflicts_with = "certificate_identity")]
    pub(super) key: Vec<PathBuf>,

    /// The identity that the signer's certificate must have, letter by letter,
    /// in place of a policy.
    #[arg(long, value_name = "IDENTITY", requires = "certificate_oidc_issuer")]
    pub(super) certificate_identity: Option<String>,

    /// The issuer that the signer's certificate must name, letter by letter.
    #[arg(long, value_name = "URL", requires = "certificate_identity")]
    pub(super) certificate_oidc_issuer: Option<String>,

    #[command(flatten)]
    pub(super) roots: RootArguments,

    /// The bundle that came with a file. Its log entries and timestamps must
    /// verify, too.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["manifests", "review", "layout", "policy", "namespace", "channel"]
    )]
    pub(super) bundle: Option<PathBuf>,

    /// The namespace where the images are to run.
    #[arg(short = 'n', long, value_name = "NAMESPACE", value_parser = name)]
    pub(super) namespace: Option<String>,

    /// The channel of that namespace. May be given several times.
    #[arg(long, value_name = "CHANNEL", value_parser = name)]
    pub(super) channel: Vec<String>,

    /// Read images and signatures from an OCI image layout on disk.
    #[arg(long, value_name = "DIR")]
    pub(super) layout: Option<PathBuf>,

    /// Open no socket. Needs --layout or --bundle.
    #[arg(long)]
    pub(super) offline: bool,

    /// Show every policy and everything that was found.
    #[arg(long)]
    pub(super) explain: bool,

    /// The form of the answer.
    #[arg(short = 'o', long, value_name = "FORM", default_value = "text")]
    pub(super) output: Output,

    /// Pass over objects of a kind whose images floe does not know where to
    /// find, as KIND.GROUP. May be given several times.
    #[arg(long, value_name = "KIND.GROUP")]
    pub(super) allow_uncovered: Vec<String>,

    /// How long the whole run may take: 500ms, 30s, 2m.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(super) timeout: Duration,

    #[command(flatten)]
    pub(super) registry: RegistryArguments,

    #[command(flatten)]
    pub(super) whereabouts: WhereaboutsArguments,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs: one VerificationReport.
    Json,
    #[value(hide = true)]
    Sarif,
    #[value(hide = true)]
    Junit,
}

impl VerifyArguments {
    /// Refuses what has no meaning, and what has none yet.
    pub(super) fn check(&self) -> Result<(), Stop> {
        for (given, name) in [
            (self.output == Output::Sarif, "--output sarif"),
            (self.output == Output::Junit, "--output junit"),
        ] {
            if given {
                return Err(Stop::usage(format!("{name}: not supported yet; remove it")));
            }
        }
        if self.policy.is_empty() && self.key.is_empty() && self.certificate_identity.is_none() {
            if self.bundle.is_some() {
                return Err(Stop::usage(
                    "nothing says whom to trust; give --key FILE, or --certificate-identity with \
                     --certificate-oidc-issuer",
                ));
            }
            return Err(Stop::usage(
                "nothing says whom to trust; give --policy PATH, --key FILE, or \
                 --certificate-identity with --certificate-oidc-issuer",
            ));
        }
        let empty = |text: &Option<String>| text.as_deref() == Some("");
        if empty(&self.certificate_identity) || empty(&self.certificate_oidc_issuer) {
            return Err(Stop::usage(
                "--certificate-identity and --certificate-oidc-issuer must not be empty",
            ));
        }
        if self.offline && self.layout.is_none() && self.bundle.is_none() {
            return Err(Stop::usage(
                "--offline needs --layout or --bundle: without them a registry is asked",
            ));
        }
        if self.bundle.is_some() {
            return self.check_bundle();
        }
        if self.references.is_empty() && self.manifests.is_empty() && self.review.is_none() {
            return Err(Stop::usage(
                "nothing to verify; give REF, -f MANIFESTS or --review FILE",
            ));
        }
        if self.layout.is_some() && !self.registry.is_empty() {
            return Err(Stop::usage(
                "--insecure-registry and --registry-ca have no meaning with --layout: \
                 no registry is asked",
            ));
        }
        Ok(())
    }
}

impl VerifyArguments {
    fn check_bundle(&self) -> Result<(), Stop> {
        if self.references.len() != 1 {
            return Err(Stop::usage(
                "--bundle is about one file; give it, or its digest as sha256:HEX",
            ));
        }
        if !self.registry.is_empty() {
            return Err(Stop::usage(
                "--insecure-registry and --registry-ca have no meaning with --bundle: \
                 no registry is asked",
            ));
        }
        if self.whereabouts.words().next().is_some() {
            return Err(Stop::usage(
                "--mirror, --signature-repository and --signature-tag-prefix have no meaning \
                 with --bundle: nothing is looked up",
            ));
        }
        Ok(())
    }

    /// The flags that lead to the same answer about one reference, as a shell
    /// takes them. The namespace is not among them: it belongs to the image.
    /// `channels` are those for which it was judged: a recorded review brings its
    /// own.
    pub(super) fn again(&self, channels: &[Arc<str>]) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut add = |flag: &str, value: &str| {
            words.push(flag.to_owned());
            words.push(word(value).into_owned());
        };
        for path in &self.policy {
            add("--policy", &path.display().to_string());
        }
        for path in &self.key {
            add("--key", &path.display().to_string());
        }
        if let Some(bundle) = &self.bundle {
            add("--bundle", &bundle.display().to_string());
        }
        for (flag, value) in [
            ("--certificate-identity", &self.certificate_identity),
            ("--certificate-oidc-issuer", &self.certificate_oidc_issuer),
        ] {
            if let Some(value) = value {
                add(flag, value);
            }
        }
        for (flag, value) in self.roots.words() {
            add(flag, &value);
        }
        for channel in channels {
            add("--channel", channel);
        }
        if let Some(folder) = &self.layout {
            add("--layout", &folder.display().to_string());
        }
        for (flag, value) in self.registry.words() {
            add(flag, &value);
        }
        for (flag, value) in self.whereabouts.words() {
            add(flag, &value);
        }
        if self.offline {
            words.push("--offline".to_owned());
        }
        words.join(" ")
    }
}

/// Reads the name of a namespace or channel. A text that is none, such as the
/// empty one that a script passes where a variable is not set, would match no
/// policy and so leave out all that are for certain namespaces.
fn name(text: &str) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let legal = (1..=63).contains(&text.len())
        && text.bytes().all(|b| word(b) || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if legal {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits and hyphens, at most 63".to_owned())
    }
}

/// Reads `500ms`, `30s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let bad = || format!("{text:?} is not a time; write 500ms, 30s or 2m");
    let number: u64 = digits.parse().map_err(|_| bad())?;
    // A day is more patience than anybody has, and keeps every sum in range.
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        _ => None,
    }
    .filter(|sum| (1..=86_400_000).contains(sum))
    .ok_or_else(bad)?;
    Ok(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_to_ask_again_are_words_of_a_shell() {
        use clap::Parser as _;

        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            verify: VerifyArguments,
        }
        for line in [
            &["--policy", "a dir", "--policy", "it's", "--channel", "prod"][..],
            &["--key", "c.pub", "--layout", "image", "--offline"],
            &["--key", "c.pub", "--insecure-registry", "r.test:5000"],
            &["--key", "c.pub", "--registry-ca", "r.test=ca.pem"],
            &["--key", "c.pub", "--mirror", "m.test=r.test"],
            &["--key", "c.pub", "--signature-repository", "r.test/s"],
        ] {
            let words = [&["floe", "app"], line].concat();
            let verify = Line::parse_from(words).verify;
            let channels: Vec<Arc<str>> =
                verify.channel.iter().map(|c| c.as_str().into()).collect();
            let again = verify.again(&channels);
            let expected: Vec<_> = line.iter().map(|text| word(text)).collect();
            assert_eq!(again, expected.join(" "));
        }
    }

    #[test]
    fn a_name_is_one_that_a_namespace_could_have() {
        for text in ["a", "0", "payments-eu-1", &"a".repeat(63)] {
            assert_eq!(name(text), Ok(text.to_owned()));
        }
        for text in ["", " ", "A", "a.b", "a/b", "-a", "a-", "ä", &"a".repeat(64)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_has_a_number_and_a_unit_and_is_not_zero() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "0s",
            "1.5s",
            "5h",
            "99999999999999999999s",
            "5 s",
        ] {
            assert_eq!(
                duration(text),
                Err(format!("{text:?} is not a time; write 500ms, 30s or 2m"))
            );
        }
    }
}
