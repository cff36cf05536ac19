//! A recovery code is the account's as long as the record that holds carries the root under it, whoever made the record.

use belay_proto::keys::RecoveryClaim;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::life::Home;
use crate::support::{Account, OTHER_PASSWORD, PASSWORD, Running};

/// The claim to the code of the registration, which nobody has seen.
async fn unseen(home: &Home) -> RecoveryClaim {
    let bound = home.warden.bind_pending(home.account.pending).await;
    bound.unwrap().claim
}

/// Another code of this account's, made at one of its devices.
async fn another(
    home: &Home,
    warden: &Running,
    account: &Account,
) -> (NewRecoveryCodeOutput, NewCredentialsSet) {
    let made = warden.new_recovery_code(account, &home.devices).await;
    made.unwrap()
}

/// The cloud has taken these credentials, and they come here.
async fn comes(home: &Home, credentials: Vec<u8>) {
    assert_eq!(home.warden.handle.credentials(credentials).await, Ok(true));
}

/// A code that the account has no more is told to nobody.
async fn is_void(home: &Home, claim: &RecoveryClaim) {
    let asked = home.warden.recovery_code(claim).await.map(drop);
    assert_eq!(asked, Err(Refusal::NotFound));
}

#[tokio::test]
async fn a_code_is_told_where_the_record_that_is_brought_first_only_carries_it_on() {
    let home = Home::of_two().await;
    let (made, set) = another(&home, &home.warden, &home.account).await;
    // Its own record never comes here: another device has changed the password since.
    let elsewhere = home.account.after(&set, PASSWORD).with_password(OTHER_PASSWORD);
    assert_eq!(elsewhere.record().generation, 3);
    comes(&home, elsewhere.credentials).await;
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
    let claim = unseen(&home).await;
    let elsewhere = home.account.with_password(OTHER_PASSWORD);
    comes(&home, elsewhere.credentials).await;
    home.warden.recovery_code(&claim).await.unwrap();
}

#[tokio::test]
async fn a_code_that_was_made_elsewhere_voids_those_that_nobody_has_seen_here() {
    for also_waits in [false, true] {
        let home = Home::of_two().await;
        let mut claims = vec![unseen(&home).await];
        if also_waits {
            let (made, _) = another(&home, &home.warden, &home.account).await;
            claims.push(made.claim);
        }
        let (_, theirs) = another(&home, &home.other, &home.account).await;
        comes(&home, theirs.credentials).await;
        for claim in claims {
            is_void(&home, &claim).await;
        }
        assert_eq!(home.phone.load().pending, None, "on disk too");
    }
}

#[tokio::test]
async fn a_record_that_comes_late_from_before_a_code_was_made_says_nothing_of_it() {
    let home = Home::of_two().await;
    let before = unseen(&home).await;
    // The same password under other credentials, which the login shows before the warden has them.
    let newer = home.account.with_password(PASSWORD);
    let (made, set) = another(&home, &home.warden, &newer).await;
    comes(&home, newer.credentials).await;
    home.warden.recovery_code(&before).await.unwrap();
    // The one before holds.
    is_void(&home, &made.claim).await;
    comes(&home, set.credentials).await;
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
