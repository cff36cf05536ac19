//! A device that a recovery at another one has left behind: it follows by a hold of its own, with the password that the account has
//! by now.

use belay_proto::keys::sha256;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::holding::{Held, allowed};
use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD, Running};

impl Running {
    /// As belayd walks it, up to the hold.
    async fn opens(&self, account: &Account, password: &str) -> Result<String, Refusal> {
        let ticket = self.present_forgotten(password).await?;
        let challenge = account.challenge("recover");
        self.use_ticket(&ticket, steps::LOGIN_SIGNATURE, challenge)
            .await?;
        self.use_ticket(&ticket, steps::OPEN_ROOT, account.open_root())
            .await?;
        Ok(ticket)
    }

    async fn begins(&self, ticket: &str) -> Result<Vec<u8>, Refusal> {
        self.use_ticket(ticket, steps::BEGIN_HOLD, Done {}.encode()).await
    }
}

/// The account under another root, which counts as one that was made elsewhere: here nothing came of it.
async fn moved(held: &Held) -> Account {
    let (_, set) = held.warden.renewed(&held.account, OTHER_PASSWORD).await.unwrap();
    held.account.after(&set, OTHER_PASSWORD)
}

#[tokio::test]
async fn the_pin_follows_the_account_to_its_other_root_after_72_hours_and_not_before() {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    assert_eq!(held.warden.held().await.left, None, "nothing runs yet");
    held.warden.begins(&ticket).await.unwrap();
    assert_eq!(
        held.warden.begins(&ticket).await,
        Err(Refusal::BadTicket),
        "used up"
    );
    let leads_to = Some(sha256(&moved.credentials));
    assert_eq!(held.warden.held().await.towards, leads_to);
    let held = held.reboot();
    assert_eq!(held.warden.held().await.towards, leads_to, "on disk too");
    held.pass(71).await;
    assert_eq!(held.pin(), held.account.owner);
    held.pass(2).await;
    assert_eq!(held.pin(), moved.owner);
    let end = held.warden.hold_end().await.unwrap();
    assert_eq!((Some(end.credentials), end.over), (leads_to, true));
    assert_eq!(held.warden.unlock(PASSWORD).await, Err(Refusal::WrongPassword));
    held.warden.sign_out(OTHER_PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_old_password_ends_it_as_any_other() {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    held.warden.unlock(PASSWORD).await.unwrap();
    held.is_ended(&moved).await;
}

#[tokio::test]
async fn what_is_no_later_root_of_the_account_leads_to_no_hold() {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    let theirs = Device::initialised().start().register().await;
    let same_root = held.account.with_password(OTHER_PASSWORD);
    for (account, password, what) in [
        (&held.account, PASSWORD, "the one that holds here"),
        (
            &same_root,
            OTHER_PASSWORD,
            "another password of the pinned owner's",
        ),
        (&theirs, PASSWORD, "another account's"),
        (&moved, PASSWORD, "a password that doesn't open it"),
    ] {
        let refused = held.warden.opens(account, password).await;
        assert!(
            matches!(refused, Err(Refusal::CloudRefused(_))),
            "{what}: {refused:?}"
        );
    }
    // Signed for another purpose, a ticket would say more than its owner meant.
    let ticket = held.warden.present_forgotten(OTHER_PASSWORD).await.unwrap();
    let other = moved.challenge("sign-in");
    let refused = held
        .warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, other)
        .await;
    assert!(matches!(refused, Err(Refusal::InvalidArgument(_))), "{refused:?}");
    assert_eq!(held.warden.begins(&ticket).await, Err(Refusal::BadTicket));
    held.pass(200).await;
    assert_eq!(held.pin(), held.account.owner);
}

#[tokio::test]
async fn it_needs_the_owners_policy_when_it_begins_and_to_its_end() {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    held.warden.set_policies(&allowed(false)).await.unwrap();
    let refused = held.warden.begins(&ticket).await;
    assert!(matches!(refused, Err(Refusal::NotSupported(_))), "{refused:?}");
    let refused = held.warden.opens(&moved, OTHER_PASSWORD).await;
    assert!(matches!(refused, Err(Refusal::NotSupported(_))), "{refused:?}");

    held.warden.set_policies(&allowed(true)).await.unwrap();
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    held.warden.set_policies(&allowed(false)).await.unwrap();
    held.is_ended(&moved).await;
}
