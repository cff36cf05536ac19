//! What is written after a removal or a recovery is under keys that the devices before it don't have, at once and on
//! every device.

use belay_proto::wire::PushRequest;
use belay_tests::app::{New, REMOVE_DEVICE};
use belay_tests::openapi::Exchange;

use crate::account_life::{NEW, another, change, device_id, hers, ordered};
use crate::documented_sync::grace;
use crate::owner::{PASSWORD, app};
use crate::scene::Scene;

/// The key epochs of what was pushed so far, in order.
fn pushed(scene: &Scene) -> Vec<u64> {
    let exchanges = scene.network().exchanges();
    let is_push = |exchange: &&Exchange| exchange.path == "/v1/sync/push" && exchange.status == 200;
    let records = exchanges.iter().filter(is_push).flat_map(|push| {
        let request: PushRequest = rmp_serde::from_slice(&push.request).unwrap();
        request.records
    });
    records.map(|push| push.record.key_epoch).collect()
}

/// A card of this name is put and synced.
async fn puts(scene: &Scene, natural: &str) {
    let card = New { natural, ..grace() };
    app(scene).put_new("contacts", &card).await.unwrap().unwrap();
    app(scene).sync_now().await.unwrap().unwrap();
}

async fn count(scene: &Scene) -> usize {
    app(scene).sync_now().await.unwrap().unwrap();
    app(scene).list("contacts").await.unwrap().unwrap().len()
}

#[tokio::test]
async fn after_a_removal_every_device_goes_on_at_once_with_keys_that_the_removed_one_lacks() {
    let first = hers().await;
    let (second, third) = (another(&first).await, another(&first).await);
    for scene in [&first, &second] {
        app(scene).enable("contacts", true).await.unwrap().unwrap();
    }
    puts(&first, "ada").await;
    assert_eq!(count(&second).await, 1);
    assert_eq!(pushed(&first), [1]);
    let gone = device_id(&third).await;
    ordered(&first, REMOVE_DEVICE, &gone).await.unwrap();
    puts(&first, "grace").await;
    assert_eq!(
        pushed(&first),
        [1, 2],
        "the remover, whom the cloud wouldn't have refused"
    );
    assert_eq!(count(&second).await, 2);
    puts(&second, "alan").await;
    assert_eq!(pushed(&first), [1, 2, 2]);
    assert_eq!(count(&first).await, 3);
    change(&first, PASSWORD, NEW, false).await.unwrap();
    puts(&first, "joan").await;
    assert_eq!(pushed(&first), [1, 2, 2, 2], "none is lost");
}
