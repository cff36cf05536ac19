//! Records that are real, and not where or when they belong.

use belay_proto::AccountId;
use belay_proto::signed::Keyring;
use belay_proto::sync::{CollectionKeys, index_key};
use belay_proto::wire::{MESSAGE_PACK, PushAnswer, PushStatus, SyncRecord};
use belay_tests::app::REMOVE_DEVICE;
use belay_tests::owner::Console;
use belay_tests::proxy::Trick;

use super::{ALWAYS, CHANGES, PUSH, Victim, content, removal, sealed};
use crate::account_life::{another, device_id, ordered};
use crate::owner::{ADA, PASSWORD};
use crate::scene::PACE;

/// What a cloud says of a cursor from before it was restored.
const TOO_OLD: &[u8] = br#"{"type":"urn:belay:problem:cursor-too-old","title":"x","status":410}"#;

/// The keys of somebody else's collection.
pub(super) fn foreign(name: &str) -> CollectionKeys {
    let account = AccountId::random();
    let keyring = Keyring::generate(account, 1);
    let index = index_key(&keyring.index_key, name);
    CollectionKeys::new(account, name.to_owned(), keyring.collection_keys(name), index)
}

/// The device is shown these records, and shows its owner what it showed before.
async fn is_shown_in_vain(victim: &Victim, records: Vec<SyncRecord>) {
    let before = victim.notes().await;
    victim.lied_to(1, move |answer| answer.records.clone_from(&records));
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(CHANGES).await;
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn a_revision_that_is_played_back_does_not_come_back() {
    let victim = Victim::with(3).await;
    for text in ["second", "third"] {
        victim.writes("note-0", text).await;
        victim.syncs().await.unwrap();
    }
    let old = victim.pushed("note-0").remove(0);
    is_shown_in_vain(&victim, vec![old]).await;
    assert_eq!(victim.notes().await["note-0"], "note-0 says third");
}

#[tokio::test]
async fn a_revision_that_is_played_back_in_a_conflict_does_not_come_back() {
    let victim = Victim::with(3).await;
    victim.writes("note-0", "second").await;
    victim.syncs().await.unwrap();
    let old = victim.pushed("note-0").remove(0);
    let before = victim.notes_with("note-0", "third").await;
    let conflict = Trick::rewrite(move |_, reply| {
        let mut answer: PushAnswer = rmp_serde::from_slice(reply.body).unwrap();
        for result in &mut answer.results {
            result.status = PushStatus::Conflict;
            result.current = Some(old.clone());
        }
        *reply.body = rmp_serde::to_vec_named(&answer).unwrap();
    });
    // What is written is pushed a moment later by itself.
    victim.fleet.network().plan(PUSH, 1, &conflict);
    victim.writes("note-0", "third").await;
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(PUSH).await;
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn a_removal_of_long_ago_does_not_take_what_was_written_anew() {
    let victim = Victim::with(3).await;
    victim.deletes("note-0").await;
    victim.syncs().await.unwrap();
    let removal = victim.pushed("note-0").pop().unwrap();
    assert!(removal.removed);
    victim.writes("note-0", "more").await;
    victim.syncs().await.unwrap();
    is_shown_in_vain(&victim, vec![removal]).await;
    assert_eq!(victim.notes().await["note-0"], "note-0 says more");
}

/// Nobody can tell that a cloud threw away what it said it has, until it lists what there is.
#[tokio::test]
async fn what_a_cloud_took_and_threw_away_stays_here_and_is_brought_when_it_lists() {
    let victim = Victim::with(1).await;
    victim.writes("note-0", "second").await;
    victim.syncs().await.unwrap();
    let exchanges = victim.fleet.network().exchanges();
    let push = exchanges.iter().rev().find(|exchange| exchange.path == PUSH);
    let thrown_away = Trick::Answer {
        status: 200,
        headers: vec![("content-type", MESSAGE_PACK.to_owned())],
        body: push.unwrap().answer.clone(),
    };
    let before = victim.notes_with("note-0", "third").await;
    victim.fleet.network().plan(PUSH, 1, &thrown_away);
    victim.writes("note-0", "third").await;
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(PUSH).await;
    victim.is_unharmed(&before).await;
    let old = Trick::rewrite(|query, reply| {
        if query.contains("cursor=") {
            reply.becomes(410, "application/problem+json", TOO_OLD.to_vec());
        }
    });
    let pushes = victim.pushed("note-0").len();
    victim.fleet.network().plan(CHANGES, 1, &old);
    victim.syncs().await.unwrap();
    victim.was_lied_to(CHANGES).await;
    victim.syncs().await.unwrap();
    assert_eq!(victim.notes().await["note-0"], "note-0 says third");
    assert!(victim.pushed("note-0").len() > pushes, "it isn't brought again");
}

#[tokio::test]
async fn contents_that_change_places_change_nothing() {
    let victim = Victim::with(3).await;
    let (one, other) = (
        victim.pushed("note-0").remove(0),
        victim.pushed("note-1").remove(0),
    );
    let swapped = vec![
        SyncRecord {
            id: other.id,
            ..one.clone()
        },
        SyncRecord { id: one.id, ..other },
    ];
    is_shown_in_vain(&victim, swapped).await;
}

#[tokio::test]
async fn a_content_of_another_collection_changes_nothing() {
    let victim = Victim::with(3).await;
    let base = victim.pushed("note-0").remove(0);
    let contacts = victim.console.collection_keys("contacts");
    let card = sealed(&contacts, &content("note-0", 2, Some(&base.revision), "a card"));
    let moved = SyncRecord {
        collection: base.collection,
        id: base.id,
        ..card.clone()
    };
    // Where it belongs, and where it was asked for something else.
    is_shown_in_vain(&victim, vec![moved, card]).await;
}

#[tokio::test]
async fn a_content_of_another_account_changes_nothing() {
    let victim = Victim::with(3).await;
    let base = victim.pushed("note-0").remove(0);
    let theirs = sealed(
        &foreign("notes"),
        &content("note-0", 2, Some(&base.revision), "theirs"),
    );
    let moved = SyncRecord {
        collection: base.collection,
        id: base.id,
        ..theirs.clone()
    };
    is_shown_in_vain(&victim, vec![moved, theirs]).await;
}

#[tokio::test]
async fn a_content_of_another_key_epoch_changes_nothing() {
    let victim = Victim::with(3).await;
    // The account goes on under other keys, and its devices have those of before too.
    let first = &victim.device().scene;
    // The removal's ticket lives for a minute.
    first.clock().run(PACE).unwrap();
    let other = another(first).await;
    ordered(first, REMOVE_DEVICE, &device_id(&other).await)
        .await
        .unwrap();
    victim.writes("note-1", "second").await;
    victim.syncs().await.unwrap();
    assert_eq!(victim.pushed("note-1").pop().unwrap().key_epoch, 2);
    let console = Console::sign_in(first, ADA, PASSWORD).await.unwrap();
    let newer = console.collection_keys("notes");
    let base = victim.pushed("note-0").remove(0);
    let next = content("note-0", 2, Some(&base.revision), "later");
    let (of_first, of_second) = (sealed(&victim.keys, &next), sealed(&newer, &next));
    assert_eq!((of_first.key_epoch, of_second.key_epoch), (1, 2));
    let said = |record: &SyncRecord, key_epoch: u64| SyncRecord {
        key_epoch,
        ..record.clone()
    };
    // There is a key of what it is called, and of what it is.
    is_shown_in_vain(&victim, vec![said(&of_first, 2)]).await;
    is_shown_in_vain(&victim, vec![said(&of_second, 1)]).await;
    // And one of neither is.
    let others = [0, 3, u64::MAX].map(|epoch| said(&of_first, epoch));
    is_shown_in_vain(&victim, others.to_vec()).await;
    // What is called what it is would be believed: that was all that was wrong with it.
    victim.lied_to(1, move |answer| answer.records = vec![of_second.clone()]);
    victim.syncs_named().await.unwrap();
    victim.was_lied_to(CHANGES).await;
    assert_eq!(victim.notes().await["note-0"], "later");
}

#[tokio::test]
async fn bytes_that_are_not_of_their_revision_change_nothing() {
    let victim = Victim::with(3).await;
    let base = victim.pushed("note-0").remove(0);
    let next = sealed(&victim.keys, &content("note-0", 2, Some(&base.revision), "later"));
    let mut changed = next.clone();
    *changed.sealed.0.last_mut().unwrap() ^= 1;
    let mislabelled = SyncRecord {
        revision: base.revision,
        ..next
    };
    is_shown_in_vain(&victim, vec![changed, mislabelled]).await;
}

#[tokio::test]
async fn a_record_that_is_only_called_removed_stays() {
    let victim = Victim::with(3).await;
    let lie = |answer: &mut SyncRecord| answer.removed = true;
    let mut called: Vec<SyncRecord> = (0..3)
        .map(|n| victim.pushed(&format!("note-{n}")).remove(0))
        .collect();
    called.iter_mut().for_each(lie);
    is_shown_in_vain(&victim, called).await;
    // A newer content that says nothing of a removal, and the other way round.
    let base = victim.pushed("note-0").remove(0);
    let mut next = sealed(&victim.keys, &content("note-0", 2, Some(&base.revision), "more"));
    next.removed = true;
    let mut gone = sealed(&victim.keys, &removal("note-1", 2, &base.revision));
    gone.removed = false;
    is_shown_in_vain(&victim, vec![next, gone]).await;
}

#[tokio::test]
async fn what_is_left_out_is_not_deleted_and_is_brought_again() {
    let victim = Victim::with(10).await;
    let before = victim.notes().await;
    // A page that says nothing of what there is.
    victim.lied_to(3, |answer| answer.records.clear());
    victim.syncs().await.unwrap();
    victim.was_lied_to(CHANGES).await;
    assert_eq!(victim.notes().await, before);
    // The server was restored from an older backup, or says so.
    victim.fleet.network().behave();
    let old = Trick::rewrite(|query, reply| {
        if query.contains("cursor=") {
            reply.becomes(410, "application/problem+json", TOO_OLD.to_vec());
        }
    });
    let left_out = victim.keys.record_id("note-0");
    let some = Trick::changes(move |_, answer| answer.records.retain(|record| record.id != left_out));
    victim.fleet.network().plan(CHANGES, 1, &old);
    victim.fleet.network().plan(CHANGES, ALWAYS, &some);
    let pushes = victim.pushed("note-0").len();
    let _answered_or_refused = victim.syncs().await;
    assert_eq!(victim.notes().await, before);
    victim.syncs().await.unwrap();
    assert!(
        victim.pushed("note-0").len() > pushes,
        "what the cloud lost isn't brought again"
    );
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn a_cloud_that_calls_every_cursor_too_old_deletes_nothing() {
    let victim = Victim::with(5).await;
    let before = victim.notes().await;
    let old = Trick::Answer {
        status: 410,
        headers: vec![("content-type", "application/problem+json".to_owned())],
        body: TOO_OLD.to_vec(),
    };
    victim.fleet.network().plan(CHANGES, ALWAYS, &old);
    let asked = victim.asked();
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(CHANGES).await;
    assert!(
        victim.asked() - asked < 20,
        "it was asked {} times",
        victim.asked() - asked
    );
    victim.is_unharmed(&before).await;
}
