//! Which addresses a request may go to, decided after name resolution.
//!
//! The check sits in the resolver of the HTTP client, so the connection goes to
//! the very address that was checked; an address written into a URL never
//! reaches a resolver and is checked by whoever sends the request.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// What kind of network an address is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Public,
    /// This machine, the unspecified address included: it connects to it too.
    Loopback,
    /// One cable, and the metadata services of clouds.
    LinkLocal,
    /// RFC 1918, RFC 6598, unique local, multicast and everything else that
    /// is not a host of the public network.
    Private,
}

pub(super) fn network(address: IpAddr) -> Network {
    match address {
        IpAddr::V4(v4) => network_v4(v4),
        IpAddr::V6(v6) => network_v6(v6),
    }
}

fn network_v4(address: Ipv4Addr) -> Network {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() || a == 0 {
        Network::Loopback
    } else if address.is_link_local() {
        Network::LinkLocal
    } else if address.is_private()
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        || a >= 224
    {
        Network::Private
    } else {
        Network::Public
    }
}

fn network_v6(address: Ipv6Addr) -> Network {
    let segments = address.segments();
    // Addresses that carry an IPv4 address go where that one goes: mapped,
    // compatible, NAT64 and 6to4.
    let last = || {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    if address.is_loopback() || address.is_unspecified() {
        return Network::Loopback;
    }
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => network_v4(last()),
        [0x64, 0xff9b, 1, ..] => Network::Private,
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            network_v4(Ipv4Addr::new(a, b, c, d))
        }
        [first, ..] if first & 0xffc0 == 0xfe80 => Network::LinkLocal,
        // Only 2000::/3 is public; unique local, site local and multicast are
        // outside it.
        [first, ..] if first & 0xe000 == 0x2000 => Network::Public,
        _ => Network::Private,
    }
}

/// Which addresses are allowed for a request.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// For a registry itself, and hosts that were configured: anywhere.
    Anywhere,
    /// For a registry itself, in a service: anywhere but this machine and
    /// link-local addresses, which need one of these names.
    NotHere(Arc<BTreeSet<String>>),
    /// For where a registry leads: public addresses.
    PublicOnly,
}

impl Rule {
    pub(super) fn allows(&self, host: &str, address: IpAddr) -> bool {
        match (self, network(address)) {
            (Self::Anywhere, _) | (_, Network::Public) => true,
            (Self::NotHere(_), Network::Private) => true,
            (Self::NotHere(names), Network::Loopback | Network::LinkLocal) => names.contains(host),
            (Self::PublicOnly, _) => false,
        }
    }
}

/// A name resolved to addresses that are all refused.
#[derive(Debug, thiserror::Error)]
#[error("the host is on an address that is not allowed")]
pub(super) struct AddressRefused;

/// Names that are being looked up at once, each on a thread that cannot be
/// called back: whoever names a registry can have a name server that never
/// answers. The runtime has 512 such threads and needs some for policies.
const LOOKUPS: usize = 256;
/// How long an answer is used again, so that names in use do not wait behind
/// names that hang.
const ANSWER_LIFETIME: Duration = Duration::from_secs(30);

/// Answers kept: one for each registry in use.
const ANSWERS: usize = 1_000;

/// The addresses of a name, and until when they are used again.
type Answer = (Arc<[IpAddr]>, Instant);

type Lookup = fn(&str) -> std::io::Result<Vec<IpAddr>>;

/// The system's resolver, within bounds. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Lookups {
    places: Arc<Semaphore>,
    known: Arc<Cache<String, Answer>>,
    lookup: Lookup,
}

impl Lookups {
    pub(super) fn new() -> Self {
        Self::with(LOOKUPS, |host| {
            let found = (host, 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    fn with(places: usize, lookup: Lookup) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            known: Arc::new(Cache::new(ANSWERS)),
            lookup,
        }
    }

    /// What was answered not long ago.
    fn known(&self, host: &str) -> Option<Arc<[IpAddr]>> {
        let (known, until) = self.known.get(host)?;
        (Instant::now() < until).then_some(known)
    }

    async fn get(&self, host: &str) -> Result<Arc<[IpAddr]>, Box<dyn Error + Send + Sync>> {
        if let Some(known) = self.known(host) {
            return Ok(known);
        }
        let place = Arc::clone(&self.places).acquire_owned().await?;
        // Somebody may have asked while this waited.
        if let Some(known) = self.known(host) {
            return Ok(known);
        }
        let (lookup, name) = (self.lookup, host.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            // Until the thread is free, not until the caller has left.
            let _place = place;
            lookup(&name)
        })
        .await??;
        let found: Arc<[IpAddr]> = found.into();
        if !found.is_empty() {
            let until = Instant::now() + ANSWER_LIFETIME;
            let answer = (Arc::clone(&found), until);
            self.known.insert(host.to_owned(), answer);
        }
        Ok(found)
    }
}

/// A resolver that returns only addresses that its rule allows.
#[derive(Debug)]
pub(super) struct CheckedResolver {
    pub(super) rule: Rule,
    pub(super) fixed: Arc<BTreeMap<String, Vec<IpAddr>>>,
    pub(super) lookups: Lookups,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = self.rule.clone();
        let fixed = self.fixed.get(name.as_str()).cloned();
        let lookups = self.lookups.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Arc<[IpAddr]> = match fixed {
                Some(addresses) => addresses.into(),
                None => lookups.get(host).await?,
            };
            let allowed: Vec<SocketAddr> = found
                .iter()
                .filter(|address| rule.allows(host, **address))
                .map(|address| SocketAddr::new(*address, 0))
                .collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_inner_address_is_an_inner_address() {
        for (text, expected) in [
            ("127.0.0.1", Network::Loopback),
            ("127.9.9.9", Network::Loopback),
            ("0.0.0.0", Network::Loopback),
            ("::1", Network::Loopback),
            ("::", Network::Loopback),
            ("::ffff:127.0.0.1", Network::Loopback),
            ("::127.0.0.1", Network::Loopback),
            ("64:ff9b::7f00:1", Network::Loopback),
            ("2002:7f00:1::", Network::Loopback),
            ("169.254.169.254", Network::LinkLocal),
            ("::ffff:169.254.169.254", Network::LinkLocal),
            ("fe80::1", Network::LinkLocal),
            ("10.1.2.3", Network::Private),
            ("172.16.0.1", Network::Private),
            ("192.168.0.1", Network::Private),
            ("100.64.0.1", Network::Private),
            ("198.18.0.1", Network::Private),
            ("224.0.0.1", Network::Private),
            ("255.255.255.255", Network::Private),
            ("fd00::1", Network::Private),
            ("fec0::1", Network::Private),
            ("ff02::1", Network::Private),
            ("64:ff9b:1::1", Network::Private),
            ("1.1.1.1", Network::Public),
            ("172.32.0.1", Network::Public),
            ("2606:4700::1", Network::Public),
        ] {
            let address = text.parse().expect("an address");
            assert_eq!(network(address), expected, "{text}");
        }
    }

    fn addresses(rule: Rule, host: &str, fixed: &[&str]) -> Result<Vec<String>, bool> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let fixed = fixed.iter().map(|a| a.parse().expect("an address"));
        let resolver = CheckedResolver {
            rule,
            fixed: Arc::new(BTreeMap::from([(host.to_owned(), fixed.collect())])),
            lookups: Lookups::new(),
        };
        let name = host.parse().expect("a name");
        match runtime.block_on(resolver.resolve(name)) {
            Ok(found) => Ok(found.map(|address| address.ip().to_string()).collect()),
            Err(error) => Err(error.is::<AddressRefused>()),
        }
    }

    #[test]
    fn a_name_that_resolves_to_inner_addresses_is_refused_where_only_public_ones_may_be() {
        let inner = ["127.0.0.1", "10.0.0.1", "169.254.169.254"];
        assert_eq!(
            addresses(Rule::PublicOnly, "cdn.example", &inner),
            Err(true)
        );
        assert_eq!(
            addresses(Rule::PublicOnly, "cdn.example", &["10.0.0.1", "1.1.1.1"]),
            Ok(vec!["1.1.1.1".into()])
        );
    }

    #[test]
    fn a_service_refuses_this_machine_and_link_local_unless_named() {
        let named = Arc::new(BTreeSet::from(["here.example".to_owned()]));
        let rule = || Rule::NotHere(Arc::clone(&named));
        assert_eq!(
            addresses(rule(), "there.example", &["127.0.0.1"]),
            Err(true)
        );
        assert_eq!(
            addresses(rule(), "there.example", &["169.254.169.254"]),
            Err(true)
        );
        assert_eq!(
            addresses(rule(), "there.example", &["10.0.0.1"]),
            Ok(vec!["10.0.0.1".into()])
        );
        assert_eq!(
            addresses(rule(), "here.example", &["127.0.0.1"]),
            Ok(vec!["127.0.0.1".into()])
        );
    }

    #[tokio::test]
    async fn names_that_hang_take_their_places_and_hold_up_no_name_in_use() {
        use std::sync::{Condvar, Mutex};

        static DONE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
        let lookups = Lookups::with(2, |host| {
            if host.starts_with("slow") {
                let done = DONE.0.lock().expect("not poisoned");
                let _done = DONE.1.wait_while(done, |done| !*done);
            }
            Ok(vec![IpAddr::from([192, 0, 2, 1])])
        });
        let found = |host: &'static str| {
            let lookups = lookups.clone();
            async move { lookups.get(host).await.is_ok() }
        };
        assert!(found("good.example").await);
        for host in ["slow1.example", "slow2.example"] {
            // Whoever asks leaves at once, the thread does not.
            let mut asking = std::pin::pin!(found(host));
            assert!(futures_util::poll!(asking.as_mut()).is_pending());
        }
        assert_eq!(lookups.places.available_permits(), 0);
        assert!(found("good.example").await);
        let mut other = std::pin::pin!(found("other.example"));
        assert!(futures_util::poll!(other.as_mut()).is_pending());
        *DONE.0.lock().expect("not poisoned") = true;
        DONE.1.notify_all();
        assert!(other.await);
    }
}
