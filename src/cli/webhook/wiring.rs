//! From settings, as they were written, to what the parts of the webhook take.

use std::path::Path;

use anyhow::Context as _;

use crate::admission::{ChannelsOf, Coverage, CoverageProblem};
use crate::cli::Stop;
use crate::cli::registry::{self, RegistryArguments};
use crate::config::{NoMatchSetting, Settings};
use crate::policy::ChannelMap;
use crate::source::registry::{HostOptions, Keychain, Options};
use crate::verdict::NoMatch;

/// What is decided where no policy matches.
pub(super) const fn no_match(setting: NoMatchSetting) -> NoMatch {
    match setting {
        NoMatchSetting::Deny => NoMatch::Deny,
        NoMatchSetting::Warn => NoMatch::Warn,
        NoMatchSetting::Allow => NoMatch::Allow,
    }
}

/// Which kinds name images, and where.
pub(super) fn coverage(settings: &Settings) -> Result<Coverage, Stop> {
    let kinds = settings
        .kinds
        .iter()
        .map(|entry| (entry.group.as_str(), entry.kind.as_str(), &entry.paths[..]));
    Coverage::with_kinds(kinds).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(CoverageProblem::to_string).collect();
        unusable(&lines)
    })
}

/// Which channels a namespace has. Every namespace has some: the strictest
/// unless the settings say otherwise.
pub(super) fn channels(settings: &Settings) -> Result<ChannelsOf, Stop> {
    let written = &settings.channels;
    let order = channel_order(settings);
    let mut entries = Vec::new();
    for entry in &written.namespaces {
        let allowed = match (&entry.channel, &entry.allowed) {
            (Some(channel), _) => vec![channel.clone()],
            (None, allowed) => allowed.clone().unwrap_or_default(),
        };
        let named = entry
            .names
            .iter()
            .map(|name| (name.clone(), allowed.clone()));
        entries.extend(named);
    }
    let map = ChannelMap::new(&order, &entries, written.default.as_deref()).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|e| format!("channels: {e}")).collect();
        unusable(&lines)
    })?;
    Ok(Box::new(move |namespace| Some(map.channels(namespace))))
}

/// All channels, from the loosest to the strictest.
pub(super) fn channel_order(settings: &Settings) -> Vec<String> {
    if settings.channels.order.is_empty() {
        let defaults = ChannelMap::default();
        defaults.order().iter().map(ToString::to_string).collect()
    } else {
        settings.channels.order.clone()
    }
}

fn unusable(lines: &[String]) -> Stop {
    anyhow::anyhow!("the settings cannot be used\n{}", lines.join("\n")).into()
}

/// How registries are talked to: with TLS, and not on this machine unless the
/// settings name one.
pub(super) fn registries(
    settings: &Settings,
    arguments: &RegistryArguments,
) -> Result<Options, Stop> {
    let mut options = Options {
        keychain: registry::keychain()?,
        ..Options::default()
    };
    for entry in &settings.registries {
        let ca = match &entry.ca_file {
            Some(file) => Some(read(file)?),
            None => None,
        };
        let keychain = match &entry.docker_config {
            Some(file) => Some(keychain(file)?),
            None => None,
        };
        let host = HostOptions {
            ca,
            insecure_http: entry.insecure_http,
            realm_hosts: entry.realm_hosts.clone(),
            redirect_hosts: entry.redirect_hosts.clone(),
            keychain,
            // They come from the keychain.
            credentials: None,
        };
        options.hosts.insert(entry.registry.clone(), host);
    }
    arguments.apply(&mut options)?;
    Ok(options)
}

/// The credentials in a file that the settings name for a registry. Without a
/// file there would be none; one that is named must be there.
fn keychain(file: &Path) -> Result<Keychain, Stop> {
    read(file).context("registries[].dockerConfig")?;
    Ok(Keychain::load(file).with_context(|| format!("{} cannot be used", file.display()))?)
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    Ok(std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        let text = format!("apiVersion: floe.dev/v1\nkind: Settings\n{text}");
        Settings::parse(Path::new("/floe.yaml"), &text).expect("readable")
    }

    #[test]
    fn without_settings_every_namespace_is_in_the_strictest_channel() {
        let channels = channels(&Settings::default()).expect("usable");
        let names = channels("anything").expect("known");
        assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["prod"]);
    }

    #[test]
    fn settings_give_namespaces_their_channel_and_their_problems_are_listed() {
        let text = "channels:\n  namespaces:\n    - { names: [\"a-*\", b], channel: dev }\n";
        let of = channels(&settings(text)).expect("usable");
        for (namespace, channel) in [("a-1", "dev"), ("b", "dev"), ("c", "prod")] {
            let names = of(namespace).expect("known");
            assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), [channel]);
        }
        let Err(stop) = channels(&settings(&text.replace("dev", "nonsense"))) else {
            panic!("usable");
        };
        assert!(stop.to_string().contains("\"nonsense\" is not one of"));
    }

    #[test]
    fn a_file_of_credentials_that_is_named_must_be_there() {
        let why = |text: &str| match registries(&settings(text), &RegistryArguments::default()) {
            Err(stop) => stop.to_string(),
            Ok(_) => panic!("usable"),
        };
        let text = "registries:\n  - { host: a.test, dockerConfig: gone.json }\n";
        assert!(
            why(text).contains("dockerConfig: /gone.json cannot be read"),
            "{}",
            why(text)
        );
    }

    #[test]
    fn a_service_does_not_talk_to_its_own_machine_unless_it_is_named() {
        use crate::source::registry::Loopback;
        let text = "registries:\n  - { host: \"localhost:5000\", insecureHTTP: true, \
                    realmHosts: [auth.internal], redirectHosts: [store.internal] }\n";
        let arguments = RegistryArguments::default();
        let options = registries(&settings(text), &arguments).expect("usable");
        assert_eq!(options.loopback, Loopback::Configured);
        let hosts: Vec<_> = options
            .hosts
            .iter()
            .map(|(host, options)| (host.as_str(), options.insecure_http))
            .collect();
        assert_eq!(hosts, [("localhost:5000", true)]);
        let host = options.hosts.values().next().expect("one");
        assert_eq!(host.realm_hosts, ["auth.internal"]);
        assert_eq!(host.redirect_hosts, ["store.internal"]);
    }
}
