//! NetworkManager.

use std::time::Duration;

use belay::platform::{PlatformError, Surroundings};
use belay_proto::clock::Clock;
use belay_tests::services::network::AccessPoint;

use super::{Phone, in_time, shows};

const NEAR: AccessPoint = AccessPoint {
    bssid: "02:00:00:00:00:01",
    ssid: "near",
    strength: 80,
    frequency: 2412,
};
const FAR: AccessPoint = AccessPoint {
    bssid: "02:00:00:00:00:02",
    ssid: "far",
    strength: 20,
    frequency: 5180,
};

#[tokio::test]
async fn the_network_shows_with_its_price_and_whether_it_leads_anywhere() {
    let phone = Phone::new().await;
    let network = phone.services().network();
    let mut view = phone.platform.network.view();
    let home = shows(&mut view, "home", |view| view.id.as_deref() == Some("home")).await;
    assert_eq!((home.metered, home.online), (false, Some(true)));
    network.connect("on-the-road").await.unwrap();
    network.metered(3).await.unwrap();
    shows(&mut view, "a metered network", |view| {
        view.metered && view.id.as_deref() == Some("on-the-road")
    })
    .await;
    network.state(70, 2).await.unwrap();
    shows(&mut view, "a portal", |view| view.online.is_none()).await;
    network.disconnect().await.unwrap();
    shows(&mut view, "no network", |view| {
        view.online == Some(false) && view.id.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_network_manager_that_leaves_takes_what_is_known_with_it() {
    let phone = Phone::new().await;
    let mut view = phone.platform.network.view();
    shows(&mut view, "the network", |view| view.online == Some(true)).await;
    phone.services().network().puppet().leave().await.unwrap();
    shows(&mut view, "nothing", |view| {
        view.online.is_none() && view.id.is_none()
    })
    .await;
    phone.services().network().puppet().come_back().await.unwrap();
    shows(&mut view, "the network again", |view| view.online == Some(true)).await;
}

#[tokio::test]
async fn network_and_battery_are_the_channel_s_surroundings() {
    let mut phone = Phone::new().await;
    let (surroundings, mut conditions) = Surroundings::new(&phone.platform);
    phone._supervisor.start("surroundings", surroundings);
    let home = shows(&mut conditions, "home", |now| now.online == Some(true)).await;
    phone.services().network().metered(1).await.unwrap();
    phone
        .services()
        .power()
        .set(9.0, belay_tests::services::power::Warning::Low)
        .await
        .unwrap();
    let low = shows(&mut conditions, "a low battery and a price", |now| {
        now.battery_low && now.metered
    })
    .await;
    assert_eq!(low.network, home.network);
    phone.services().network().connect("away").await.unwrap();
    let away = shows(&mut conditions, "another network", |now| {
        now.network != home.network
    })
    .await;
    assert!(away.is_news_after(&home));
}

#[tokio::test]
async fn sync_is_told_of_roaming_while_its_way_goes_through_the_modem_that_does() {
    let mut phone = Phone::new().await;
    let (surroundings, _conditions) = Surroundings::new(&phone.platform);
    let mut conditions = surroundings.for_sync();
    phone._supervisor.start("surroundings", surroundings);
    let modem = phone.services().modem();
    let mut modems = phone.platform.modem.view();
    shows(&mut modems, "the modem", |view| view.present).await;
    modem.is_registered(5).await.unwrap();
    shows(&mut modems, "a modem abroad", |view| view.roaming.len() == 1).await;
    assert!(!conditions.borrow_and_update().roaming, "Wi-Fi is no roaming");
    let network = phone.services().network();
    network.connect_through(&modem.path().unwrap()).await.unwrap();
    shows(&mut conditions, "roaming", |now| {
        now.roaming && now.online == Some(true)
    })
    .await;
    modem.is_registered(1).await.unwrap();
    shows(&mut conditions, "home", |now| !now.roaming).await;
    for abroad in [7, 10] {
        modem.is_registered(abroad).await.unwrap();
        shows(&mut conditions, "roaming again", |now| now.roaming).await;
        modem.is_registered(9).await.unwrap();
        shows(&mut conditions, "home again", |now| !now.roaming).await;
    }
    modem.is_registered(5).await.unwrap();
    shows(&mut conditions, "roaming", |now| now.roaming).await;
    network.connect("home").await.unwrap();
    shows(&mut conditions, "Wi-Fi", |now| !now.roaming).await;
}

#[tokio::test]
async fn a_scan_is_waited_for_and_tells_the_strongest_first_with_its_time() {
    let phone = Phone::new().await;
    let at = i64::try_from(phone.clock.boottime().as_millis()).unwrap();
    phone.services().network().around(&[FAR, NEAR], at);
    let scan = phone.platform.network.scan().await.unwrap();
    let seen: Vec<&str> = scan
        .access_points
        .iter()
        .map(|point| point.ssid.as_str())
        .collect();
    assert_eq!(seen, ["near", "far"]);
    assert_eq!(
        (
            scan.access_points[1].bssid.as_str(),
            scan.access_points[1].frequency
        ),
        (FAR.bssid, 5180)
    );
    assert_eq!(scan.at, Some(phone.clock.boottime()));
}

#[tokio::test]
async fn where_no_new_scan_is_possible_the_last_one_is_told_with_its_age() {
    let phone = Phone::new().await;
    phone.services().network().around(&[NEAR], 1000);
    phone.platform.network.scan().await.unwrap();
    let puppet = phone.services().network().puppet();
    puppet.refuse("RequestScan", "org.freedesktop.NetworkManager.Device.NotAllowed");
    let old = phone.platform.network.scan().await.unwrap();
    assert_eq!(
        (old.access_points.len(), old.at),
        (1, Some(Duration::from_secs(1)))
    );
    puppet.heal();
    // A scan that brings no other time than the last: the clock ends the wait.
    let late = in_time(&phone, phone.platform.network.scan()).await.unwrap();
    assert_eq!(late.at, Some(Duration::from_secs(1)));
    puppet.refuse("GetDevices", "org.freedesktop.DBus.Error.UnknownMethod");
    let none = phone.platform.network.scan().await.unwrap_err();
    assert!(matches!(none, PlatformError::NotSupported(_)), "{none}");
}
