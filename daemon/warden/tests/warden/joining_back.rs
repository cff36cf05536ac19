//! A device that has waited out a recovery without the code for nothing, and goes back to the root that the account has kept.

use belay_proto::keys::SigningKey;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::disk::copies::Concern;
use belay_warden::disk::files::Disk;
use belay_warden::disk::vault::Vault;

use crate::holding::Held;
use crate::joining::{THIRD_PASSWORD, moved, with_another_code};
use crate::life::bound;
use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD};

#[tokio::test]
async fn one_that_was_waited_out_in_vain_leads_back_to_the_root_that_the_account_has_kept() {
    let changed = |account: &Account| account.with_password(THIRD_PASSWORD);
    // As it was, with the password changed once since, and twice: behind this device's count, level with it, and ahead of it.
    for (times, password) in [(0, PASSWORD), (1, THIRD_PASSWORD), (2, THIRD_PASSWORD)] {
        let (held, apart) = Held::begun().await;
        held.pass(73).await;
        assert_eq!(held.pin(), apart.owner);
        let kept = match times {
            0 => None,
            1 => Some(changed(&held.account)),
            _ => Some(with_another_code(&changed(&held.account))),
        };
        let account = kept.as_ref().unwrap_or(&held.account);
        let ticket = held.warden.opens(account, password).await.unwrap();
        held.warden.begins(&ticket).await.unwrap();
        held.pass(71).await;
        assert_eq!(held.pin(), apart.owner, "not before");
        held.pass(2).await;
        assert_eq!(held.pin(), held.account.owner, "{times}");
        assert_eq!(bound(&held.device).generation, account.record().generation);
        let wrong = held.warden.unlock(OTHER_PASSWORD).await;
        assert_eq!(wrong, Err(Refusal::WrongPassword));
        let held = held.reboot();
        let account = kept.as_ref().unwrap_or(&held.account);
        // What the owner signs next holds, and what came before it doesn't again.
        let next = with_another_code(account);
        let bring = async |told: &Account| held.warden.handle.credentials(told.credentials.clone()).await;
        assert_eq!(
            (bring(&apart).await, bring(account).await),
            (Ok(false), Ok(false))
        );
        assert_eq!(bring(&next).await, Ok(true));
        held.warden.sign_out(password).await.unwrap();
    }
}

/// A hold whose stored binding says that it leaves somebody else, as none says of whom an older warden has begun.
fn as_of_somebody_else(device: &Device) {
    let (mut vault, mut state) = Vault::open(Box::new(Disk), device.places());
    let next = &mut state.book.hold.as_mut().unwrap().renewal.bound;
    (next.left_owner, next.left_generation) = (Some(SigningKey::generate().public()), Some(99));
    vault.persist(Concern::Lock, &state).unwrap();
}

#[tokio::test]
async fn what_a_hold_leaves_is_what_holds_when_it_is_over_and_not_what_was_stored_when_it_began() {
    let (held, apart) = Held::begun().await;
    let left = (Some(held.account.owner), Some(held.account.record().generation));
    let held = held.reboot_after(as_of_somebody_else);
    held.pass(73).await;
    assert_eq!(held.pin(), apart.owner);
    let kept = bound(&held.device);
    assert_eq!((kept.left_owner, kept.left_generation), left);
    let ticket = held.warden.opens(&held.account, PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    held.pass(73).await;
    assert_eq!(held.pin(), held.account.owner);
}

/// An account that another root has vouched for, as after a device was lost.
async fn succeeded(held: &Held) -> Account {
    let input = NewPasswordInput {
        devices: vec![held.account.certificate.clone()],
        ..Default::default()
    };
    let set = held
        .warden
        .change_password(&held.account, steps::NEW_ROOT, OTHER_PASSWORD, input.encode())
        .await
        .unwrap();
    assert!(held.warden.succeed(&set, 0).await);
    held.account.after(&set, OTHER_PASSWORD)
}

async fn leads_nowhere(held: &Held, account: &Account, password: &str, what: &str) {
    let refused = held.warden.opens(account, password).await;
    let why = "no root of this account that may follow here".to_owned();
    assert_eq!(refused, Err(Refusal::CloudRefused(why)), "{what}");
}

#[tokio::test]
async fn the_root_before_a_new_one_leads_to_a_hold_once_it_has_counted_further_and_not_before() {
    let held = Held::ready().await;
    let account = succeeded(&held).await;
    assert_eq!(held.pin(), account.owner);
    leads_nowhere(&held, &held.account, PASSWORD, "as it was").await;
    let level = held.account.with_password(THIRD_PASSWORD);
    assert_eq!(level.record().generation, account.record().generation);
    leads_nowhere(&held, &level, THIRD_PASSWORD, "with another password since").await;
    held.pass(100).await;
    assert_eq!(held.pin(), account.owner);
    // Whoever has that root still has it count on by another password.
    let later = with_another_code(&level);
    let ticket = held.warden.opens(&later, THIRD_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    held.pass(73).await;
    assert_eq!(held.pin(), later.owner);
}

#[tokio::test]
async fn one_that_was_waited_out_in_vain_leads_back_to_no_older_record() {
    let held = Held::ready().await;
    let later = held.account.with_password(THIRD_PASSWORD);
    let brought = held.warden.handle.credentials(later.credentials.clone()).await;
    assert_eq!(brought, Ok(true));
    let apart = held.warden.forgotten(&later, OTHER_PASSWORD).await.unwrap();
    held.pass(73).await;
    assert_eq!(held.pin(), apart.owner);
    leads_nowhere(&held, &held.account, PASSWORD, "from before the hold").await;
    let held = held.reboot();
    let ticket = held.warden.opens(&later, THIRD_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    held.pass(73).await;
    assert_eq!(held.pin(), later.owner);
    assert_eq!(
        bound(&held.device).left_owner,
        None,
        "there and back is the whole of it"
    );
}

#[tokio::test]
async fn one_that_was_not_waited_out_in_vain_leads_back_nowhere() {
    let (held, apart) = Held::begun().await;
    held.pass(73).await;
    // The account has gone on from there.
    let next = with_another_code(&apart);
    let brought = held.warden.handle.credentials(next.credentials.clone()).await;
    assert_eq!(brought, Ok(true));
    leads_nowhere(&held, &held.account, PASSWORD, "the root of before").await;
    let level = with_another_code(&held.account.with_password(THIRD_PASSWORD));
    assert_eq!(level.record().generation, next.record().generation);
    leads_nowhere(&held, &level, THIRD_PASSWORD, "the same, as far on").await;
}

#[tokio::test]
async fn one_that_was_waited_out_in_vain_leads_to_a_root_that_the_account_has_got_meanwhile() {
    let held = Held::ready().await;
    let other = moved(&held).await;
    let apart = held
        .warden
        .forgotten(&held.account, OTHER_PASSWORD)
        .await
        .unwrap();
    held.pass(73).await;
    assert_eq!(held.pin(), apart.owner);
    assert_eq!(other.record().generation, apart.record().generation);
    let ticket = held.warden.opens(&other, OTHER_PASSWORD).await.unwrap();
    held.warden.begins(&ticket).await.unwrap();
    held.pass(73).await;
    assert_eq!(held.pin(), other.owner);
}
