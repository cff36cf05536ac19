//! UPower.

use belay::platform::BatteryState;
use belay_tests::services::power::Warning;

use super::{Phone, shows};

#[tokio::test]
async fn the_battery_shows_until_it_charges_and_nothing_without_upower() {
    let phone = Phone::new().await;
    let power = phone.services().power();
    let mut view = phone.platform.power.view();
    let full = shows(&mut view, "the battery", |view| view.percentage == Some(80)).await;
    assert!(!full.is_low() && full.state == BatteryState::Discharging);
    power.set(9.6, Warning::Low).await.unwrap();
    let low = shows(&mut view, "a low battery", |view| view.is_low()).await;
    assert!(low.percentage == Some(10) && !low.is_critical());
    power.set(2.0, Warning::Action).await.unwrap();
    shows(&mut view, "a critical battery", |view| view.is_critical()).await;
    power.charge(true).await.unwrap();
    shows(&mut view, "a charging battery", |view| !view.is_low()).await;
    power.puppet().leave().await.unwrap();
    shows(&mut view, "nothing", |view| view.percentage.is_none()).await;
}
