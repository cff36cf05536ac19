//! An account that has another root than the one that this device is bound to.

use belay_proto::id::AccountId;
use belay_proto::keys::{KdfParameters, SigningKey};
use belay_proto::signed::{CredentialsRecord, Signed};
use belay_proto::wire::CredentialsAnswer;

use super::cloud::problem;
use super::upkeep::account;
use super::warden::{owner, record};
use super::*;
use crate::warden::Calls;

/// The account's record under a root of somebody else's.
fn anothers(account: AccountId) -> Vec<u8> {
    let record = CredentialsRecord {
        account,
        generation: 1,
        salt: [2; 16],
        parameters: KdfParameters::FLOOR,
        login: owner(),
        verify_digest: [3; 32],
        wrapped_root: vec![4; 61],
        recovery_wrap: Vec::new(),
    };
    Signed::seal(&record, &SigningKey::generate()).encode()
}

/// What a password comes to: right here or not, where the cloud keeps that record, or says nothing of it.
async fn reauthenticates(
    right_here: bool,
    kept: impl Fn(AccountId) -> Option<Vec<u8>>,
    held: bool,
) -> &'static str {
    let (world, life) = World::bound().await;
    let kept = kept(account(&world));
    if held {
        world.warden.begin_hold_towards(kept.as_deref().unwrap(), None);
        life.until(|view| view.state == AccountState::RecoveryHold).await;
    }
    world.cloud.with(|cloud| {
        cloud.told = kept.map(|credentials| CredentialsAnswer {
            credentials: credentials.into(),
            ..CredentialsAnswer::default()
        });
        cloud.tells = cloud.told.is_some();
        cloud.refusals.insert("login", problem(403, "login-refused"));
    });
    let ticket = world.warden.ticket("reauthenticate", right_here);
    name(life.account.reauthenticate(ticket).await.unwrap_err())
}

#[tokio::test]
async fn no_password_is_called_wrong_where_the_account_has_another_root() {
    for right_here in [true, false] {
        let theirs = |account| Some(anothers(account));
        assert_eq!(reauthenticates(right_here, theirs, false).await, "Conflict");
        // It was changed elsewhere, and is the pinned owner's; or nobody knows.
        let own = |account| Some(record(account, 1, Vec::new()));
        assert_eq!(reauthenticates(right_here, own, false).await, "WrongPassword");
        let strange = |_| Some(anothers(AccountId::random()));
        assert_eq!(reauthenticates(right_here, strange, false).await, "WrongPassword");
        assert_eq!(
            reauthenticates(right_here, |_| None, false).await,
            "WrongPassword"
        );
        // While it waits to follow the warden says what there is to say.
        assert_eq!(reauthenticates(right_here, theirs, true).await, "WrongPassword");
    }
}

#[tokio::test]
async fn no_password_is_called_wrong_where_the_cloud_was_put_back_to_an_older_one() {
    for right_here in [true, false] {
        let (world, life) = World::bound().await;
        let account = account(&world);
        let newer = record(account, 2, Vec::new());
        assert!(world.warden.credentials(&newer).await.unwrap());
        for (kept, said) in [(1, "Conflict"), (2, "WrongPassword"), (3, "WrongPassword")] {
            world.cloud.with(|cloud| {
                let credentials = record(account, kept, Vec::new()).into();
                cloud.told = Some(CredentialsAnswer {
                    credentials,
                    ..CredentialsAnswer::default()
                });
                cloud.tells = true;
                cloud.refusals.insert("login", problem(403, "login-refused"));
            });
            let ticket = world.warden.ticket("reauthenticate", right_here);
            let refused = life.account.reauthenticate(ticket).await.unwrap_err();
            assert_eq!(name(refused), said, "{kept}");
        }
    }
}
