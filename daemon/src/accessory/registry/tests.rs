//! Two devices of an account, and what a cloud between them can do.

mod rig;

use std::sync::Arc;
use std::time::Duration;

use belay_proto::dbus::{BindingState, LockState};
use belay_proto::id::{AccessoryId, AccountId};
use belay_proto::keys::PublicKey;

use self::rig::{Kept, NOW, Shelf, band, bound, id, phone};
use super::{Learned, NotBrought};
use crate::accessory::AccessoryError;
use crate::warden::{Identity, WardenView};

#[tokio::test]
async fn what_one_device_pairs_the_other_has_and_what_one_unpairs_both_forget() {
    let shelf = Arc::new(Shelf::default());
    let (one, two) = (phone(&shelf).await, phone(&shelf).await);
    assert_eq!(*one.keys.lock().unwrap(), (0, true), "nobody needs keys yet");
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    two.hinted.send_modify(|times| *times += 1);
    two.settles().await;
    assert_eq!((two.kept().await, two.shown()), (vec![band(1, 9)], vec![id(1)]));
    two.unpairs(id(1)).await;
    two.reaches().await;
    one.reaches().await;
    assert_eq!((one.kept().await, one.shown()), (vec![], vec![]));
    assert_eq!(one.keys.lock().unwrap().0, 1, "once a session");
}

#[tokio::test]
async fn a_change_in_an_old_key_epoch_has_the_owners_newest_keys_fetched_and_is_sealed_anew() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    *shelf.least_epoch.lock().unwrap() = 2;
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    assert!(
        shelf.kept.lock().unwrap().entries.is_empty(),
        "there is no key yet"
    );
    one.made_elsewhere.lock().unwrap().push(2);
    one.waits().await;
    assert_eq!(shelf.kept.lock().unwrap().entries[&id(1)].1.key_epoch, 2);
}

#[tokio::test]
async fn the_keys_of_another_root_of_the_account_are_asked_for_though_nothing_else_is_counted_otherwise() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    assert_eq!(one.keys.lock().unwrap().0, 1);
    one.warden
        .send_modify(|view| view.identity.owner = Some(PublicKey::from_bytes([2; 32])));
    one.settles().await;
    one.pairs(&band(2, 8), NOW).await;
    one.reaches().await;
    assert_eq!(one.keys.lock().unwrap().0, 2);
    assert_eq!(shelf.kept.lock().unwrap().entries.len(), 2);
}

#[tokio::test]
async fn two_devices_that_pair_the_band_anew_without_a_network_come_to_one_key() {
    let shelf = Arc::new(Shelf::default());
    let (one, two) = (phone(&shelf).await, phone(&shelf).await);
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    two.reaches().await;
    two.pairs(&band(1, 8), NOW + 20).await;
    one.pairs(&band(1, 7), NOW + 10).await;
    for _ in 0..3 {
        for phone in [&one, &two] {
            phone.reaches().await;
            phone.waits().await;
        }
    }
    assert_eq!(one.kept().await, [band(1, 8)]);
    assert_eq!(two.kept().await, [band(1, 8)]);
    assert_eq!(shelf.kept.lock().unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_cloud_that_was_restored_is_brought_what_it_lost() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    *shelf.kept.lock().unwrap() = Kept::default();
    one.reaches().await;
    one.waits().await;
    let again = shelf.kept.lock().unwrap().entries[&id(1)].1.clone();
    assert_eq!((again.revision, again.removed), (2, false));
    assert_eq!(one.kept().await, [band(1, 9)], "and nothing was forgotten for it");
    let two = phone(&shelf).await;
    assert_eq!(two.kept().await, [band(1, 9)]);
}

#[tokio::test]
async fn a_list_without_end_is_left_and_asked_for_again_later() {
    let shelf = Arc::new(Shelf::default());
    let mut last = 0;
    *shelf.lie.lock().unwrap() = Some(Box::new(move |answer| {
        last += 1;
        (answer.last, answer.more) = (last, true);
    }));
    let one = phone(&shelf).await;
    assert_eq!(*shelf.asked.borrow(), 8);
    for round in 2..5 {
        one.waits().await;
        assert_eq!(*shelf.asked.borrow(), 8 * round);
    }
    *shelf.lie.lock().unwrap() = None;
    one.pairs(&band(1, 9), NOW).await;
    one.waits().await;
    assert!(shelf.kept.lock().unwrap().entries.contains_key(&id(1)));
}

#[tokio::test]
async fn a_list_that_stands_still_or_runs_backwards_is_left_too() {
    for still in [true, false] {
        let shelf = Arc::new(Shelf::default());
        let mut last = 100;
        *shelf.lie.lock().unwrap() = Some(Box::new(move |answer| {
            last -= u64::from(!still);
            (answer.last, answer.more) = (last, true);
        }));
        let one = phone(&shelf).await;
        let asked = *shelf.asked.borrow();
        assert!(asked <= 3, "{asked}");
        one.settles().await;
        assert_eq!(*shelf.asked.borrow(), asked);
    }
}

#[tokio::test]
async fn a_forged_entry_keeps_none_of_the_others_back() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    one.pairs(&band(1, 9), NOW).await;
    one.pairs(&band(2, 8), NOW).await;
    one.reaches().await;
    *shelf.lie.lock().unwrap() = Some(Box::new(|answer| {
        let mut forged = answer.accessories.clone();
        for entry in &mut forged {
            entry.id = AccessoryId::random();
        }
        if let Some(first) = answer.accessories.first_mut() {
            first.removed = true;
        }
        forged.append(&mut answer.accessories);
        answer.accessories = forged;
    }));
    let two = phone(&shelf).await;
    assert_eq!(two.kept().await, [band(2, 8)]);
    *shelf.lie.lock().unwrap() = None;
    two.clock.advance(Duration::from_secs(24 * 3600));
    two.settles().await;
    assert_eq!(two.kept().await, [band(1, 9), band(2, 8)]);
}

#[tokio::test]
async fn a_change_that_the_cloud_refuses_waits_aside_and_one_that_it_cannot_take_yet_is_tried_again() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    *shelf.refuses.lock().unwrap() = Some(NotBrought::Refused);
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    let asked = *shelf.asked.borrow();
    *shelf.refuses.lock().unwrap() = Some(NotBrought::Later(Some(Duration::from_secs(3600))));
    one.pairs(&band(2, 9), NOW).await;
    one.reaches().await;
    assert_eq!(*shelf.asked.borrow(), asked + 2, "one list, one record");
    *shelf.refuses.lock().unwrap() = None;
    one.waits().await;
    assert!(
        shelf.kept.lock().unwrap().entries.is_empty(),
        "an hour was asked for"
    );
    one.clock.advance(Duration::from_secs(3600));
    one.settles().await;
    let brought: Vec<_> = shelf.kept.lock().unwrap().entries.keys().copied().collect();
    assert_eq!(brought, [id(2)]);
    one.pairs(&band(1, 8), NOW).await;
    one.reaches().await;
    assert_eq!(
        shelf.kept.lock().unwrap().entries.len(),
        2,
        "changed again, tried again"
    );
}

#[tokio::test]
async fn a_warden_without_keys_is_asked_again_and_a_lost_device_asks_for_nothing() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    one.keys.lock().unwrap().1 = false;
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    assert!(shelf.kept.lock().unwrap().entries.is_empty());
    one.warden.send_modify(|view| view.lock = LockState::Lost);
    one.settles().await;
    let (asked, keys) = (*shelf.asked.borrow(), one.keys.lock().unwrap().0);
    one.keys.lock().unwrap().1 = true;
    one.reaches().await;
    one.waits().await;
    assert_eq!((*shelf.asked.borrow(), one.keys.lock().unwrap().0), (asked, keys));
    one.warden.send_modify(|view| view.lock = LockState::Unlocked);
    one.settles().await;
    assert!(shelf.kept.lock().unwrap().entries.contains_key(&id(1)));
}

#[tokio::test]
async fn another_owner_of_the_device_starts_with_nothing_of_the_last_ones() {
    let shelf = Arc::new(Shelf::default());
    let one = phone(&shelf).await;
    one.pairs(&band(1, 9), NOW).await;
    one.reaches().await;
    one.warden.send_replace(WardenView {
        binding: BindingState::Unbound,
        is_current: true,
        ..WardenView::default()
    });
    one.settles().await;
    assert_eq!((one.kept().await, one.shown()), (vec![], vec![]));
    let other = WardenView {
        identity: Identity {
            account: Some(AccountId::from_bytes([8; 16])),
            ..Identity::default()
        },
        ..bound()
    };
    one.warden.send_replace(other);
    one.settles().await;
    assert!(
        one.shown().is_empty(),
        "the first one's record opens for nobody else"
    );
}

#[tokio::test]
async fn records_of_an_account_that_is_not_the_devices_are_refused() {
    let one = phone(&Arc::new(Shelf::default())).await;
    let record = Learned {
        id: id(1),
        revision: 1,
        changed_at: NOW,
        accessory: Some(band(1, 9)),
    };
    let other = AccountId::from_bytes([8; 16]);
    let refused = one.handle.learn(other, vec![record]).await;
    assert_eq!(refused, Err(AccessoryError::NotBound));
    assert!(one.shown().is_empty());
}

#[tokio::test]
async fn garbage_in_the_place_of_a_record_makes_no_device_bring_it_over_and_over() {
    for revision in [1, 99] {
        let shelf = Arc::new(Shelf::default());
        let one = phone(&shelf).await;
        one.pairs(&band(1, 9), NOW).await;
        one.reaches().await;
        let spoil = |shelf: &Shelf| {
            let mut kept = shelf.kept.lock().unwrap();
            let (_, entry) = kept.entries.get_mut(&id(1)).unwrap();
            (entry.sealed, entry.revision) = (vec![1; 600].into(), revision);
        };
        spoil(&shelf);
        one.clock.advance(Duration::from_secs(24 * 3600));
        one.settles().await;
        let asked = *shelf.asked.borrow();
        for _ in 0..20 {
            one.waits().await;
        }
        assert_eq!(*shelf.asked.borrow(), asked);
        // A change of its own takes the place of the garbage, or, where the number leaves no room, is left aside.
        one.pairs(&band(1, 8), NOW).await;
        one.reaches().await;
        for _ in 0..20 {
            one.waits().await;
        }
        let asked = *shelf.asked.borrow();
        one.waits().await;
        assert_eq!(*shelf.asked.borrow(), asked);
        assert_eq!(one.kept().await, [band(1, 8)]);
        let healed = shelf.kept.lock().unwrap().entries[&id(1)].1.revision == 2;
        assert_eq!(healed, revision == 1);
    }
}
