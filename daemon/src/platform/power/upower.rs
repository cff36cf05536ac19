//! UPower's display device, which is what the user sees of all batteries together.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::MessageStream;

use super::{BatteryState, Power, PowerView, Warning};
use crate::actor::Supervisor;
use crate::platform::Answer;
use crate::platform::clock::Time;
use crate::platform::follower::{Follower, Subject};
use crate::platform::service::{Service, Signal, take};

const NAME: &str = "org.freedesktop.UPower";
const PATH: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
const DEVICE: &str = "org.freedesktop.UPower.Device";

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

fn percent(percentage: f64) -> u8 {
    // Clamped to what fits; what is no number becomes 0.
    percentage.round().clamp(0.0, 100.0) as u8
}
