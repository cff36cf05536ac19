//! A recovery code is the account's as long as the record that holds carries the root under it, whoever made the record.

use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::life::Home;
use crate::support::{OTHER_PASSWORD, PASSWORD};

#[tokio::test]
async fn a_code_is_told_where_the_record_that_is_brought_first_only_carries_it_on() {
    let home = Home::of_two().await;
    let (made, set) = home
        .warden
        .new_recovery_code(&home.account, &home.devices)
        .await
        .unwrap();
    // Its own record never comes here: another device has changed the password since.
    let elsewhere = home.account.after(&set, PASSWORD).with_password(OTHER_PASSWORD);
    assert_eq!(elsewhere.record().generation, 3);
    assert_eq!(
        home.warden.handle.credentials(elsewhere.credentials).await,
        Ok(true)
    );
    home.warden.recovery_code(&made.claim).await.unwrap();
    assert!(
        home.phone
            .load()
            .pending
            .is_some_and(|pending| pending.is_settled())
    );
}

#[tokio::test]
async fn a_password_that_was_changed_elsewhere_leaves_an_unseen_code_where_it_is() {
    let home = Home::of_two().await;
    let claim = home
        .warden
        .bind_pending(home.account.pending)
        .await
        .unwrap()
        .claim;
    let elsewhere = home.account.with_password(OTHER_PASSWORD);
    assert_eq!(
        home.warden.handle.credentials(elsewhere.credentials).await,
        Ok(true)
    );
    home.warden.recovery_code(&claim).await.unwrap();
}

#[tokio::test]
async fn a_code_that_was_made_elsewhere_voids_one_that_nobody_has_seen_here() {
    let home = Home::of_two().await;
    let claim = home
        .warden
        .bind_pending(home.account.pending)
        .await
        .unwrap()
        .claim;
    let (_, set) = home
        .other
        .new_recovery_code(&home.account, &home.devices)
        .await
        .unwrap();
    assert_eq!(home.warden.handle.credentials(set.credentials).await, Ok(true));
    let asked = home.warden.recovery_code(&claim).await.map(drop);
    assert_eq!(asked, Err(Refusal::NotFound));
    assert_eq!(home.phone.load().pending, None, "on disk too");
}

#[tokio::test]
async fn a_code_made_elsewhere_voids_the_one_here_that_waits_and_the_one_before_it() {
    let home = Home::of_two().await;
    let before = home
        .warden
        .bind_pending(home.account.pending)
        .await
        .unwrap()
        .claim;
    let (made, _) = home
        .warden
        .new_recovery_code(&home.account, &home.devices)
        .await
        .unwrap();
    let (_, theirs) = home
        .other
        .new_recovery_code(&home.account, &home.devices)
        .await
        .unwrap();
    assert_eq!(home.warden.handle.credentials(theirs.credentials).await, Ok(true));
    for claim in [before, made.claim] {
        let asked = home.warden.recovery_code(&claim).await.map(drop);
        assert_eq!(asked, Err(Refusal::NotFound));
    }
}

#[tokio::test]
async fn a_record_that_comes_late_from_before_a_code_was_made_says_nothing_of_it() {
    let home = Home::of_two().await;
    let before = home
        .warden
        .bind_pending(home.account.pending)
        .await
        .unwrap()
        .claim;
    // The same password under other credentials, which the login shows before the warden has them.
    let newer = home.account.with_password(PASSWORD);
    let (made, set) = home
        .warden
        .new_recovery_code(&newer, &home.devices)
        .await
        .unwrap();
    assert_eq!(home.warden.handle.credentials(newer.credentials).await, Ok(true));
    home.warden.recovery_code(&before).await.unwrap();
    let asked = home.warden.recovery_code(&made.claim).await.map(drop);
    assert_eq!(asked, Err(Refusal::NotFound), "the one before holds");
    assert_eq!(home.warden.handle.credentials(set.credentials).await, Ok(true));
    home.warden.recovery_code(&made.claim).await.unwrap();
    let input = PendingInput {
        pending: made.pending,
    }
    .encode();
    let ticket = made.pending.to_string();
    home.warden
        .use_ticket(&ticket, steps::ACKNOWLEDGE, input)
        .await
        .unwrap();
}
