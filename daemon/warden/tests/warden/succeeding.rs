//! Another root: the pin moves by the old owner's word, with everything that hangs on it, and by nothing else.

use belay_proto::keys::{SigningKey, sha256};
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::life::{Home, bound};
use crate::owner::{Owner, lock};
use crate::support::{Account, OTHER_PASSWORD, PASSWORD};

const THIRD_PASSWORD: &str = "brisk-otter-58-lighthouse";

async fn renewed(home: &Home) -> (NewCredentialsSet, Account) {
    let set = home
        .warden
        .change_password(&home.account, steps::NEW_ROOT, OTHER_PASSWORD, home.all(false))
        .await
        .unwrap();
    let account = home.account.after(&set, OTHER_PASSWORD);
    (set, account)
}

#[tokio::test]
async fn a_new_root_moves_pin_password_reports_certificate_and_keys_at_each_device() {
    let home = Home::of_two().await;
    let (set, account) = renewed(&home).await;
    assert_ne!(account.owner, home.account.owner);
    assert_eq!(account.root().owner_key().public(), account.owner);
    assert_eq!(account.keyring().key_epoch(), 2);
    assert!(account.record().recovery_wrap.is_empty());
    assert_eq!(
        home.warden.handle.credentials(set.credentials.clone()).await,
        Ok(false)
    );

    for (warden, device, which) in [(&home.warden, &home.phone, 0), (&home.other, &home.tablet, 1)] {
        assert!(warden.succeed(&set, which).await);
        assert!(!warden.succeed(&set, which).await, "once");
        let now = bound(device);
        assert_eq!((now.owner, now.generation), (account.owner, 2));
        assert_eq!(
            now.report_box.as_ref(),
            Some(account.root().report_box().public().as_bytes())
        );
        let certificate: DeviceCertificate = Signed::decode(&now.certificate)
            .unwrap()
            .open(&account.owner)
            .unwrap();
        let before = home.certificate(which);
        assert_eq!(
            certificate,
            DeviceCertificate {
                key_epoch: 2,
                ..before
            }
        );
        assert_eq!(warden.count("succeeded").await, 1);
        assert_eq!(warden.unlock(PASSWORD).await, Err(Refusal::WrongPassword));
        assert_eq!(warden.unlock(OTHER_PASSWORD).await, Ok(()));
        assert!(warden.take_keyring(&set.boxes[which]).await);
        assert_eq!(warden.key_epochs().await, [1, 2]);
        assert!(warden.take_delegate(&set.delegates[which]).await);
    }
    // The owner's commands are the new key's from here on.
    let renewed = Account {
        certificate: set.certificates[1].clone(),
        ..account
    };
    let old = Account {
        certificate: home.devices[1].clone(),
        ..home.account
    };
    let (mut old, mut new) = (Owner::of(&home.tablet, &old), Owner::of(&home.tablet, &renewed));
    assert_eq!(
        home.other.command(old.signed(lock()).1).await,
        Disposition::BadSignature
    );
    assert_eq!(
        home.other.command(new.signed(lock()).1).await,
        Disposition::Accepted
    );
}

#[tokio::test]
async fn a_device_that_was_away_walks_the_chain_in_order() {
    let home = Home::of_two().await;
    let (first, account) = renewed(&home).await;
    assert!(home.warden.succeed(&first, 0).await);
    let input = NewPasswordInput {
        devices: first.certificates.clone(),
        new_epoch: false,
        ..Default::default()
    };
    let second = home
        .warden
        .change_password(&account, steps::NEW_ROOT, THIRD_PASSWORD, input.encode())
        .await
        .unwrap();
    assert!(
        !home.other.succeed(&second, 1).await,
        "not by a key it doesn't know"
    );
    home.other.handle.tighten("lost".to_owned()).await.unwrap();
    assert!(home.other.succeed(&first, 1).await, "while lost too");
    assert!(home.other.succeed(&second, 1).await);
    assert!(!home.other.succeed(&first, 1).await, "replayed");
    assert_eq!(bound(&home.tablet).owner, second.owner);
    assert_eq!(home.other.unlock(THIRD_PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_succession_of_which_any_part_does_not_fit_moves_nothing() {
    let home = Home::of_two().await;
    let (set, account) = renewed(&home).await;
    let before = bound(&home.phone);
    let (old, new) = (home.account.root().owner_key(), account.root().owner_key());
    let good: Succession = Signed::decode(set.succession.as_ref().unwrap())
        .unwrap()
        .open(&old.public())
        .unwrap();
    let own: DeviceCertificate = Signed::decode(&set.certificates[0])
        .unwrap()
        .open(&new.public())
        .unwrap();
    let by = |key: &SigningKey, succession: Succession| Signed::seal(&succession, key).encode();
    let with = |change: &dyn Fn(&mut Succession)| {
        let mut succession = good.clone();
        change(&mut succession);
        by(&old, succession)
    };
    let certified = |change: &dyn Fn(&mut DeviceCertificate)| {
        let mut certificate = own.clone();
        change(&mut certificate);
        Signed::seal(&certificate, &new).encode()
    };
    let weaker = account.with_record(|record| record.parameters.memory_kib -= 1);
    let later = account.with_record(|record| record.generation = 3);
    let names = |record: &[u8]| with(&|succession| succession.credentials = sha256(record));
    let (record, certificate) = (&set.credentials, &set.certificates[0]);
    let wrong = [
        (
            by(&SigningKey::generate(), good.clone()),
            record,
            certificate.clone(),
        ),
        (by(&new, good.clone()), record, certificate.clone()),
        (with(&|s| s.generation = 1), record, certificate.clone()),
        (with(&|s| s.generation = 3), record, certificate.clone()),
        (
            with(&|s| s.account = belay_proto::AccountId::random()),
            record,
            certificate.clone(),
        ),
        (with(&|s| s.report_box = [0; 32]), record, certificate.clone()),
        (with(&|s| s.credentials = [0; 32]), record, certificate.clone()),
        (with(&|_| ()), &home.account.credentials, certificate.clone()),
        (names(&weaker), &weaker, certificate.clone()),
        (names(&later), &later, certificate.clone()),
        (with(&|_| ()), record, home.devices[0].clone()),
        (with(&|_| ()), record, set.certificates[1].clone()),
        (
            with(&|_| ()),
            record,
            certified(&|c| c.model = "Another".to_owned()),
        ),
        (with(&|_| ()), record, certified(&|c| c.key_epoch = 0)),
        (with(&|_| ()), record, certified(&|c| c.device_key = new.public())),
        (Vec::new(), record, certificate.clone()),
    ];
    for (number, (succession, credentials, certificate)) in wrong.into_iter().enumerate() {
        let credentials = credentials.clone();
        let input = SucceedInput {
            succession,
            credentials,
            certificate,
        };
        assert!(
            !home.warden.take(steps::SUCCEED, input.encode()).await,
            "{number}"
        );
    }
    assert_eq!(bound(&home.phone), before);
    assert!(home.warden.succeed(&set, 0).await, "the good one still is");
}

#[tokio::test]
async fn a_root_opened_before_the_succession_signs_nothing_after_it() {
    let home = Home::of_two().await;
    let deed = format!("set-login {}", "0".repeat(32));
    let (set, _) = renewed(&home).await;
    let ticket = home
        .warden
        .proved_with(&home.account, Purpose::Identifier, &deed)
        .await
        .unwrap();
    assert!(home.warden.succeed(&set, 0).await);
    let answer = home
        .warden
        .use_ticket(&ticket, steps::ORDER, Done {}.encode())
        .await;
    assert_eq!(answer, Err(Refusal::WrongPassword));
}
