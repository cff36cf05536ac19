//! More accessories than anybody has.

use belay_tests::accessories::Band;
use belay_tests::accessories::band::Model;
use belay_tests::bluez::Address;
use futures_util::future::join_all;

use super::Beside;
use super::sensors::pairs_with;

const KEY: [u8; 16] = *b"0123456789@ABCDE";

#[tokio::test]
async fn fifty_bands_that_are_to_be_connected_at_once_are_each_at_the_first_try() {
    let mut beside = Beside::new().await;
    let bands = (0..50).map(|last| {
        let address = Address::public([0xe4, 2, 3, 4, 6, last]);
        Band::new(Model::Four, address, Some(KEY), u64::from(last))
    });
    let all = beside.finds_all(bands).await;
    for some in all.chunks(10) {
        let pairings = some.iter().map(|(_, object)| pairs_with(&beside, *object, KEY));
        for answer in join_all(pairings).await {
            answer.unwrap();
        }
    }
    beside.scene.kill_belayd().await.unwrap();
    for (band, _) in &all {
        band.lose().await.unwrap();
    }
    // The device's time stands still, so nothing that fails is tried again.
    beside.scene.start_belayd().await.unwrap();
    for (band, object) in &all {
        beside.app.reads(*object, "State", "connected").await.unwrap();
        band.connected(true).await.unwrap();
    }
}
