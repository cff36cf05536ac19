//! Who may connect, by address, before a byte is read.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Settings;
use crate::net::Network;

/// What part of all connections may come from one address. Behind one address of a mobile operator there may be
/// thousands of phones, so it is no small one.
const SHARE: usize = 8;

/// How many connections there are from whom.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Lets connections in; cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub(super) struct Door {
    proxies: Arc<[Network]>,
    tls: bool,
    most: usize,
    inside: Counts,
}

/// A connection that was let in; dropped when it ends.
#[derive(Debug)]
pub(super) struct Visit {
    /// Where it is counted, if it is.
    counted: Option<(IpAddr, Counts)>,
}

impl Door {
    /// With room for so many connections.
    pub(super) fn new(settings: &Settings, connections: usize) -> Self {
        Self {
            proxies: settings.proxies.as_slice().into(),
            tls: settings.tls.is_some(),
            most: (connections / SHARE).max(1),
            inside: Arc::default(),
        }
    }

    /// Lets `peer` in, unless it would talk in the clear over a network to somebody who isn't the proxy that ends
    /// TLS, or has enough connections.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Visit> {
        let peer = peer.to_canonical();
        // A proxy brings everybody's connections, and this machine's own are somebody's who has it anyway.
        if peer.is_loopback() || self.proxies.iter().any(|proxy| proxy.contains(peer)) {
            return Some(Visit { counted: None });
        }
        if !self.tls {
            return None;
        }
        let party = party(peer);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(party).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Visit {
            counted: Some((party, Arc::clone(&self.inside))),
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some((party, inside)) = &self.counted else {
            return;
        };
        let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inside.get_mut(party) {
            *count -= 1;
            if *count == 0 {
                inside.remove(party);
            }
        }
    }
}

/// One address of IPv4, or the /64 that one party has of IPv6.
fn party(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(proxies: &[&str], tls: bool) -> Door {
        Door {
            proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            tls,
            most: 2,
            inside: Arc::default(),
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn without_tls_only_proxies_and_this_machine_are_served() {
        let door = door(&["10.0.0.0/8"], false);
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "::1"] {
            assert!(door.admit(ip(peer)).is_some(), "{peer}");
        }
        for peer in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            assert!(door.admit(ip(peer)).is_none(), "{peer}");
        }
    }

    #[test]
    fn nobody_but_a_proxy_has_more_than_a_share_of_the_connections() {
        let door = door(&["10.0.0.1"], true);
        let admit = |peer: &str| door.admit(ip(peer));
        let (first, second) = (admit("192.0.2.1"), admit("192.0.2.1"));
        assert!(first.is_some() && second.is_some() && admit("192.0.2.1").is_none());
        let six: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(admit).into();
        assert!(six.iter().all(Option::is_some) && admit("2001:db8::3").is_none());
        assert!(admit("192.0.2.2").is_some() && admit("2001:db8:0:1::1").is_some());
        let proxied: Vec<_> = (0..5).map(|_| admit("10.0.0.1")).collect();
        assert!(proxied.iter().all(Option::is_some));
        drop(second);
        let again = admit("192.0.2.1");
        assert!(again.is_some() && admit("192.0.2.1").is_none());
        drop((first, again, six));
        assert!(
            door.inside.lock().unwrap().is_empty(),
            "nothing is kept of who has left"
        );
    }
}
