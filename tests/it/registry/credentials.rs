//! Credentials and tokens: got once, shown only to whom they are for.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use base64::Engine as _;
use floe::oci::Registry as Host;
use floe::source::registry::{Credential, HostOptions, Keychain, KeychainError, Options, Secret};
use floe::source::{Scope, Source};

use super::{client, image, kind, once, soon};
use crate::support::hostile::{Auth, Behaviour, Hostile, TokenService};

const CANARY: &str = "canary-5e1f";

fn with_credentials(registry: &Hostile, credential: Credential) -> Options {
    let host: Host = registry.host().parse().expect("a host");
    let options = HostOptions {
        credentials: Some(credential),
        ..HostOptions::default()
    };
    Options {
        hosts: BTreeMap::from([(host, options)]),
        ..once()
    }
}

fn robot() -> Credential {
    Credential::Password {
        username: "robot".into(),
        password: Secret::new(CANARY),
    }
}

fn token_for_robot() -> Auth {
    Auth::Token(TokenService {
        user: Some(("robot", CANARY)),
        ..TokenService::default()
    })
}

#[tokio::test]
async fn a_password_is_sent_after_the_challenge_and_then_with_every_request() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(Auth::Basic("robot", CANARY));
    let client = client(with_credentials(&registry, robot()));
    for _ in 0..3 {
        assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    }
    let sent: Vec<bool> = registry
        .requests()
        .iter()
        .map(|request| request.authorization.is_some())
        .collect();
    assert_eq!(sent, [false, true, true, true]);
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_denied() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let wrong = || Credential::Password {
        username: "robot".into(),
        password: Secret::new("wrong"),
    };
    for auth in [Auth::Basic("robot", CANARY), token_for_robot()] {
        registry.require(auth);
        let got = client(with_credentials(&registry, wrong()))
            .manifest(&image, soon())
            .await;
        assert_eq!(kind(&got), "denied");
        let got = client(once()).manifest(&image, soon()).await;
        assert_eq!(kind(&got), "denied");
        let got = client(once()).referrers(&image, 10, soon()).await;
        assert_eq!(kind(&got), "denied");
    }
}

#[tokio::test]
async fn a_hundred_requests_at_once_get_one_token() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(token_for_robot());
    registry.delay(Duration::from_millis(20));
    let client = client(with_credentials(&registry, robot()));
    // The second time round all of them hold a token that has become worthless.
    for tokens in [1, 2] {
        registry.revoke_tokens();
        let all = (0..100).map(|_| {
            let (client, image) = (client.clone(), image.clone());
            tokio::spawn(async move { client.manifest(&image, soon()).await })
        });
        for task in all.collect::<Vec<_>>() {
            assert_eq!(kind(&task.await.expect("ran")), "ok");
        }
        assert_eq!(registry.count("/token"), tokens);
    }
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_take_the_token_away_from_the_others() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(token_for_robot());
    registry.behave_times("/token", 1, Behaviour::Drip(Duration::from_millis(5)));
    let client = client(with_credentials(&registry, robot()));
    let ask = |client: floe::source::registry::Registry| {
        let image = image.clone();
        tokio::spawn(async move { client.manifest(&image, soon()).await })
    };
    let first = ask(client.clone());
    while registry.count("/token") == 0 {
        tokio::task::yield_now().await;
    }
    let second = ask(client.clone());
    first.abort();
    assert_eq!(kind(&second.await.expect("ran")), "ok");
    assert_eq!(registry.count("/token"), 1);
}

#[tokio::test]
async fn a_token_is_sent_before_it_is_asked_for_and_replaced_when_it_is_refused() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(token_for_robot());
    let client = client(with_credentials(&registry, robot()));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    registry.forget_requests();
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    assert_eq!(registry.requests().len(), 1);
    // Another repository of the same registry: a token at once, no 401 first.
    registry.forget_requests();
    let other = registry.pinned("other", image.digest());
    assert_eq!(kind(&client.manifest(&other, soon()).await), "not found");
    assert_eq!(registry.requests().len(), 2);
    registry.revoke_tokens();
    registry.forget_requests();
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    assert_eq!(registry.count("/token"), 1);
    assert_eq!(registry.count("/manifests/"), 2);
    // One renewal is tried, not an endless number.
    registry.forget_requests();
    registry.behave(
        "/manifests/",
        Behaviour::Answer {
            status: 401,
            headers: vec![(
                "www-authenticate",
                format!(r#"Bearer realm="http://{}/token""#, registry.host()),
            )],
            body: bytes::Bytes::new(),
        },
    );
    assert_eq!(kind(&client.manifest(&image, soon()).await), "denied");
    assert_eq!(registry.count("/manifests/"), 2);
}

#[tokio::test]
async fn a_token_without_a_future_is_used_for_one_request_only() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(Auth::Token(TokenService {
        lifetime: 0,
        ..TokenService::default()
    }));
    let client = client(once());
    for _ in 0..2 {
        assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    }
    assert_eq!(registry.count("/token"), 2);
}

#[tokio::test]
async fn a_refresh_token_is_traded_by_post() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(Auth::Token(TokenService {
        identity: Some(CANARY),
        ..TokenService::default()
    }));
    let identity = Credential::Identity(Secret::new(CANARY));
    let client = client(with_credentials(&registry, identity));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    let requests = registry.requests();
    let token = requests.iter().find(|r| r.path == "/token").expect("asked");
    assert_eq!(token.method, "POST");
    assert!(requests.iter().all(|r| !r.path.contains(CANARY)));
}

#[tokio::test]
async fn a_token_service_that_fails_is_reported_as_what_it_is() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(token_for_robot());
    for (behaviour, expected) in [
        (Behaviour::status(500), "server"),
        (Behaviour::status(429), "rate limited"),
        (Behaviour::status(403), "denied"),
        (Behaviour::status(404), "denied"),
        (Behaviour::html(), "malformed"),
        (Behaviour::Body("{}".into()), "malformed"),
        (Behaviour::Body(r#"{"token":"a\nb"}"#.into()), "malformed"),
        (Behaviour::Endless, "too large"),
        (Behaviour::redirect("/token2"), "redirect refused"),
    ] {
        registry.behave_well();
        registry.behave("/token", behaviour.clone());
        let client = client(with_credentials(&registry, robot()));
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), expected, "{behaviour:?}");
    }
}

#[tokio::test]
async fn credentials_go_to_no_token_service_of_another_host_unless_configured() {
    let service = Hostile::start().await;
    service.require(token_for_robot());
    let registry = Hostile::start().await;
    let image = image(&registry);
    let realm = format!("http://auth.test:{}/token", service.address().port());
    registry.require(Auth::Token(TokenService {
        realm: Some(realm),
        user: Some(("robot", CANARY)),
        ..TokenService::default()
    }));
    let mut options = with_credentials(&registry, robot());
    options
        .addresses
        .insert("auth.test".into(), vec![service.address().ip()]);
    let got = client(options.clone()).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    // Without credentials the host is the trouble, not they.
    let mut anonymous = options.clone();
    anonymous.hosts.clear();
    let got = client(anonymous).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    assert_eq!(service.requests().len(), 0);
    for host in options.hosts.values_mut() {
        host.realm_hosts = vec!["auth.test".into()];
    }
    // The service's tokens mean nothing to this registry, so it refuses them;
    // that one was had is the point.
    let got = client(options).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "denied");
    assert_eq!(service.count("/token"), 1);
}

#[tokio::test]
async fn a_realm_inside_is_refused_before_anything_connects() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    for realm in [
        "http://169.254.169.254/token",
        "http://10.0.0.1/token",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/token",
    ] {
        registry.require(Auth::Token(TokenService {
            realm: Some(realm.into()),
            ..TokenService::default()
        }));
        let got = client(once()).manifest(&image, soon()).await;
        assert_eq!(kind(&got), "redirect refused", "{realm}");
    }
}

#[tokio::test]
async fn a_secret_is_in_no_error_and_no_debug_output() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(with_credentials(&registry, robot()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("robot:{CANARY}"));
    registry.require(token_for_robot());
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    let stolen = format!("http://10.0.0.1/{CANARY}?sig={CANARY}");
    let mut shown = format!("{client:?}");
    for behaviour in [
        Behaviour::status(403),
        Behaviour::status(500),
        Behaviour::html(),
        Behaviour::Body(CANARY.into()),
        Behaviour::Truncated,
        Behaviour::redirect(stolen.clone()),
        Behaviour::NextPage(stolen),
    ] {
        for part in ["/v2/", "/token"] {
            registry.behave_well();
            registry.revoke_tokens();
            registry.behave(part, behaviour.clone());
            let manifest = client.manifest(&image, soon()).await;
            let referrers = client.referrers(&image, 10, soon()).await;
            for error in [manifest.err(), referrers.err()].into_iter().flatten() {
                shown += &format!("{error} {error:?}");
            }
        }
    }
    shown += &format!("{client:?}");
    assert!(shown.len() > 1000, "something was shown");
    for secret in [CANARY, &encoded, "token-1", "token-2"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

fn keychain(text: &str) -> Keychain {
    Keychain::from_docker_config(text.as_bytes()).expect("readable")
}

fn with_keychain(keychain: Keychain) -> Options {
    Options { keychain, ..once() }
}

#[tokio::test]
async fn docker_config_gives_the_credentials_of_the_registry_and_of_no_other() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(Auth::Basic("robot", CANARY));
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("robot:{CANARY}"));
    let host = registry.host();
    for key in [
        host.clone(),
        format!("https://{host}"),
        format!("http://{host}/v2/"),
        format!("{host}/app"),
    ] {
        let keychain = keychain(&format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#));
        let client = client(with_keychain(keychain));
        assert_eq!(kind(&client.manifest(&image, soon()).await), "ok", "{key}");
    }
    registry.forget_requests();
    for key in ["registry.example.com", "127.0.0.1", &format!("{host}/ap")] {
        let keychain = keychain(&format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#));
        let client = client(with_keychain(keychain));
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), "denied", "{key}");
        assert_eq!(client.scope(image.repository()), Scope::default());
    }
    assert!(
        registry
            .requests()
            .iter()
            .all(|r| r.authorization.is_none())
    );
}

#[test]
fn a_docker_config_that_cannot_be_used_is_refused_without_quoting_it() {
    let auth = base64::engine::general_purpose::STANDARD.encode(CANARY);
    let shown = |text: &str| {
        let error = Keychain::from_docker_config(text.as_bytes()).expect_err("refused");
        format!("{error} {error:?}")
    };
    for text in [
        format!(r#"{{"auths":{{"a.example":{{"auth":"{auth}"}}}}}}"#),
        format!(r#"{{"auths":{{"a.example":{{"auth":"{CANARY}!"}}}}}}"#),
        format!(r#"{{"auths":{{"a.example":"{CANARY}"}}}}"#),
        format!(r#"{{"auths":"{CANARY}"}}"#),
    ] {
        let shown = shown(&text);
        assert!(!shown.contains(CANARY) && !shown.contains(&auth), "{shown}");
    }
    for name in ["../evil", "a/b", "", "a b"] {
        let text = format!(r#"{{"credHelpers":{{"a.example":"{name}"}}}}"#);
        let error = Keychain::from_docker_config(text.as_bytes()).expect_err("refused");
        assert!(matches!(error, KeychainError::HelperName { .. }), "{name}");
    }
}

#[test]
fn a_missing_docker_config_is_an_empty_keychain_and_a_broken_one_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Keychain::load(&folder.path().join("config.json")).is_ok());
    assert!(Keychain::load(folder.path()).is_ok());
    std::fs::write(folder.path().join("config.json"), "{").expect("written");
    assert!(matches!(
        Keychain::load(folder.path()),
        Err(KeychainError::Syntax { line: 1 })
    ));
}

#[tokio::test]
async fn credential_helpers_are_asked_once_and_their_failures_show_nothing() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    registry.require(token_for_robot());
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let helper = |name: &str, script: &str| {
        let path = folder.path().join(format!("docker-credential-{name}"));
        let text = format!(
            "#!/bin/sh\nread server\necho \"$1 $server\" >> {}\n{script}\n",
            log.display()
        );
        std::fs::write(&path, text).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("executable");
    };
    helper(
        "good",
        &format!(r#"echo '{{"Username":"robot","Secret":"{CANARY}"}}'"#),
    );
    helper(
        "none",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    helper(
        "fails",
        &format!("echo {CANARY}; echo {CANARY} >&2; exit 1"),
    );
    helper("babbles", &format!("echo {CANARY}"));
    helper("endless", "yes");
    let host = registry.host();
    let client = |name: &str| {
        let store = format!(r#"{{"credsStore":"{name}"}}"#);
        client(with_keychain(
            keychain(&store).with_helpers_in(folder.path()),
        ))
    };
    let good = client("good");
    assert_ne!(good.scope(image.repository()), Scope::default());
    let other = registry.pinned("other", image.digest());
    let (a, b) = tokio::join!(good.manifest(&image, soon()), good.manifest(&other, soon()));
    assert_eq!((kind(&a), kind(&b)), ("ok", "not found"));
    let asked = std::fs::read_to_string(&log).expect("asked");
    assert_eq!(asked, format!("get {host}\n"));
    for name in ["none", "fails", "babbles", "endless", "missing"] {
        let got = client(name).manifest(&image, soon()).await;
        assert_eq!(kind(&got), "denied", "{name}");
        let shown = format!("{got:?}");
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn scopes_tell_credentials_apart() {
    let repository = "registry.example.com/app".parse().expect("a repository");
    let scope = |text: &str| client(with_keychain(keychain(text))).scope(&repository);
    let auth = |pair: &str| {
        let auth = base64::engine::general_purpose::STANDARD.encode(pair);
        format!(r#"{{"auths":{{"registry.example.com":{{"auth":"{auth}"}}}}}}"#)
    };
    assert_eq!(scope("{}"), Scope::default());
    assert_eq!(scope(&auth("a:b")), scope(&auth("a:b")));
    assert_ne!(scope(&auth("a:b")), scope(&auth("a:c")));
    assert_ne!(scope(&auth("a:b")), Scope::default());
}

#[tokio::test]
async fn a_registry_with_a_keychain_of_its_own_uses_that_and_the_others_do_not() {
    let (own, other) = (Hostile::start().await, Hostile::start().await);
    let (at_own, at_other) = (image(&own), image(&other));
    own.require(Auth::Basic("robot", CANARY));
    other.require(Auth::Basic("robot", CANARY));
    // The file of the one registry knows both, and so does the common one with
    // another password: each registry is asked with what is meant for it.
    let of = |password: &str| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("robot:{password}"));
        let text = format!(
            r#"{{"auths":{{"{}":{{"auth":"{pair}"}},"{}":{{"auth":"{pair}"}}}}}}"#,
            own.host(),
            other.host()
        );
        Keychain::from_docker_config(text.as_bytes()).expect("readable")
    };
    let host: Host = own.host().parse().expect("a host");
    let options = HostOptions {
        keychain: Some(of(CANARY)),
        ..HostOptions::default()
    };
    let client = client(Options {
        hosts: BTreeMap::from([(host, options)]),
        keychain: of("stale"),
        ..once()
    });
    assert_eq!(kind(&client.manifest(&at_own, soon()).await), "ok");
    assert_eq!(kind(&client.manifest(&at_other, soon()).await), "denied");
    let secret = base64::engine::general_purpose::STANDARD.encode(format!("robot:{CANARY}"));
    assert!(
        other
            .requests()
            .iter()
            .all(|request| !request.everything.contains(&secret))
    );
}
