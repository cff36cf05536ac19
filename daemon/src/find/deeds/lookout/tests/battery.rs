use std::time::Duration;

use belay_proto::wire::{LocationSource, Report};

use super::battery;
use crate::find::deeds::testing::Rig;
use crate::platform::{BatteryState, Warning};

#[tokio::test]
async fn the_last_place_goes_out_once_before_the_battery_is_empty() {
    let mut rig = Rig::new().await;
    rig.phone.fixes.lock().unwrap().0 = vec![rig.fix(20.0, LocationSource::Gnss, 0)];
    rig.phone
        .power
        .send_replace(battery(Warning::Low, BatteryState::Discharging));
    rig.settle().await;
    assert!(rig.reports().await.is_empty());
    rig.phone
        .power
        .send_replace(battery(Warning::Critical, BatteryState::Discharging));
    rig.settle().await;
    let reports = rig.reports().await;
    assert!(
        matches!(
            reports.as_slice(),
            [Report::Battery { percentage: 3, state, .. }, Report::Location { source: LocationSource::Gnss, command: None, .. }]
                if state == "discharging"
        ),
        "{} reports",
        reports.len()
    );
    rig.restart().await;
    rig.settle().await;
    assert!(rig.reports().await.is_empty(), "once");
    rig.phone
        .power
        .send_replace(battery(Warning::Critical, BatteryState::Charging));
    rig.settle().await;
    rig.phone.fixes.lock().unwrap().0.clear();
    rig.clock.advance(Duration::from_secs(60));
    rig.phone
        .power
        .send_replace(battery(Warning::Critical, BatteryState::Discharging));
    rig.settle().await;
    let reports = rig.reports().await;
    let [
        Report::Battery { .. },
        Report::Location {
            source: LocationSource::Last,
            age_ms,
            ..
        },
    ] = reports.as_slice()
    else {
        panic!("{} reports", reports.len());
    };
    assert_eq!(*age_ms, 60_000, "what was known, where nothing new is found");
}
