//! Where a registry may lead a request, and what goes there with it.

use std::collections::BTreeMap;

use floe::oci::Registry as Host;
use floe::source::Source;
use floe::source::registry::{
    Credential, HostOptions, Loopback, Options, Registry, RegistryError, Roots, Secret,
};

use super::{attach, client, image, kind, nowhere, once, soon};
use crate::support::hostile::{Auth, Behaviour, Hostile, TokenService};

fn host(registry: &Hostile) -> Host {
    registry.host().parse().expect("a host")
}

fn with_host(registry: &Hostile, options: HostOptions) -> Options {
    Options {
        hosts: BTreeMap::from([(host(registry), options)]),
        ..once()
    }
}

fn robot() -> Credential {
    Credential::Password {
        username: "robot".into(),
        password: Secret::new("canary"),
    }
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_credentials() {
    let store = Hostile::start().await;
    let there = image(&store);
    let registry = Hostile::start().await;
    registry.require(Auth::Basic("robot", "canary"));
    let image = registry.pinned("app", there.digest());
    let target = format!(
        "http://{}/v2/app/manifests/{}",
        store.host(),
        image.digest()
    );
    let client = client(with_host(
        &registry,
        HostOptions {
            credentials: Some(robot()),
            ..HostOptions::default()
        },
    ));
    // The first request is refused with a challenge, so the credentials are
    // known when the second one is redirected.
    assert_eq!(kind(&client.manifest(&image, soon()).await), "not found");
    registry.behave("/manifests/", Behaviour::redirect(target));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    let last = registry.requests().pop().expect("asked");
    assert!(last.authorization.is_some());
    let followed = store.requests();
    assert_eq!(followed.len(), 1);
    assert_eq!(followed[0].authorization, None);
    assert!(!followed[0].everything.contains("canary"));
}

#[tokio::test]
async fn a_redirect_inside_is_refused_before_anything_connects() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let client = client(once());
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x",
        "http://[fd00::1]/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://0xa9fea9fe/x",
        "ftp://registry.example/x",
        "http://user:secret@127.0.0.1/x",
        "http://",
    ] {
        registry.behave_well();
        registry.behave("/manifests/", Behaviour::redirect(target));
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), "redirect refused", "{target}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_name_inside_is_refused_unless_it_is_configured() {
    let store = Hostile::start().await;
    let registry = Hostile::start().await;
    let there = image(&store);
    let image = registry.pinned("app", there.digest());
    let target = format!(
        "http://store.test:{}/v2/app/manifests/{}",
        store.address().port(),
        image.digest()
    );
    registry.behave("/manifests/", Behaviour::redirect(target));
    let mut options = once();
    options
        .addresses
        .insert("store.test".into(), vec![store.address().ip()]);
    let got = client(options.clone()).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    assert_eq!(store.requests().len(), 0);
    let known = HostOptions {
        redirect_hosts: vec!["store.test".into()],
        ..HostOptions::default()
    };
    options.hosts.insert(host(&registry), known);
    let mut named = options.clone();
    named.loopback = Loopback::PlainHttp;
    let got = client(named).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "ok");
}

#[tokio::test]
async fn more_than_five_redirects_are_refused() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let again = format!("/v2/app/manifests/{}", image.digest());
    let client = client(once());
    registry.behave_times("/manifests/", 5, Behaviour::redirect(again.clone()));
    assert_eq!(kind(&client.manifest(&image, soon()).await), "ok");
    registry.behave("/manifests/", Behaviour::redirect(again));
    registry.forget_requests();
    let got = client.manifest(&image, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    assert_eq!(registry.requests().len(), 6);
}

#[tokio::test]
async fn nothing_leads_from_https_to_plain_http() {
    let plain = Hostile::start().await;
    let there = image(&plain);
    let registry = Hostile::start_tls().await;
    let image = registry.pinned("app", there.digest());
    let target = format!(
        "http://{}/v2/app/manifests/{}",
        plain.host(),
        image.digest()
    );
    registry.behave("/manifests/", Behaviour::redirect(target));
    let client = client(with_host(
        &registry,
        HostOptions {
            ca: registry.ca(),
            ..HostOptions::default()
        },
    ));
    let got = client.manifest(&image, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    registry.behave_well();
    registry.require(Auth::Token(TokenService {
        realm: Some(format!("http://{}/token", plain.host())),
        ..TokenService::default()
    }));
    let got = client.manifest(&image, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    assert_eq!(plain.requests().len(), 0);
}

#[tokio::test]
async fn the_next_page_of_the_referrers_is_of_the_same_origin_or_refused() {
    let other = Hostile::start().await;
    let registry = Hostile::start().await;
    let image = image(&registry);
    attach(&registry, &image, "x/y");
    let next = format!(
        "http://{}/v2/app/referrers/{}",
        other.host(),
        image.digest()
    );
    registry.behave("/referrers/", Behaviour::NextPage(next));
    let got = client(once()).referrers(&image, 10, soon()).await;
    assert_eq!(kind(&got), "redirect refused");
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_certificate_counts_only_if_its_authority_was_configured() {
    let registry = Hostile::start_tls().await;
    let image = image(&registry);
    let with_ca = |ca: Option<Vec<u8>>| {
        with_host(
            &registry,
            HostOptions {
                ca,
                ..HostOptions::default()
            },
        )
    };
    let got = client(with_ca(registry.ca()))
        .manifest(&image, soon())
        .await;
    assert_eq!(kind(&got), "ok");
    let other = Hostile::start_tls().await;
    let got = client(with_ca(other.ca())).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "unreachable");
    // As common root, too; a service speaks TLS to loopback.
    let mut options = with_ca(None);
    options.loopback = Loopback::Configured;
    options.roots = Roots::Only(registry.ca().expect("a CA"));
    let got = client(options).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "ok");
    let bad = Registry::new(with_ca(Some(b"no certificate".to_vec())));
    assert!(matches!(bad, Err(RegistryError::Ca { .. })));
}

#[tokio::test]
async fn a_service_refuses_loopback_unless_it_is_configured_by_name() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let service = || Options {
        loopback: Loopback::Configured,
        ..once()
    };
    let got = client(service()).manifest(&image, soon()).await;
    assert_eq!(kind(&got), "not permitted");
    let mut options = service();
    let plain = HostOptions {
        insecure_http: true,
        ..HostOptions::default()
    };
    options.hosts.insert(host(&registry), plain);
    let configured = client(options);
    assert_eq!(kind(&configured.manifest(&image, soon()).await), "ok");
    for other in ["127.0.0.1:1", "localhost:1"] {
        let other = format!("{other}/app@{}", nowhere())
            .parse::<floe::oci::Reference>()
            .expect("a reference")
            .pinned()
            .expect("pinned");
        let got = configured.manifest(&other, soon()).await;
        assert_eq!(kind(&got), "not permitted", "{other}");
    }

    let mut options = service();
    options
        .addresses
        .insert("here.test".into(), vec![registry.address().ip()]);
    let client = client(options);
    for name in [
        format!("here.test:{}", registry.address().port()),
        "localhost:1".into(),
        "here.localhost".into(),
        "0x7f.0.0.1".into(),
        "169.254.169.254".into(),
        "[::1]:5000".into(),
    ] {
        let image = format!("{name}/app@{}", nowhere())
            .parse::<floe::oci::Reference>()
            .expect("a reference")
            .pinned()
            .expect("pinned");
        let got = client.manifest(&image, soon()).await;
        assert_eq!(kind(&got), "not permitted", "{name}");
    }
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn a_service_refuses_other_ports_of_a_machine_that_is_configured() {
    let registry = Hostile::start().await;
    let image = image(&registry);
    let port = registry.address().port();
    let here: Host = format!("here.test:{port}").parse().expect("a host");
    let mut options = Options {
        loopback: Loopback::Configured,
        ..once()
    };
    let address = registry.address().ip();
    options.addresses.insert("here.test".into(), vec![address]);
    let plain = HostOptions {
        insecure_http: true,
        ..HostOptions::default()
    };
    options.hosts.insert(here.clone(), plain.clone());
    options
        .hosts
        .insert("localhost:1".parse().expect("a host"), plain);
    let client = client(options);
    let ask = |host: String| {
        let image = format!("{host}/app@{}", image.digest())
            .parse::<floe::oci::Reference>()
            .expect("a reference")
            .pinned()
            .expect("pinned");
        let client = client.clone();
        async move { kind(&client.manifest(&image, soon()).await) }
    };
    assert_eq!(ask(here.to_string()).await, "ok");
    for other in [
        "here.test".to_owned(),
        "here.test:1".to_owned(),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
    ] {
        assert_eq!(ask(other.clone()).await, "not permitted", "{other}");
    }
    assert_eq!(registry.requests().len(), 1);
}
