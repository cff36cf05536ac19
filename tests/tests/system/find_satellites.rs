//! The modem's receiver after a belayd that ended in the midst of a search.

use belay_proto::signed::Action;
use belay_tests::owner::Console;
use belay_tests::services::modem::Modem;

use crate::owner::{ADA, PASSWORD, adas};
use crate::scene::Scene;

const LOCATION: &str = "org.freedesktop.ModemManager1.Modem.Location";
/// The cell before, satellites beside it during a search.
const SEARCHING: (u32, bool) = (3, false);
const BEFORE: (u32, bool) = (1, false);

/// Ada asks where her phone is, and its receiver has just been switched on.
async fn searching() -> Scene {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    console.send(&scene, Action::Locate).await.unwrap();
    let modem = scene.services().modem();
    // After its setup is done the search asks for the place.
    modem.puppet().called("GetLocation", 1).await.unwrap();
    modem.puppet().called("Setup", 1).await.unwrap();
    assert_eq!(modem.setups(), [SEARCHING]);
    scene
}

#[tokio::test]
async fn a_belayd_that_is_stopped_switches_off_the_receiver_that_it_switched_on() {
    let mut scene = searching().await;
    scene.stop_belayd().await.unwrap();
    assert_eq!(scene.services().modem().setups(), [SEARCHING, BEFORE]);
    scene.start_belayd().await.unwrap();
    assert_eq!(
        scene.services().modem().setups().len(),
        2,
        "nothing is left to take back"
    );
}

#[tokio::test]
async fn what_a_killed_belayd_has_left_on_the_next_one_switches_off_and_nothing_else() {
    let mut scene = searching().await;
    scene.kill_belayd().await.unwrap();
    let modem = scene.services().modem();
    assert_eq!(modem.setups(), [SEARCHING]);
    // Somebody else wants help from the network, and signals.
    let (puppet, path) = (modem.puppet(), modem.path().unwrap());
    puppet.set(&path, LOCATION, "Enabled", 35_u32).await.unwrap();
    puppet
        .set(&path, LOCATION, "SignalsLocation", true)
        .await
        .unwrap();
    scene.start_belayd().await.unwrap();
    let modem = scene.services().modem();
    modem.puppet().called("Setup", 2).await.unwrap();
    assert_eq!(modem.setups(), [SEARCHING, (33, true)]);
    // Once is enough.
    scene.kill_belayd().await.unwrap();
    scene.start_belayd().await.unwrap();
    scene.stop_belayd().await.unwrap();
    assert_eq!(scene.services().modem().setups().len(), 2);
}

#[tokio::test]
async fn from_a_modem_manager_that_came_after_the_search_nothing_is_taken_back() {
    let mut scene = searching().await;
    scene.kill_belayd().await.unwrap();
    scene.services().modem().puppet().leave().await.unwrap();
    let another = Modem::start(scene.bus().socket()).await.unwrap();
    let path = another.path().unwrap();
    let receiver = another.puppet().set(&path, LOCATION, "Enabled", 3_u32);
    receiver.await.unwrap();
    scene.start_belayd().await.unwrap();
    scene.stop_belayd().await.unwrap();
    assert_eq!(another.setups(), []);
    assert!(
        !scene.place().at("belayd/receiver.json").exists(),
        "and nothing is remembered"
    );
}
