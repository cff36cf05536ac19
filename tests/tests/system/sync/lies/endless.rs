//! Answers that lead nowhere.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use belay_proto::keys::random;
use belay_proto::sync::{RecordId, Revision};
use belay_proto::wire::{Bytes, ChangesAnswer, MESSAGE_PACK, Quota, SyncRecord};
use belay_tests::proxy::Trick;

use super::{ALWAYS, CHANGES, Victim};

/// So many pages that bring nothing are enough to know.
const ENOUGH: usize = 1200;

/// Each question is answered so, by its number, whatever the cloud says; the sync ends for all that, and with it the
/// questions.
async fn ends(victim: &Victim, lie: impl Fn(u64) -> ChangesAnswer + Send + Sync + 'static) {
    let before = victim.notes().await;
    let asked = victim.asked();
    let number = AtomicU64::new(0);
    let lie = Trick::rewrite(move |_, reply| {
        let answer = lie(number.fetch_add(1, Ordering::Relaxed));
        reply.becomes(200, MESSAGE_PACK, rmp_serde::to_vec_named(&answer).unwrap());
    });
    victim.fleet.network().plan(CHANGES, ALWAYS, &lie);
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(CHANGES).await;
    let questions = victim.asked() - asked;
    assert!(questions < ENOUGH, "it asked {questions} times");
    victim.is_unharmed(&before).await;
}

/// There is always more, of which these are some.
fn more(cursor: String, records: Vec<SyncRecord>) -> ChangesAnswer {
    ChangesAnswer {
        left: 0,
        records,
        cursor,
        more: true,
        quota: Quota {
            used: 1,
            total: 1 << 30,
        },
    }
}

#[tokio::test]
async fn a_cursor_that_never_moves_ends_the_sync() {
    let victim = Victim::with(3).await;
    let known = victim.pushed("note-0");
    ends(&victim, move |_| more("1.1".to_owned(), known.clone())).await;
}

#[tokio::test]
async fn pages_for_ever_without_a_record_end_the_sync() {
    let victim = Victim::with(3).await;
    ends(&victim, |number| more(format!("1.{number}"), Vec::new())).await;
}

#[tokio::test]
async fn pages_for_ever_of_what_is_known_end_the_sync() {
    let victim = Victim::with(3).await;
    let known = victim.pushed("note-0");
    ends(&victim, move |number| more(format!("1.{number}"), known.clone())).await;
}

#[tokio::test]
async fn pages_for_ever_of_what_does_not_open_end_the_sync() {
    let victim = Victim::with(3).await;
    let collection = victim.keys.collection_id();
    let junk = move |number| {
        let sealed = random::<400>().to_vec();
        let junk = SyncRecord {
            collection,
            id: RecordId::from_bytes(random()),
            revision: Revision::of(&sealed),
            key_epoch: 1,
            removed: false,
            chunks: Vec::new(),
            sealed: Bytes(sealed),
        };
        more(format!("1.{number}"), vec![junk])
    };
    ends(&victim, junk).await;
}

#[tokio::test]
async fn an_old_cursor_in_each_answer_does_no_harm() {
    let victim = Victim::with(3).await;
    victim.writes("note-0", "second").await;
    let before = victim.notes().await;
    let first = Mutex::new(None);
    victim.lied_to(ALWAYS, move |answer| {
        let mut first = first.lock().unwrap();
        let first = first.get_or_insert_with(|| answer.cursor.clone());
        answer.cursor.clone_from(first);
    });
    victim.syncs().await.unwrap();
    victim.writes("note-1", "second").await;
    victim.syncs().await.unwrap();
    victim.syncs().await.unwrap();
    victim.was_lied_to(CHANGES).await;
    let after = victim.notes().await;
    assert_eq!((&after["note-0"], after.len()), (&before["note-0"], before.len()));
    victim.is_unharmed(&after).await;
}

#[tokio::test]
async fn another_epoch_in_each_answer_has_everything_listed_and_nothing_deleted() {
    let victim = Victim::with(3).await;
    let before = victim.notes().await;
    let asked = victim.asked();
    // Asked with such a cursor the cloud itself says that it counts anew, as after a restore.
    victim.lied_to(ALWAYS, |answer| {
        answer.cursor.replace_range(..16, "0123456789abcdef");
    });
    for _ in 0..3 {
        let _answered_or_refused = victim.syncs().await;
    }
    victim.was_lied_to(CHANGES).await;
    let questions = victim.asked() - asked;
    // Once as before, and then each time in vain and from the start.
    assert!((5..60).contains(&questions), "it asked {questions} times");
    victim.is_unharmed(&before).await;
}
