//! Who is calling: the address behind trusted proxies, and the network that budgets count by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

/// The address that the connection came from; put beside each request by the server.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A range of addresses, written `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A range that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither an address nor a network like 192.0.2.0/24")]
pub struct BadNetwork(String);

impl Network {
    /// Whether `address` lies in this range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.address.is_ipv4() == address.is_ipv4()
            && masked(address, self.prefix) == masked(self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.trim().parse().map_err(|_| bad()))?;
        if prefix > longest {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = BadNetwork;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The caller's address: the peer's, or behind trusted proxies the last one in `X-Forwarded-For` that none
/// of them is. What stands left of that is the caller's own claim and counts for nothing.
#[must_use]
pub fn caller<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    proxies: &[Network],
) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut caller = peer.to_canonical();
    for line in forwarded.rev() {
        for hop in line.rsplit(',') {
            if !trusted(caller) {
                return caller;
            }
            let Ok(address) = hop.trim().parse::<IpAddr>() else {
                return caller;
            };
            caller = address.to_canonical();
        }
    }
    caller
}

/// The network that budgets count: /24 of IPv4, /48 of IPv6.
#[must_use]
pub fn budget_network(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    masked(address, if address.is_ipv4() { 24 } else { 48 })
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(prefix.min(128)))
                .unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let network: Network = "192.0.2.0/24".parse().unwrap();
        assert!(network.contains(ip("192.0.2.77")) && network.contains(ip("::ffff:192.0.2.77")));
        assert!(!network.contains(ip("192.0.3.1")) && !network.contains(ip("2001:db8::1")));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains(ip("8.8.8.8")));
        for bad in ["", "x", "192.0.2.0/33", "::/129", "192.0.2.0/-1", "192.0.2.0/"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_caller_can_not_name_his_own_address() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(
            caller(ip("203.0.113.9"), ["1.1.1.1"].into_iter(), &proxies),
            ip("203.0.113.9")
        );
        assert_eq!(
            caller(ip("10.0.0.1"), ["1.1.1.1, 203.0.113.9"].into_iter(), &proxies),
            ip("203.0.113.9")
        );
        assert_eq!(
            caller(ip("10.0.0.1"), ["203.0.113.9, 10.0.0.2"].into_iter(), &proxies),
            ip("203.0.113.9")
        );
        assert_eq!(
            caller(ip("10.0.0.1"), ["1.1.1.1", "203.0.113.9"].into_iter(), &proxies),
            ip("203.0.113.9")
        );
        assert_eq!(
            caller(ip("10.0.0.1"), ["nonsense"].into_iter(), &proxies),
            ip("10.0.0.1")
        );
        assert_eq!(
            caller(ip("10.0.0.1"), std::iter::empty(), &proxies),
            ip("10.0.0.1")
        );
    }

    #[test]
    fn budgets_count_by_24_and_48() {
        assert_eq!(budget_network(ip("203.0.113.9")), ip("203.0.113.0"));
        assert_eq!(budget_network(ip("2001:db8:1:2::3")), ip("2001:db8:1::"));
        assert_eq!(budget_network(ip("::ffff:203.0.113.9")), ip("203.0.113.0"));
    }
}
