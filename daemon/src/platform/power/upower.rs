//! UPower's display device, which is what the user sees of all batteries together.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::{Message, MessageStream};

use super::{BatteryState, Power, PowerView, Warning};
use crate::actor::Supervisor;
use crate::platform::Answer;
use crate::platform::clock::Time;
use crate::platform::follower::{Follower, Subject};
use crate::platform::service::{Properties, Service, Signal, take};

const NAME: &str = "org.freedesktop.UPower";
const PATH: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
const DEVICE: &str = "org.freedesktop.UPower.Device";
/// What is read of it.
const SHOWN: [&str; 4] = ["IsPresent", "Percentage", "State", "WarningLevel"];

/// UPower on the system's bus.
#[derive(Debug)]
pub(in crate::platform) struct UPower(watch::Receiver<PowerView>);

#[derive(Debug)]
struct Display(Service);

impl UPower {
    pub(in crate::platform) fn start(
        connection: &zbus::Connection,
        supervisor: &mut Supervisor,
        clock: Time,
    ) -> Self {
        let subject = Arc::new(Display(Service::new(connection, NAME)));
        let (follower, view) = Follower::new(subject, clock);
        supervisor.start("battery", follower);
        Self(view)
    }
}

impl Power for UPower {
    fn view(&self) -> watch::Receiver<PowerView> {
        self.0.clone()
    }
}

impl Subject for Display {
    type View = PowerView;

    const NAME: &'static str = "battery";

    fn hints(&self) -> Answer<'_, Vec<MessageStream>> {
        Box::pin(async {
            let changes = Signal::changes(DEVICE).at(PATH);
            Ok(vec![self.0.owners().await?, self.0.signals(changes).await?])
        })
    }

    fn concerns(&self, hint: &Message) -> bool {
        let is_change = hint
            .header()
            .member()
            .is_some_and(|member| *member == "PropertiesChanged");
        !is_change || names_ours(hint)
    }

    fn read(&self) -> Answer<'_, PowerView> {
        Box::pin(async {
            let mut all = self.0.all(PATH, DEVICE).await?;
            if take::<bool>(&mut all, "IsPresent") == Some(false) {
                return Ok(PowerView::default());
            }
            let percentage: Option<f64> = take(&mut all, "Percentage");
            Ok(PowerView {
                percentage: percentage.map(percent),
                state: match take::<u32>(&mut all, "State") {
                    Some(1 | 5) => BatteryState::Charging,
                    Some(2 | 6) => BatteryState::Discharging,
                    Some(3) => BatteryState::Empty,
                    Some(4) => BatteryState::Full,
                    _ => BatteryState::Unknown,
                },
                warning: match take::<u32>(&mut all, "WarningLevel") {
                    Some(3) => Warning::Low,
                    // Critical, and past it: the action.
                    Some(4..) => Warning::Critical,
                    _ => Warning::None,
                },
            })
        })
    }
}

/// Whether a change is about what is shown: UPower tells of voltage, rate and times all the while.
fn names_ours(change: &Message) -> bool {
    let body = change.body();
    let body: Result<(String, Properties, Vec<String>), _> = body.deserialize();
    body.is_ok_and(|(_, changed, invalidated)| {
        let mut names = changed.keys().chain(&invalidated);
        names.any(|name| SHOWN.contains(&name.as_str()))
    })
}

fn percent(percentage: f64) -> u8 {
    // Clamped to what fits; what is no number becomes 0.
    percentage.round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use zbus::{Message, Variant};

    use super::{DEVICE, PATH, names_ours};

    fn change(changed: &[&str], invalidated: &[&str]) -> Message {
        let changed: HashMap<_, _> = changed.iter().map(|name| (*name, Variant::from(1_u32))).collect();
        Message::signal(PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged")
            .build(&(DEVICE, changed, invalidated))
            .unwrap()
    }

    #[test]
    fn only_a_change_of_what_is_shown_is_worth_a_reading() {
        for (changed, invalidated, is_ours) in [
            (
                vec!["UpdateTime", "Voltage", "EnergyRate", "TimeToEmpty"],
                vec![],
                false,
            ),
            (vec!["UpdateTime", "Percentage"], vec![], true),
            (vec!["State"], vec![], true),
            (vec!["Energy"], vec!["WarningLevel"], true),
            (vec![], vec!["IsPresent"], true),
            (vec![], vec![], false),
        ] {
            let told = change(&changed, &invalidated);
            assert_eq!(names_ours(&told), is_ours, "{changed:?} {invalidated:?}");
        }
    }
}
