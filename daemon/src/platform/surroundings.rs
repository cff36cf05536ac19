//! What the surroundings are like for the command channel: network and battery in one.

use tokio::sync::watch;

use super::{NetworkView, Platform, PowerView};
use crate::actor::{Actor, Inbox, Never};
use crate::find::{Conditions, NetworkKey};

/// Keeps [`Conditions`] up to date.
#[derive(Debug)]
pub struct Surroundings {
    network: watch::Receiver<NetworkView>,
    power: watch::Receiver<PowerView>,
    conditions: watch::Sender<Conditions>,
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
        };
        (surroundings, shown)
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

impl Actor for Surroundings {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        loop {
            let now = conditions(&self.network.borrow_and_update(), &self.power.borrow_and_update());
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
    use super::{NetworkView, PowerView, conditions};
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
    }
}
