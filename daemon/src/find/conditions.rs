//! What the surroundings are like for the channel; the platform feeds it through a watch.

use belay_proto::keys::sha256;

/// The network, the battery and the way to the world, as far as they are known. The default is what counts where
/// nobody tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The network in use; `None`: none, or not known.
    pub network: Option<NetworkKey>,
    /// Each byte costs money.
    pub metered: bool,
    /// The battery is low and isn't being charged.
    pub battery_low: bool,
    /// Whether there is a way to the internet; `None`: nobody knows, so trying is the way to find out.
    pub online: Option<bool>,
}

impl Conditions {
    /// Whether traffic is to be spared.
    #[must_use]
    pub fn is_frugal(&self) -> bool {
        self.metered || self.battery_low
    }

    /// Whether `self` is worth another try at once after `before`: another network, or a way where there was none.
    #[must_use]
    pub fn is_news_after(&self, before: &Self) -> bool {
        let back = self.online != Some(false) && before.online == Some(false);
        let other = self.network.is_some() && self.network != before.network && self.online != Some(false);
        back || other
    }
}

/// Tells one network from another without saying which it is: what is kept on disk is no list of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkKey([u8; 16]);

impl NetworkKey {
    /// The key of the network that the platform calls `id`, such as the UUID of a connection.
    #[must_use]
    pub fn of(id: &[u8]) -> Self {
        let digest = sha256(&[b"belay/network/1\0", id].concat());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// A key out of the store.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes for the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_came_back_and_another_network_are_news_and_less_battery_is_none() {
        let home = Conditions {
            network: Some(NetworkKey::of(b"home")),
            online: Some(true),
            ..Conditions::default()
        };
        let gone = Conditions {
            network: None,
            online: Some(false),
            ..home.clone()
        };
        let away = Conditions {
            network: Some(NetworkKey::of(b"away")),
            ..home.clone()
        };
        let low = Conditions {
            battery_low: true,
            ..home.clone()
        };
        assert!(home.is_news_after(&gone) && away.is_news_after(&home));
        assert!(!gone.is_news_after(&home) && !low.is_news_after(&home) && !home.is_news_after(&home));
    }
}
