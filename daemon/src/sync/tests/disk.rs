//! A disk without room: nothing is lost, nothing is half, it is told, and it goes on by itself once there is room.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::AccountId;
use belay_proto::keys::random;
use belay_proto::text::hex;
use futures_util::FutureExt;
use rusqlite::ErrorCode;

use super::super::{Phase, Put, SyncError};
use super::rig::{CONTACTS, Cloud, Phone, all, bound, phone, put};
use crate::store::StoreError;

/// Longer than what fails is left alone.
const A_WHILE: Duration = Duration::from_secs(16 * 60);

impl Phone {
    /// The database can't grow by a page from now on.
    async fn is_full(&self) {
        let full = |db: &mut rusqlite::Connection| {
            db.execute_batch("VACUUM")?;
            let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok(())
        };
        self.store.call(full).await.unwrap();
    }

    async fn has_room(&self) {
        let room = |db: &mut rusqlite::Connection| {
            db.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))?;
            Ok(())
        };
        self.store.call(room).await.unwrap();
    }

    /// Whether anything can be written, or the disk takes none of it.
    async fn can_write(&self, can: bool) {
        let write = move |db: &mut rusqlite::Connection| Ok(db.pragma_update(None, "query_only", !can)?);
        self.store.call(write).await.unwrap();
    }

    /// What failed is tried again by itself, and comes to an end.
    async fn goes_on(&self) {
        self.clock.advance(A_WHILE);
        let view = self.comes_to(Phase::Idle).await;
        assert_eq!(view.last_error, "");
    }
}

/// A content that is as long on the disk.
fn long(natural: &str) -> Put {
    let noise: String = (0..3000).map(|_| hex(&random::<32>())).collect();
    put(natural, 0, &noise)
}

/// So many short ones.
fn short(count: usize) -> Vec<Put> {
    (0..count).map(|n| put(&format!("n{n}"), 0, "short")).collect()
}

#[tokio::test]
async fn the_test_s_disk_is_full_as_a_disk_is() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.is_full().await;
    let fill = |db: &mut rusqlite::Connection| {
        db.execute(
            "INSERT INTO meta (name, value) VALUES ('a', zeroblob(100000))",
            [],
        )?;
        Ok(())
    };
    let Err(StoreError::Sql(error)) = one.store.call(fill).await else {
        panic!("it has room");
    };
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
}

#[tokio::test]
async fn an_edit_that_finds_no_room_is_refused_as_a_whole_and_those_beside_it_stand() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("ada", "1").await;
    one.puts("gone", "1").await;
    one.syncs().await;
    one.is_full().await;
    // Both, or none.
    let both = vec![put("short", 0, "a"), long("long")];
    assert_eq!(one.handle.put_many(CONTACTS, both).await, Err(SyncError::Storage));
    // Those that wait for the disk together stand or fall alone.
    let (refused, removed) = tokio::join!(one.handle.put(CONTACTS, long("long")), one.removes("gone"));
    assert_eq!((refused, removed), (Err(SyncError::Storage), ()));
    assert_eq!(one.has().await, all(&[("ada", "1")]));
    one.has_room().await;
    one.handle.put(CONTACTS, long("long")).await.unwrap();
    one.syncs().await;
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    let two = phone(&cloud).await;
    two.syncs().await;
    assert_eq!(two.has().await, one.has().await);
}

#[tokio::test]
async fn what_other_devices_brought_comes_once_there_is_room_and_until_then_the_state_says_why_not() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.syncs().await;
    two.handle
        .put_many(CONTACTS, vec![long("a"), put("b", 0, "short")])
        .await
        .unwrap();
    two.syncs().await;
    one.is_full().await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Storage));
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(
        (view.last_error, view.collections[CONTACTS].records),
        ("Storage", 0)
    );
    one.has_room().await;
    one.goes_on().await;
    assert_eq!(one.has().await, two.has().await);
}

#[tokio::test]
async fn what_waits_for_the_cloud_goes_there_once_it_can_be_noted_that_it_does() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.syncs().await;
    one.handle.put_many(CONTACTS, short(400)).await.unwrap();
    one.is_full().await;
    let before = cloud.counted.lock().unwrap().1;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Storage));
    assert_eq!(
        cloud.counted.lock().unwrap().1,
        before,
        "nothing is sent that isn't noted"
    );
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(
        (view.last_error, view.collections[CONTACTS].pending),
        ("Storage", 400)
    );
    one.has_room().await;
    one.goes_on().await;
    assert_eq!(cloud.kept.lock().unwrap().records.len(), 400);
}

#[tokio::test]
async fn a_push_that_arrived_and_couldn_t_be_noted_is_nobody_s_conflict() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("ada", "1").await;
    one.syncs().await;
    one.puts("ada", "2").await;
    // The disk takes nothing more once the answer is under way: whoever asks for that needn't wait until it is so.
    let store = one.store.clone();
    *cloud.about_results.lock().unwrap() = Some(Box::new(move |_| {
        let stop = |db: &mut rusqlite::Connection| Ok(db.pragma_update(None, "query_only", true)?);
        let _done_all_the_same = store.call(stop).now_or_never();
    }));
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Storage));
    *cloud.about_results.lock().unwrap() = None;
    one.comes_to(Phase::Attention).await;
    one.can_write(true).await;
    one.goes_on().await;
    assert_eq!(one.has().await, all(&[("ada", "2")]));
    let view = one.handle.view();
    assert_eq!(
        (
            view.collections[CONTACTS].pending,
            view.collections[CONTACTS].conflicts
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_content_whose_record_finds_no_room_is_the_caller_s_to_put_again() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.syncs().await;
    one.can_write(false).await;
    assert_eq!(one.tries("film").await, Err(SyncError::Storage));
    assert_eq!(one.entry("film").await, None);
    one.can_write(true).await;
    one.brings("film").await;
    one.syncs().await;
    assert_eq!(cloud.kept.lock().unwrap().records.len(), 1);
}

#[tokio::test]
async fn whose_the_records_are_is_noted_once_it_can_be_though_the_warden_says_nothing_more() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.syncs().await;
    one.is_nobodys().await;
    one.can_write(false).await;
    let mut watch = one.handle.watch();
    one.warden.send_replace(bound(AccountId::from_bytes([8; 16])));
    watch.wait_for(|view| view.last_error == "Storage").await.unwrap();
    one.can_write(true).await;
    one.clock.advance(A_WHILE);
    one.comes_to(Phase::Idle).await;
    one.handle.set_enabled(CONTACTS, true).await.unwrap();
    one.puts("ada", "1").await;
    one.syncs().await;
}
