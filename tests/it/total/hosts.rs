//! What a registry says in headers: where its tokens are, and where the next
//! page is. Whatever it says, credentials go nowhere else and requests end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use floe::source::Source;
use floe::source::registry::{Credential, HostOptions, Options, Registry, Secret};

use super::holds;
use crate::registry::{attach, client, image, kind, once, soon};
use crate::support::hostile::{Auth, Behaviour, Hostile, TokenService};

/// Stands in seeds for the registry, whose port is known only when it runs.
const HOST: &str = "HOST";

/// The header with the registry in it, if it is one and leads to nobody else:
/// a test must not ask the network.
fn header(bytes: &[u8], host: &str) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) || text.len() > 16_000 {
        return None;
    }
    let own = format!("http://{HOST}/");
    let elsewhere = text.replace(&own, "").to_ascii_lowercase();
    if elsewhere.contains("http") || elsewhere.contains("//") || elsewhere.contains("\\") {
        return None;
    }
    Some(text.replace(HOST, host))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn no_change_of_a_challenge_sends_a_password_elsewhere_or_asks_for_ever() {
    let runtime = runtime();
    let (registry, image) = runtime.block_on(async {
        let registry = Hostile::start().await;
        let image = image(&registry);
        registry.require(Auth::Token(TokenService {
            user: Some(("robot", "canary")),
            ..TokenService::default()
        }));
        (registry, image)
    });
    let host = registry.host();
    let seeds = [
        r#"Bearer realm="http://HOST/token",service="s",scope="repository:app:pull""#,
        r#"Basic realm="x", Bearer realm="http://HOST/token", service=s, scope="repository:app:pull,push""#,
        r#"Negotiate abc==, bearer Realm = "http://HOST/token""#,
        r#"Basic realm="simple\"quoted\"""#,
    ]
    .map(|text| text.as_bytes().to_vec());
    let credentials = Credential::Password {
        username: "robot".into(),
        password: Secret::new("canary"),
    };
    holds(150, &seeds, |bytes| {
        let Some(challenge) = header(bytes, &host) else {
            return false;
        };
        registry.behave_well();
        registry.forget_requests();
        registry.behave_times(
            "/manifests/",
            1,
            Behaviour::Answer {
                status: 401,
                headers: vec![("www-authenticate", challenge)],
                body: Default::default(),
            },
        );
        let name = host.parse().expect("a host");
        let options = HostOptions {
            credentials: Some(credentials.clone()),
            ..HostOptions::default()
        };
        let client = client(Options {
            hosts: BTreeMap::from([(name, options)]),
            ..once()
        });
        let got = runtime.block_on(client.manifest(&image, soon()));
        let asked = registry.requests();
        assert!(asked.len() <= 6, "{} requests", asked.len());
        for request in &asked {
            assert!(!request.path.contains("canary"), "{}", request.path);
            // Only what reads: no token for more than pulling is asked for.
            let query = request.path.split(['?', '&']);
            for scopes in query.filter_map(|part| part.strip_prefix("scope=")) {
                for scope in scopes.split(['+', ' ']).flat_map(|s| s.split("%20")) {
                    let actions = scope.strip_prefix("repository%3A");
                    let actions = actions.and_then(|rest| rest.rsplit_once("%3A"));
                    assert!(actions.is_none_or(|(_, a)| a == "pull"), "{scope}");
                }
            }
        }
        got.is_ok()
    });
}

#[test]
fn no_change_of_a_link_leads_away_or_on_for_ever() {
    let runtime = runtime();
    let (registry, image) = runtime.block_on(async {
        let registry = Hostile::start().await;
        let image = image(&registry);
        attach(&registry, &image, "application/vnd.example");
        (registry, image)
    });
    let host = registry.host();
    let path = format!("/v2/app/referrers/{}", image.digest());
    let seeds = [
        format!(r#"<{path}?n=1&last=a>; rel="next""#),
        format!(r#"<http://{HOST}{path}?page=2>; rel=next; title="x", </other>; rel="prev""#),
        r#"<?last=b>; rel="next""#.to_owned(),
    ]
    .map(String::into_bytes);
    let client: Arc<Registry> = Arc::new(client(once()));
    holds(150, &seeds, |bytes| {
        let Some(link) = header(bytes, &host) else {
            return false;
        };
        registry.behave_well();
        registry.forget_requests();
        // The first page has the link, and what follows is true.
        registry.behave_times(
            "/referrers/",
            1,
            Behaviour::Answer {
                status: 200,
                headers: vec![
                    ("link", link),
                    (
                        "content-type",
                        "application/vnd.oci.image.index.v1+json".into(),
                    ),
                ],
                body: crate::support::hostile::index(&[]).into(),
            },
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        let got = runtime.block_on(client.referrers(&image, 100, deadline));
        assert!(registry.count("") <= 64, "{} requests", registry.count(""));
        if let Ok(listed) = &got {
            assert!(listed.entries.len() <= 1, "{listed:?}");
        }
        assert_ne!(kind(&got), "timed out");
        got.is_ok()
    });
}
