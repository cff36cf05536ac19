//! A device that a recovery at another one has left behind: it follows by a hold of its own, with the password that the account has
//! by now.

use belay_proto::keys::{RecoveryCode, SigningKey, sha256};
use belay_proto::signed::{CredentialsRecord, Disposition, Signed};
use belay_proto::steps::{self, *};
use belay_proto::{AccountId, Secret};
use belay_warden::core::refusal::Refusal;

use crate::holding::{Held, allowed};
use crate::life::bound;
use crate::owner::{envelope, lock, ring, wipe};
use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD, Running};

/// Somebody's third password.
pub const THIRD_PASSWORD: &str = "marble-ferry-17-canyon";

impl Running {
    /// As belayd walks it, up to the hold.
    pub async fn opens(&self, account: &Account, password: &str) -> Result<String, Refusal> {
        let ticket = self.present_forgotten(password).await?;
        let challenge = account.challenge("recover");
        self.use_ticket(&ticket, steps::LOGIN_SIGNATURE, challenge)
            .await?;
        self.use_ticket(&ticket, steps::OPEN_ROOT, account.open_root())
            .await?;
        Ok(ticket)
    }

    pub async fn begins(&self, ticket: &str) -> Result<Vec<u8>, Refusal> {
        self.use_ticket(ticket, steps::BEGIN_HOLD, Done {}.encode()).await
    }
}

/// The account under another root, which counts as one that was made elsewhere: here nothing came of it.
pub async fn moved(held: &Held) -> Account {
    let (_, set) = held.warden.renewed(&held.account, OTHER_PASSWORD).await.unwrap();
    held.account.after(&set, OTHER_PASSWORD)
}

/// A device that follows the account to that root, while its hold runs; and the account.
pub async fn joined() -> (Held, Account) {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    (held, moved)
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

/// The account with another recovery code, made at another device.
pub fn with_another_code(account: &Account) -> Account {
    let (old, root) = (account.record(), account.root());
    let generation = old.generation + 1;
    let wrap_key = account.master().wrap_key(&Secret::new(account.share));
    let record = CredentialsRecord {
        generation,
        wrapped_root: root.wrap(&wrap_key, &old.account, generation),
        recovery_wrap: RecoveryCode::generate().wrap(&root, &old.account),
        ..old
    };
    Account {
        password: account.password.clone(),
        credentials: Signed::seal(&record, &root.owner_key()).encode(),
        keyring: account.keyring().for_generation(generation).seal(&root),
        certificate: account.certificate.clone(),
        ..*account
    }
}

#[tokio::test]
async fn it_leads_on_to_the_record_with_another_recovery_code_and_loses_none_of_its_time() {
    let (held, moved) = joined().await;
    held.pass(40).await;
    let again = with_another_code(&moved);
    let then = with_another_code(&again);
    let left = held.warden.left().await;
    let brought = held.warden.handle.credentials(again.credentials.clone()).await;
    assert_eq!(brought, Ok(false), "nothing of it holds here yet");
    assert_eq!(held.warden.held().await.towards, Some(sha256(&again.credentials)));
    assert_eq!(held.warden.left().await, left);
    let held = held.reboot();
    held.warden
        .handle
        .credentials(then.credentials.clone())
        .await
        .unwrap();
    for older in [&moved, &again, &then] {
        held.warden
            .handle
            .credentials(older.credentials.clone())
            .await
            .unwrap();
        let leads_to = held.warden.held().await.towards;
        assert_eq!(leads_to, Some(sha256(&then.credentials)), "never back");
    }
    held.pass(33).await;
    assert_eq!(held.pin(), moved.owner);
    assert_eq!(bound(&held.device).generation, then.record().generation);
    let end = held.warden.hold_end().await.unwrap();
    assert_eq!((end.credentials, end.over), (sha256(&then.credentials), true));
    held.warden.sign_out(OTHER_PASSWORD).await.unwrap();
}

#[tokio::test]
async fn it_leads_on_to_no_other_record() {
    let (held, moved) = joined().await;
    let signed = |key: &SigningKey, change: &dyn Fn(&mut CredentialsRecord)| {
        let mut record = with_another_code(&moved).record();
        change(&mut record);
        Signed::seal(&record, key).encode()
    };
    let owner = moved.root().owner_key();
    let as_it_is: &dyn Fn(&mut CredentialsRecord) = &|_| {};
    for (record, what) in [
        (
            moved.with_password(THIRD_PASSWORD).credentials,
            "another password",
        ),
        (signed(&owner, &|r| r.salt = [9; 16]), "another salt"),
        (signed(&owner, &|r| r.parameters.iterations += 1), "another price"),
        (
            signed(&owner, &|r| r.verify_digest = [9; 32]),
            "what another one derives",
        ),
        (signed(&owner, &|r| r.generation -= 1), "no later one"),
        (
            signed(&owner, &|r| r.account = AccountId::random()),
            "another account's",
        ),
        (signed(&SigningKey::generate(), as_it_is), "another owner's"),
        (b"nothing".to_vec(), "no record"),
    ] {
        let before = held.device.load().book.hold;
        assert_eq!(held.warden.handle.credentials(record).await, Ok(false), "{what}");
        assert_eq!(held.device.load().book.hold, before, "{what}");
    }
    let taken = signed(&owner, as_it_is);
    held.warden.handle.credentials(taken.clone()).await.unwrap();
    assert_eq!(held.warden.held().await.towards, Some(sha256(&taken)));

    // One that makes its own root leads to what waits at the cloud, and nowhere else.
    let (held, waiting) = Held::begun().await;
    let again = with_another_code(&waiting);
    let before = held.device.load().book.hold;
    assert_eq!(held.warden.handle.credentials(again.credentials).await, Ok(false));
    assert_eq!(held.device.load().book.hold, before);
}

#[tokio::test]
async fn one_that_was_opened_before_the_device_had_other_credentials_leads_to_no_hold() {
    let held = Held::ready().await;
    let moved = with_another_code(&moved(&held).await);
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    let elsewhere = held.account.with_password(THIRD_PASSWORD);
    let brought = held.warden.handle.credentials(elsewhere.credentials).await;
    assert_eq!(brought, Ok(true));
    assert!(bound(&held.device).generation < moved.record().generation);
    assert_eq!(held.warden.begins(&ticket).await, Err(Refusal::BadTicket));
    held.pass(100).await;
    assert_eq!(held.pin(), held.account.owner);
    // Opened now, it does.
    let ticket = held.warden.opens(&moved, OTHER_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
}

#[tokio::test]
async fn its_password_is_told_to_be_on_hold_under_whatever_salt_it_is() {
    let held = Held::ready().await;
    // Since the recovery there its owner has changed the password, and with it the salt.
    let moved = moved(&held).await.with_password(THIRD_PASSWORD);
    assert_ne!(moved.record().salt, held.account.record().salt);
    let anew = async |password: &str| {
        let purpose = Purpose::Reauthenticate;
        let ticket = held.warden.present(purpose, "", password).await.unwrap();
        let input = moved.challenge(purpose.as_str());
        held.warden
            .use_ticket(&ticket, steps::LOGIN_SIGNATURE, input)
            .await
    };
    let failures = || held.device.load().throttle.screen.failures;
    // Known to be wrong from before, when nothing waited for it.
    assert_eq!(anew(THIRD_PASSWORD).await, Err(Refusal::WrongPassword));
    let ticket = held.warden.opens(&moved, THIRD_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    let waits = Err(Refusal::RecoveryOnHold(HOLD_LASTS));
    assert_eq!(anew(THIRD_PASSWORD).await, waits);
    assert_eq!(failures(), 2, "a try like any other");
    assert_eq!(anew(OTHER_PASSWORD).await, Err(Refusal::WrongPassword));
    assert_eq!(anew(THIRD_PASSWORD).await, waits, "still");
    assert_eq!(
        held.warden.sign_out(THIRD_PASSWORD).await,
        Err(Refusal::WrongPassword)
    );
    assert_eq!(held.pin(), held.account.owner);
    anew(PASSWORD).await.unwrap();
    held.is_ended(&moved).await;
}

#[tokio::test]
async fn what_ends_any_hold_ends_it() {
    let (held, moved) = joined().await;
    held.warden.unlock(PASSWORD).await.unwrap();
    held.is_ended(&moved).await;

    let (held, moved) = joined().await;
    held.warden.handle.tighten("lost".to_owned()).await.unwrap();
    held.is_ended(&moved).await;

    for action in [ring(), lock()] {
        let (mut held, moved) = joined().await;
        let (_, command) = held.owner.signed(action);
        assert_eq!(held.warden.command(command).await, Disposition::Accepted);
        held.is_ended(&moved).await;
    }

    let (mut held, _) = joined().await;
    held.owner.now += 1000;
    let mut wipes = held.owner.command(wipe());
    wipes.presence = held.warden.report().await.presence;
    let wipes = held.owner.sign(&wipes);
    assert_eq!(held.warden.command(wipes).await, Disposition::Accepted);
    assert_eq!(held.warden.held().await.left, None);
    assert_eq!(held.pin(), held.account.owner);

    // The account's other devices are under the later owner, who is nobody here yet.
    let (mut held, moved) = joined().await;
    held.owner.now += 1000;
    let theirs = envelope(&held.owner.command(ring()), &moved.root().owner_key(), None);
    assert_eq!(held.warden.command(theirs).await, Disposition::BadSignature);
    assert!(held.warden.held().await.left.is_some());
}

#[tokio::test]
async fn what_is_no_other_root_of_the_account_leads_to_no_hold() {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    // Of a later generation too: it is the account alone that isn't the one.
    let theirs = Device::initialised().start().register().await;
    let theirs = theirs.with_password(OTHER_PASSWORD);
    assert_eq!(theirs.record().generation, moved.record().generation);
    let same_root = held.account.with_password(OTHER_PASSWORD);
    let no_other = "no other root of this account";
    for (account, password, what, why) in [
        (&held.account, PASSWORD, "the one that holds here", no_other),
        (&same_root, OTHER_PASSWORD, "the pinned owner's", no_other),
        (&theirs, OTHER_PASSWORD, "another account's", no_other),
        (&moved, PASSWORD, "another password's", "the root doesn't open"),
    ] {
        let refused = held.warden.opens(account, password).await;
        assert_eq!(refused, Err(Refusal::CloudRefused(why.to_owned())), "{what}");
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
