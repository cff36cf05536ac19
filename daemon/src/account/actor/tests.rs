//! Moments between two messages that a test from outside can't choose.

use belay_proto::id::{AccountId, DeviceId, Epoch, HardwareId};
use belay_proto::keys::SigningKey;
use belay_proto::signed::{self, Signed};
use futures_util::FutureExt;
use tokio::time::timeout;

use super::*;
use crate::account::flow::tests::World;
use crate::account::model::Release;
use crate::account::state::Change;
use crate::store::account::AccountRows;

fn release() -> Release {
    let (device, epoch) = (DeviceId::random(), Epoch::random());
    let free = signed::Release {
        account: AccountId::random(),
        device,
        epoch,
        hardware: HardwareId::from_bytes([6; 32]),
    };
    Release {
        key: ReleaseKey { device, epoch },
        signed: Signed::seal(&free, &SigningKey::generate()).encode(),
    }
}

/// A desk at work in `world`, over its store.
async fn desk(world: &World) -> (Desk, AccountRows) {
    let rows = AccountRows::new(world.store().await);
    let (view, _) = watch::channel(View::default());
    let mut desk = Desk::new(Arc::new(world.parts(rows.clone())), view);
    desk.open().await.unwrap();
    desk.errands.clear();
    (desk, rows)
}

async fn put(rows: &AccountRows, release: &Release) {
    let put = Change::AddRelease(Box::new(release.clone()));
    rows.commit(vec![put]).await.unwrap();
}

#[tokio::test]
async fn a_release_that_comes_while_a_delivery_finds_none_is_not_overlooked() {
    let world = World::new();
    let (mut desk, rows) = desk(&world).await;
    let release = release();
    // One delivery looks into the store, and has found nothing when the release is put there.
    desk.deliver();
    desk.errands.clear();
    put(&rows, &release).await;
    desk.look_for_releases().await;
    desk.finish(Done::NothingToDeliver).await;
    let delivered = async {
        while world.cloud.with(|cloud| cloud.releases.is_empty()) {
            let done = desk.errands.next().await.unwrap();
            desk.finish(done).await;
        }
    };
    timeout(Duration::from_secs(60), delivered).await.unwrap();
    assert_eq!(rows.next_release().await.unwrap().map(|r| r.key), None);
}

#[tokio::test]
async fn a_release_that_is_delivered_before_its_sign_out_is_reported_does_not_wait_again() {
    let world = World::new();
    let (mut desk, rows) = desk(&world).await;
    let release = release();
    put(&rows, &release).await;
    desk.look_for_releases().await;
    desk.finish(Done::Delivered(release.key)).await;
    let (answer, answered) = oneshot::channel();
    let event = Event::Released(Box::new(release));
    desk.take(Message { event, answer }).await;
    answered.await.unwrap().unwrap();
    assert!(desk.state.releases.is_empty());
    assert_eq!(rows.next_release().await.unwrap().map(|r| r.key), None);
}

#[tokio::test]
async fn a_delivery_that_the_disk_does_not_note_is_offered_again_after_a_pause_only() {
    let world = World::new();
    let store = world.store().await;
    let rows = AccountRows::new(store.clone());
    let (view, _) = watch::channel(View::default());
    let mut desk = Desk::new(Arc::new(world.parts(rows.clone())), view);
    desk.open().await.unwrap();
    let release = release();
    put(&rows, &release).await;
    desk.look_for_releases().await;
    desk.errands.clear();
    let read_only = |state: &'static str| {
        store.call(move |connection| Ok(connection.execute_batch(&format!("PRAGMA query_only = {state}"))?))
    };
    read_only("ON").await.unwrap();
    desk.finish(Done::Delivered(release.key)).await;
    assert!(!desk.offering, "nothing is sent meanwhile");
    let over = desk.errands.next().await.unwrap();
    assert!(matches!(over, Done::PauseOver(_)));
    read_only("OFF").await.unwrap();
    desk.finish(over).await;
    let delivered = async {
        while !desk.state.releases.is_empty() {
            let done = desk.errands.next().await.unwrap();
            desk.finish(done).await;
        }
    };
    timeout(Duration::from_secs(60), delivered).await.unwrap();
    assert_eq!(rows.next_release().await.unwrap().map(|r| r.key), None);
}

#[tokio::test]
async fn a_warden_that_was_late_and_took_its_word_back_is_asked_again_soon_the_next_time() {
    let world = World::new();
    let (mut desk, _) = desk(&world).await;
    // It is late so often that the pauses get long.
    for _ in 0..20 {
        desk.asks_again = false;
        desk.ask_again_later();
    }
    desk.errands.clear();
    desk.asks_again = false;
    assert_eq!(word(&desk.parts.warden.view()), desk.state.word);
    desk.listen().await;
    desk.ask_again_later();
    // Short waits alone pass by themselves on this clock.
    let over = desk.errands.next().now_or_never();
    assert!(matches!(over, Some(Some(Done::AskAgain))));
}
