//! What the surroundings are like for the command channel and sync: network, modem and battery in one.

use tokio::sync::watch;

use super::{ModemView, NetworkView, Platform, PowerView};
use crate::actor::{Actor, Inbox, Never};
use crate::find::{Conditions, NetworkKey};
use crate::sync;

/// Keeps [`Conditions`] up to date.
#[derive(Debug)]
pub struct Surroundings {
    network: watch::Receiver<NetworkView>,
    modem: watch::Receiver<ModemView>,
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
            modem: platform.modem.view(),
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

/// What sync has to know of all.
fn for_sync(network: &NetworkView, modem: &ModemView, power: &PowerView) -> sync::Conditions {
    let through = network.modem.as_ref();
    sync::Conditions {
        online: network.online,
        metered: network.metered,
        roaming: network.roaming || through.is_some_and(|through| modem.roaming.contains(through)),
        battery: power.percentage.filter(|_| !power.is_charging()),
    }
}

impl Actor for Surroundings {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        loop {
            let (now, for_sync) = {
                let (network, power) = (self.network.borrow_and_update(), self.power.borrow_and_update());
                let modem = self.modem.borrow_and_update();
                (conditions(&network, &power), for_sync(&network, &modem, &power))
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
                Ok(()) = self.modem.changed() => {}
                Ok(()) = self.power.changed() => {}
                _ = inbox.recv() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ModemView, NetworkView, PowerView, conditions, for_sync};
    use crate::platform::{BatteryState, Warning};

    #[test]
    fn a_low_battery_counts_until_it_charges_and_the_network_s_name_doesn_t_show() {
        let network = NetworkView {
            id: Some("home".into()),
            metered: true,
            online: Some(true),
            ..NetworkView::default()
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
        let modem = ModemView::default();
        assert_eq!(for_sync(&network, &modem, &low).battery, Some(9));
        assert_eq!(for_sync(&network, &modem, &charging).battery, None);
    }

    #[test]
    fn roaming_is_the_modem_s_that_the_way_goes_through() {
        let roaming = |network: &NetworkView| {
            let modem = ModemView {
                roaming: vec!["/abroad".into()],
                ..ModemView::default()
            };
            for_sync(network, &modem, &PowerView::default()).roaming
        };
        let through = |modem: Option<&str>| NetworkView {
            modem: modem.map(ToOwned::to_owned),
            ..NetworkView::default()
        };
        assert!(roaming(&through(Some("/abroad"))));
        assert!(!roaming(&through(Some("/home"))) && !roaming(&through(None)));
        let told = NetworkView {
            roaming: true,
            ..NetworkView::default()
        };
        assert!(roaming(&told));
    }
}
