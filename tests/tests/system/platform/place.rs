//! GeoClue.

use belay::platform::{Fix, PlatformError};
use belay_proto::clock::{Clock, unix_seconds};
use belay_tests::services::geoclue::Place;
use belay_tests::until::{until, within};
use tokio::sync::mpsc;

use super::Phone;

fn place(accuracy: f64, timestamp: u64) -> Place {
    Place {
        latitude: 48.2,
        longitude: 16.4,
        accuracy,
        altitude: None,
        timestamp,
    }
}

async fn next(found: &mut mpsc::Receiver<Fix>) -> Fix {
    within("a fix", found.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn our_own_agent_lets_belayd_know_each_place_and_its_age() {
    let phone = Phone::new().await;
    let geoclue = phone.services().position();
    let wall = unix_seconds(phone.clock.wall());
    geoclue.found(place(5000.0, wall - 600)).await.unwrap();
    let (fixes, mut found) = mpsc::channel(4);
    let tracking = phone.platform.position.track(fixes);
    let world = async {
        let old = next(&mut found).await;
        geoclue.found(place(25.0, wall)).await.unwrap();
        let new = next(&mut found).await;
        drop(found);
        (old, new)
    };
    let (tracked, (old, new)) = tokio::join!(tracking, world);
    tracked.unwrap();
    assert_eq!((phone.clock.boottime() - old.measured).as_secs(), 600);
    assert_eq!((new.coordinates.accuracy, new.coordinates.altitude), (25.0, None));
    assert_eq!(new.measured, phone.clock.boottime());
    let agents = geoclue.puppet().calls("AddAgent");
    assert_eq!(agents[0].arguments, ["org.belay1".into()]);
    until("the client to be gone", async || {
        (geoclue.clients() == 0).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_search_that_nobody_waits_for_leaves_no_client() {
    let phone = Phone::new().await;
    let geoclue = phone.services().position();
    let (fixes, _found) = mpsc::channel(4);
    tokio::select! {
        _ = phone.platform.position.track(fixes) => panic!("there is nothing to find"),
        _ = geoclue.puppet().called("Start", 1) => {}
    }
    until("the client to be gone", async || {
        (geoclue.clients() == 0).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_distribution_that_forgot_the_whitelist_is_told_apart_from_no_geoclue() {
    let phone = Phone::new().await;
    let geoclue = phone.services().position();
    geoclue.forget_whitelist();
    let (fixes, _found) = mpsc::channel(4);
    let denied = phone.platform.position.track(fixes.clone()).await.unwrap_err();
    assert!(matches!(denied, PlatformError::Denied(_)), "{denied}");
    geoclue.puppet().leave().await.unwrap();
    let gone = phone.platform.position.track(fixes).await.unwrap_err();
    assert!(matches!(gone, PlatformError::NotSupported(_)), "{gone}");
}

#[tokio::test]
async fn a_geoclue_that_leaves_in_the_middle_ends_the_search() {
    let phone = Phone::new().await;
    let geoclue = phone.services().position();
    let (fixes, _found) = mpsc::channel(4);
    let world = async {
        geoclue.puppet().called("Start", 1).await.unwrap();
        geoclue.puppet().leave().await.unwrap();
    };
    let (tracked, ()) = tokio::join!(phone.platform.position.track(fixes), world);
    let gone = tracked.unwrap_err();
    assert!(matches!(gone, PlatformError::NotSupported(_)), "{gone}");
}
