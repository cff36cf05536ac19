//! What the warden keeps of a password for its owner's security check: how good it is and since when, and nothing more.

use std::time::Duration;

use belay_proto::clock::{Clock, unix_seconds};
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::life::{Home, bound};
use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD, Running, secret};

impl Running {
    async fn strength(&self) -> Result<(Option<u32>, Option<u64>), Refusal> {
        let output = self
            .use_ticket("", steps::PASSWORD_STRENGTH, Done {}.encode())
            .await?;
        let output = PasswordStrengthOutput::decode(&output).unwrap();
        Ok((output.score, output.since))
    }
}

fn now(device: &Device) -> u64 {
    unix_seconds(device.clock.wall())
}

#[tokio::test]
async fn a_password_is_known_since_it_was_typed_for_the_binding_and_across_restarts() {
    let home = Home::of_two().await;
    let chosen = now(&home.phone);
    home.phone.clock.advance(Duration::from_secs(1000));
    for (warden, device) in [(&home.warden, &home.phone), (&home.other, &home.tablet)] {
        let (score, since) = warden.strength().await.unwrap();
        assert!(score.is_some_and(|score| (3..=4).contains(&score)), "{score:?}");
        assert!(since.is_some_and(|since| since <= chosen), "{since:?}");
        assert_eq!(bound(device).strength().map(|it| it.since), since);
    }
    // Typing it again makes it no younger.
    home.warden.unlock(PASSWORD).await.unwrap();
    let (_, since) = home.warden.strength().await.unwrap();
    let Home { phone, warden, .. } = home;
    drop(warden);
    assert_eq!(phone.start().strength().await.unwrap().1, since);
    assert!(since < Some(now(&phone)));
}

#[tokio::test]
async fn another_password_is_known_where_it_was_chosen_and_elsewhere_once_it_is_typed() {
    let home = Home::of_two().await;
    for device in [&home.phone, &home.tablet] {
        device.clock.advance(Duration::from_secs(1000));
    }
    let before = home.warden.strength().await.unwrap();
    let set = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, home.all(false))
        .await
        .unwrap();
    assert_eq!(
        home.warden.strength().await.unwrap(),
        before,
        "it doesn't hold yet"
    );
    for warden in [&home.warden, &home.other] {
        assert_eq!(warden.handle.credentials(set.credentials.clone()).await, Ok(true));
    }
    let (score, since) = home.warden.strength().await.unwrap();
    assert!(score.is_some() && since == Some(now(&home.phone)));
    assert_eq!(home.other.strength().await.unwrap(), (None, None));
    home.tablet.clock.advance(Duration::from_secs(50));
    assert_eq!(home.other.unlock(PASSWORD).await, Err(Refusal::WrongPassword));
    assert_eq!(
        home.other.strength().await.unwrap(),
        (None, None),
        "a wrong one tells nothing"
    );
    home.other.unlock(OTHER_PASSWORD).await.unwrap();
    assert_eq!(
        home.other.strength().await.unwrap(),
        (score, Some(now(&home.tablet)))
    );
}

#[tokio::test]
async fn a_password_that_is_the_owners_own_address_is_known_for_weak_once_it_has_signed_in() {
    let account = Device::initialised().start().register().await;
    let weak = format!("{LOGIN}1");
    let parameters = account.record().parameters;
    let master = belay_proto::keys::Master::derive(&secret(&weak), &[8; 16], &parameters).unwrap();
    let (root, share) = (account.root(), belay_proto::Secret::new([5; 32]));
    let credentials = account.with_record(|record| {
        record.generation = 2;
        record.salt = [8; 16];
        record.login = master.login_key().public();
        record.verify_digest = master.verify_digest();
        record.wrapped_root = root.wrap(&master.wrap_key(&share), &record.account, 2);
    });
    let account = Account {
        share: *share.expose(),
        credentials,
        keyring: account.keyring().for_generation(2).seal(&root),
        password: weak,
        ..account
    };
    let other = Device::initialised().other_hardware();
    let warden = other.start();
    warden.sign_in(&account, None).await.unwrap();
    let (score, _) = warden.strength().await.unwrap();
    assert!(score.is_some_and(|score| score < 3), "{score:?}");
}

#[tokio::test]
async fn another_recovery_code_leaves_the_password_as_old_as_it_is() {
    let home = Home::of_two().await;
    let before = home.warden.strength().await.unwrap();
    home.phone.clock.advance(Duration::from_secs(1000));
    let record = home.account.with_record(|record| {
        record.generation = 2;
        record.wrapped_root = home.account.root().wrap(
            &belay_proto::keys::Master::derive(&secret(PASSWORD), &record.salt, &record.parameters)
                .unwrap()
                .wrap_key(&belay_proto::Secret::new([5; 32])),
            &record.account,
            2,
        );
        record.recovery_wrap = vec![1; 61];
    });
    assert_eq!(home.warden.handle.credentials(record).await, Ok(true));
    assert_eq!(bound(&home.phone).generation, 2);
    assert_eq!(home.warden.strength().await.unwrap(), before);
}

#[tokio::test]
async fn nobody_is_told_of_a_device_that_is_free_or_lost_and_nothing_is_left_after_a_sign_out() {
    let device = Device::initialised();
    let warden = device.start();
    assert_eq!(warden.strength().await, Err(Refusal::NotBound));
    warden.register().await;
    warden.handle.tighten("test".to_owned()).await.unwrap();
    assert_eq!(warden.strength().await, Err(Refusal::DeviceLost));
    warden.unlock(PASSWORD).await.unwrap();
    warden.sign_out(PASSWORD).await.unwrap();
    assert_eq!(warden.strength().await, Err(Refusal::NotBound));
}
