//! Orders to the cloud: exactly what the ticket was given for, once, under the owner key.

use belay_proto::CommandId;
use belay_proto::keys::SigningKey;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;

use crate::life::{Home, bound};
use crate::owner::{Owner, envelope, lock, ring, stranger};
use crate::support::{Account, OTHER_PASSWORD, Running};

async fn order(warden: &Running, ticket: &str) -> Result<Vec<u8>, Refusal> {
    let output = warden.use_ticket(ticket, steps::ORDER, Done {}.encode()).await?;
    Ok(OrderOutput::decode(&output).unwrap().order)
}

fn opened(account: &Account, order: &[u8]) -> AccountOrder {
    Signed::decode(order).unwrap().open(&account.owner).unwrap()
}

#[tokio::test]
async fn each_deed_is_ordered_with_its_own_ticket_once_and_noted_without_an_address() {
    let home = Home::of_two().await;
    let id = "ab".repeat(16);
    let table = [
        (Purpose::Identifier, "add-identifier ada@example.org".to_owned()),
        (Purpose::Identifier, format!("remove-identifier {id}")),
        (Purpose::Identifier, format!("set-login {id}")),
        (
            Purpose::Bootloader,
            format!("unlock-bootloader {}", home.certificate(0).device),
        ),
    ];
    let mut ids = Vec::new();
    for (purpose, subject) in &table {
        let ticket = home
            .warden
            .proved_with(&home.account, *purpose, subject)
            .await
            .unwrap();
        let signed = opened(&home.account, &order(&home.warden, &ticket).await.unwrap());
        assert_eq!(
            (signed.generation, signed.account),
            (1, home.account.record().account)
        );
        assert_eq!(signed.deed.to_string(), *subject);
        ids.push(signed.id);
        assert_eq!(order(&home.warden, &ticket).await, Err(Refusal::BadTicket));
    }
    ids.dedup();
    assert_eq!(ids.len(), table.len(), "each order has its own id");
    let log = home.warden.handle.history(0).await.unwrap();
    let told: Vec<_> = log.iter().filter(|entry| entry.event == "order-signed").collect();
    assert_eq!(told.len(), table.len());
    assert!(told.iter().all(|entry| !entry.detail.contains("ada@example.org")));
    assert_eq!(told[1].detail, table[1].1);
}

#[tokio::test]
async fn a_ticket_walks_no_other_purposes_steps() {
    let home = Home::of_two().await;
    let deed = format!("set-login {}", "0".repeat(32));
    let removal = remove_device_subject(home.tablet_id());
    let table = [
        (Purpose::Identifier, deed.as_str(), steps::ORDER),
        (Purpose::RemoveDevice, removal.as_str(), steps::REMOVE_DEVICE),
        (Purpose::RecoveryCode, "", steps::NEW_RECOVERY_CODE),
        (Purpose::DeleteAccount, "delete-account", steps::ORDER),
    ];
    let inputs = [
        (steps::ORDER, Done {}.encode()),
        (
            steps::REMOVE_DEVICE,
            RemoveDeviceInput {
                devices: vec![home.devices[0].clone()],
                ..Default::default()
            }
            .encode(),
        ),
        (
            steps::NEW_RECOVERY_CODE,
            NewRecoveryCodeInput {
                devices: home.devices.clone(),
                ..Default::default()
            }
            .encode(),
        ),
        (steps::NEW_PASSWORD, home.all(false)),
        (steps::RECOVER, home.account.recover_input(&[])),
        (steps::RELEASE, ReleaseInput {}.encode()),
        (
            steps::CERTIFY,
            CertifyInput {
                device_key: home.account.owner,
                login: String::new(),
            }
            .encode(),
        ),
        (steps::BIND, BindInput { existing: None }.encode()),
    ];
    for (purpose, subject, own) in table {
        let ticket = home
            .warden
            .proved_with(&home.account, purpose, subject)
            .await
            .unwrap();
        for (step, input) in &inputs {
            if *step != own {
                let answer = home.warden.use_ticket(&ticket, step, input.clone()).await;
                assert_eq!(answer, Err(Refusal::BadTicket), "{purpose} {step}");
            }
        }
    }
    // Nothing is signed before the root is open, nor for another purpose's login.
    let ticket = home
        .warden
        .present(Purpose::Identifier, &deed, &home.account.password)
        .await
        .unwrap();
    assert_eq!(order(&home.warden, &ticket).await, Err(Refusal::BadTicket));
    let challenge = home.account.challenge("remove-device");
    let answer = home
        .warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, challenge)
        .await;
    assert!(matches!(answer, Err(Refusal::InvalidArgument(_))));
    let ticket = home
        .warden
        .present(Purpose::Identifier, &deed, OTHER_PASSWORD)
        .await
        .unwrap();
    let challenge = home.account.challenge("identifier");
    let answer = home
        .warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, challenge)
        .await;
    assert_eq!(answer, Err(Refusal::WrongPassword));
}

#[tokio::test]
async fn a_removed_device_gets_none_of_the_keys_that_follow() {
    let home = Home::of_two().await;
    let subject = remove_device_subject(home.tablet_id());
    let phone = home.certificate(0).device;
    let ticket = home
        .warden
        .proved_with(&home.account, Purpose::RemoveDevice, &subject)
        .await
        .unwrap();
    let with_it = RemoveDeviceInput {
        devices: home.devices.clone(),
        ..Default::default()
    };
    let answer = home
        .warden
        .use_ticket(&ticket, steps::REMOVE_DEVICE, with_it.encode())
        .await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));
    let input = RemoveDeviceInput {
        devices: vec![home.devices[0].clone()],
        ..Default::default()
    };
    let output = home
        .warden
        .use_ticket(&ticket, steps::REMOVE_DEVICE, input.encode())
        .await
        .unwrap();
    let output = RemoveDeviceOutput::decode(&output).unwrap();
    assert_eq!(
        opened(&home.account, &output.order).deed,
        Deed::RemoveDevice(home.tablet_id())
    );
    let account = Account {
        keyring: output.keyring,
        ..home.account
    };
    assert_eq!(
        (account.keyring().key_epoch(), account.keyring().generation),
        (2, 1)
    );
    assert_eq!(output.boxes.len(), 1);
    assert!(!home.other.take_keyring(&output.boxes[0]).await);
    assert!(home.warden.take_keyring(&output.boxes[0]).await);

    let own = remove_device_subject(phone);
    let answer = home
        .warden
        .present(Purpose::RemoveDevice, &own, &account.password)
        .await;
    assert!(matches!(answer, Err(Refusal::InvalidArgument(_))));
}

/// The owner has ordered at the phone that the account be deleted.
async fn deletion_ordered(home: &Home) {
    let deletes = "delete-account";
    let ticket = home
        .warden
        .proved_with(&home.account, Purpose::DeleteAccount, deletes)
        .await
        .unwrap();
    assert_eq!(home.warden.leave().await, Err(Refusal::BadTicket), "not before");
    let signed = order(&home.warden, &ticket).await.unwrap();
    assert_eq!(opened(&home.account, &signed).deed, Deed::DeleteAccount);
    assert_eq!(
        order(&home.warden, &ticket).await,
        Err(Refusal::BadTicket),
        "one order"
    );
    assert_eq!(home.warden.release(&ticket).await, Err(Refusal::BadTicket));
    assert_eq!(bound(&home.phone).owner, home.account.owner);
}

#[tokio::test]
async fn a_deleted_account_lets_the_device_go_after_the_order_and_not_before() {
    let home = Home::of_two().await;
    deletion_ordered(&home).await;
    // Whoever is to hear that the cloud has done it may live another boot.
    home.phone.new_boot();
    let release = home.phone.start().leave().await.unwrap();
    assert_eq!(
        home.phone.load().binding,
        Binding::Unbound {
            release: Some(release)
        }
    );
    assert_eq!(
        home.other.leave().await,
        Err(Refusal::BadTicket),
        "ordered elsewhere"
    );
}

#[tokio::test]
async fn a_device_is_ready_to_leave_for_seven_days_and_not_while_it_is_lost() {
    let home = Home::of_two().await;
    deletion_ordered(&home).await;
    home.warden
        .handle
        .tighten("owner-asked".to_owned())
        .await
        .unwrap();
    assert_eq!(home.warden.leave().await, Err(Refusal::DeviceLost));
    home.warden.unlock(&home.account.password).await.unwrap();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let is_ready = |device: &crate::support::Device| device.load().book.leaving.is_some();
    home.phone.clock.advance(4 * day);
    home.warden.handle.beat().await.unwrap();
    home.phone.new_boot();
    home.warden.handle.beat().await.unwrap();
    home.phone.clock.advance(2 * day);
    assert!(is_ready(&home.phone));
    home.phone.clock.advance(day);
    assert_eq!(home.warden.leave().await, Err(Refusal::BadTicket));
    assert!(
        !is_ready(&home.phone),
        "another boot goes on, and on disk it is forgotten"
    );
}

#[tokio::test]
async fn a_refused_deletion_and_newer_credentials_keep_the_device() {
    let home = Home::of_two().await;
    deletion_ordered(&home).await;
    home.warden
        .use_ticket("", steps::STAY, Done {}.encode())
        .await
        .unwrap();
    assert_eq!(home.warden.leave().await, Err(Refusal::BadTicket));
    deletion_ordered(&home).await;
    // There is an account whose root opens.
    let ticket = home
        .warden
        .present(Purpose::Reauthenticate, "", &home.account.password)
        .await
        .unwrap();
    for (step, input) in [
        (steps::LOGIN_SIGNATURE, home.account.challenge("reauthenticate")),
        (steps::OPEN_ROOT, home.account.open_root()),
    ] {
        home.warden.use_ticket(&ticket, step, input).await.unwrap();
    }
    assert_eq!(home.warden.leave().await, Err(Refusal::BadTicket));
    deletion_ordered(&home).await;
    let newer = home.account.with_password(crate::support::OTHER_PASSWORD);
    assert_eq!(home.warden.handle.credentials(newer.credentials).await, Ok(true));
    assert_eq!(home.warden.leave().await, Err(Refusal::BadTicket));
}

#[tokio::test]
async fn a_command_of_the_owners_that_is_accepted_keeps_the_device() {
    let key = SigningKey::generate();
    for (name, action, delegated) in [
        ("lock", lock(), false),
        ("ring", ring(), false),
        ("a delegate's ring", ring(), true),
        ("cancel", Action::Cancel { id: CommandId::new() }, false),
    ] {
        let home = Home::of_two().await;
        let mut owner = Owner::of(&home.phone, &home.account);
        deletion_ordered(&home).await;
        owner.now += 1000;
        let command = owner.command(action);
        let brought = match delegated {
            true => {
                let delegate = Signed::seal(&owner.delegate(&key, &[Verb::Ring]), &owner.key);
                envelope(&command, &key, Some(delegate))
            }
            false => owner.sign(&command),
        };
        assert_eq!(
            home.warden.command(brought).await,
            Disposition::Accepted,
            "{name}"
        );
        // In one commit with the command: not even a power cut leaves the one without the other.
        assert!(home.phone.load().book.leaving.is_none(), "{name}");
        if name == "lock" {
            home.warden.unlock(&home.account.password).await.unwrap();
        }
        assert_eq!(home.warden.leave().await, Err(Refusal::BadTicket), "{name}");
        assert_eq!(bound(&home.phone).owner, home.account.owner);
    }
}

#[tokio::test]
async fn a_command_that_is_refused_says_nothing_of_an_ordered_deletion() {
    let home = Home::of_two().await;
    let mut owner = Owner::of(&home.phone, &home.account);
    let (_, seen) = owner.signed(ring());
    assert_eq!(home.warden.command(seen.clone()).await, Disposition::Accepted);
    deletion_ordered(&home).await;
    owner.now += 1000;
    let mut late = owner.command(ring());
    late.expires_at = 1;
    for (brought, refused) in [
        (seen, Disposition::Replayed),
        (owner.sign(&late), Disposition::Expired),
        (
            envelope(&owner.command(lock()), &stranger(), None),
            Disposition::BadSignature,
        ),
    ] {
        assert_eq!(home.warden.command(brought).await, refused);
    }
    home.warden.leave().await.unwrap();
}
