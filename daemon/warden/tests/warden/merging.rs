//! Two keyrings of one account that come together, each with keys that the other lacks.

use belay_proto::signed::Keyring;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::life::Home;
use crate::rollback::{both_changed, key_in, key_of, of, takes, up_to};
use crate::support::PASSWORD;

#[tokio::test]
async fn older_keys_stay_where_newer_ones_come_without_them_and_reach_the_others_again() {
    let home = Home::of_two().await;
    assert!(takes(&home, 0, &up_to(&home, 7)).await);
    let fifth = key_of(&home.warden, 5).await;
    // A cloud that was restored has the first alone, and counts the records.
    let eight = home.account.keyring().with_epoch_after(1, 7);
    assert_eq!(eight.collection_keys("x").iter().count(), 2);
    for which in [0, 1] {
        assert!(takes(&home, which, &eight).await);
        assert!(!takes(&home, which, &eight).await, "nothing more");
    }
    assert_eq!(home.warden.key_epochs().await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(key_of(&home.warden, 5).await, fifth);
    assert_eq!(Some(key_of(&home.warden, 8).await), key_in(&eight, 8));
    assert_eq!(home.other.key_epochs().await, [1, 8]);

    let devices = of(&home, &[0, 1]);
    let account = home.account.with_keyring(&eight);
    let (_, set) = home.warden.new_recovery_code(&account, &devices).await.unwrap();
    let next = account.after(&set, PASSWORD).keyring();
    assert_eq!((next.key_epoch(), key_in(&next, 5)), (8, Some(fifth)));
    assert!(home.other.take_keyring(&set.boxes[1]).await, "of the same number");
    assert!(!home.other.take_keyring(&set.boxes[1]).await, "nothing more");
    assert_eq!(key_of(&home.other, 5).await, fifth);
    let (phone, warden) = (home.phone, home.warden);
    drop(warden);
    assert_eq!(key_of(&phone.start(), 5).await, fifth, "on disk");
}

#[tokio::test]
async fn keys_that_began_anew_bring_none_of_before_along() {
    let home = Home::of_two().await;
    let account = home.account.record().account;
    let anew = Keyring::generate_after(account, 1, 7);
    assert!(takes(&home, 0, &anew).await);
    assert_eq!(home.warden.key_epochs().await, [8]);
}

#[tokio::test]
async fn two_keys_of_one_number_are_followed_by_one_above_both() {
    let home = Home::of_two().await;
    let (own, others) = (up_to(&home, 2), up_to(&home, 2));
    assert!(takes(&home, 0, &own).await);
    assert!(!takes(&home, 0, &others).await);
    let devices = of(&home, &[0, 1]);
    let account = home.account.with_keyring(&others);
    for (set, password) in both_changed(&home.warden, &account, devices).await {
        let next = account.after(&set, password).keyring();
        assert_eq!(next.key_epoch(), 3, "{password}");
        assert_eq!(key_in(&next, 2), key_in(&own, 2), "{password}");
        assert_eq!(set.boxes.len(), 2, "{password}");
    }
}

#[tokio::test]
async fn of_two_keys_with_one_number_the_own_one_stays_where_newer_keys_come() {
    let home = Home::of_two().await;
    let (own, others) = (up_to(&home, 2), up_to(&home, 2));
    assert!(takes(&home, 0, &own).await);
    let newer = others.with_new_epoch(1);
    assert!(takes(&home, 0, &newer).await);
    assert!(!takes(&home, 0, &newer).await, "nothing more");
    assert_eq!(home.warden.key_epochs().await, [1, 2, 3]);
    assert_eq!(Some(key_of(&home.warden, 2).await), key_in(&own, 2));
    assert_eq!(Some(key_of(&home.warden, 3).await), key_in(&newer, 3));
    let (phone, warden) = (home.phone, home.warden);
    drop(warden);
    assert_eq!(Some(key_of(&phone.start(), 2).await), key_in(&own, 2), "on disk");
}

#[tokio::test]
async fn a_step_that_is_tried_again_on_its_ticket_gives_keys_as_the_first_one_would_have() {
    let home = Home::of_two().await;
    assert!(takes(&home, 0, &up_to(&home, 7)).await);
    let eight = home.account.keyring().with_epoch_after(1, 7);
    let devices = of(&home, &[0, 1]);
    let account = home.account.with_keyring(&eight);
    let ticket = home.warden.proved_with(&account, Purpose::RecoveryCode, "").await;
    let ticket = ticket.unwrap();
    let step = async |devices: &[Vec<u8>]| {
        let input = NewRecoveryCodeInput {
            devices: devices.to_vec(),
            ..Default::default()
        };
        home.warden
            .use_ticket(&ticket, steps::NEW_RECOVERY_CODE, input.encode())
            .await
    };
    let refused = step(&devices[1..]).await;
    assert!(matches!(refused, Err(Refusal::CloudRefused(_))), "{refused:?}");
    let output = NewRecoveryCodeOutput::decode(&step(&devices).await.unwrap()).unwrap();
    let set = NewCredentialsSet::decode(&output.set).unwrap();
    assert_eq!(set.boxes.len(), 2);
}
