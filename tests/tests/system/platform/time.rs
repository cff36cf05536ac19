//! timedated.

use belay::platform::Timekeeping;
use belay_proto::clock::Clock;
use std::time::Duration;

use super::{Phone, in_time, shows};

#[tokio::test]
async fn who_keeps_the_time_shows_and_nobody_does_without_timedated() {
    let phone = Phone::new().await;
    let time = phone.services().time();
    let mut view = phone.platform.time.clone();
    time.zone("Europe/Berlin").await.unwrap();
    let by_hand = shows(&mut view, "the zone", |view| view.zone == "Europe/Berlin").await;
    assert_eq!(by_hand.kept, Timekeeping::Unknown);
    time.network(true).await.unwrap();
    shows(&mut view, "the wait for the network", |view| {
        view.kept == Timekeeping::Waiting
    })
    .await;
    // It comes without a word: it is asked for.
    time.synchronised(true).unwrap();
    let synchronised = shows(&mut view, "the network's time", |view| {
        view.kept == Timekeeping::Synchronised
    });
    in_time(&phone, synchronised).await;
    // The clock is set: whoever kept it is asked anew.
    time.synchronised(false).unwrap();
    phone
        .clock
        .set_wall(phone.clock.wall() - Duration::from_secs(3600));
    shows(&mut view, "the wait for the network", |view| {
        view.kept == Timekeeping::Waiting
    })
    .await;
    time.puppet().leave().await.unwrap();
    in_time(
        &phone,
        shows(&mut view, "nothing", |view| view.kept == Timekeeping::Unknown),
    )
    .await;
}
