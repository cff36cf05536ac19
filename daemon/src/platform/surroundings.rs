//! What the surroundings are like for the command channel: network and battery in one.

use tokio::sync::watch;

use super::{NetworkView, Platform, PowerView};
use crate::actor::{Actor, Inbox, Never};
use crate::find::{Conditions, NetworkKey};
use crate::sync;

/// Keeps [`Conditions`] up to date.
#[derive(Debug)]
pub struct Surroundings {
    network: watch::Receiver<NetworkView>,
    power: watch::Receiver<PowerView>,
    conditions: watch::Sender<Conditions>,
    sync: watch::Sender<sync::Conditions>,
}

impl Surroundings {
    /// An actor that shows in the receiver what `platform` tells.
    #[must_use]
    pub fn new(platform: &Platform) -> (Self, watch::Receiver<Conditions>) {
        let (conditions, shown) = watch::channel(Conditions::default());
        let surroundings = Self {
            network: platform.network.view(),
            power: platform.power.view(),
            conditions,
            sync: watch::Sender::new(sync::Conditions::default()),
        };
        (surroundings, shown)
    }

    /// What sync's policy looks at.
    #[must_use]
    pub fn for_sync(&self) -> watch::Receiver<sync::Conditions> {
        self.sync.subscribe()
    }
}

/// What the channel has to know of both.
fn conditions(network: &NetworkView, power: &PowerView) -> Conditions {
    Conditions {
        network: network.id.as_ref().map(|id| NetworkKey::of(id.as_bytes())),
        metered: network.metered,
        battery_low: power.is_low(),
        online: network.online,
    }
}

/// What sync has to know of both.
fn for_sync(network: &NetworkView, power: &PowerView) -> sync::Conditions {
    sync::Conditions {
        online: network.online,
        metered: network.metered,
        battery: power.percentage.filter(|_| !power.is_charging()),
    }
}

impl Actor for Surroundings {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        loop {
            let (now, for_sync) = {
                let (network, power) = (self.network.borrow_and_update(), self.power.borrow_and_update());
                (conditions(&network, &power), for_sync(&network, &power))
            };
            self.sync
                .send_if_modified(|old| std::mem::replace(old, for_sync) != for_sync);
            self.conditions.send_if_modified(|old| {
                let changed = *old != now;
                *old = now;
                changed
            });
            tokio::select! {
                Ok(()) = self.network.changed() => {}
                Ok(()) = self.power.changed() => {}
                _ = inbox.recv() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NetworkView, PowerView, conditions, for_sync};
    use crate::platform::{BatteryState, Warning};

    #[test]
    fn a_low_battery_counts_until_it_charges_and_the_network_s_name_doesn_t_show() {
        let network = NetworkView {
            id: Some("home".into()),
            metered: true,
            online: Some(true),
        };
        let low = PowerView {
            percentage: Some(9),
            state: BatteryState::Discharging,
            warning: Warning::Low,
        };
        let now = conditions(&network, &low);
        assert!(now.battery_low && now.metered && now.online == Some(true));
        assert!(!format!("{now:?}").contains("home"));
        let charging = PowerView {
            state: BatteryState::Charging,
            ..low
        };
        assert!(!conditions(&network, &charging).battery_low);
        assert_eq!(for_sync(&network, &low).battery, Some(9));
        assert_eq!(for_sync(&network, &charging).battery, None);
    }
}
