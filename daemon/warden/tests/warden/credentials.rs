//! The password changed elsewhere: the owner's signature counts, nobody's opinion.

use belay_proto::Secret;
use belay_proto::keys::{KdfParameters, SigningKey};
use belay_proto::signed::{CredentialsRecord, Signed};
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;

use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD};

fn generation(device: &Device) -> u64 {
    match device.load().binding {
        Binding::Bound(bound) => bound.generation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_a_newer_record_of_the_pinned_owner_replaces_the_verifier() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let newer = account.with_password(OTHER_PASSWORD);

    let mut forged = Signed::decode(&newer.credentials).unwrap();
    forged.payload[10] ^= 1;
    let stranger = belay_proto::keys::SigningKey::generate();
    let foreign = Signed::seal(&newer.record(), &stranger);
    let elsewhere = Device::initialised();
    let other_account = elsewhere.start().register().await.with_password(OTHER_PASSWORD);
    let mut weaker = newer.record();
    weaker.parameters.memory_kib -= 1;
    let weaker = Signed::seal(&weaker, &account.root().owner_key());
    let refused = [
        account.credentials.clone(),
        forged.encode(),
        foreign.encode(),
        other_account.credentials,
        weaker.encode(),
        Vec::new(),
        vec![0xa0; 70_000],
    ];
    for record in refused {
        assert_eq!(warden.handle.credentials(record).await, Ok(false));
    }
    assert_eq!(generation(&device), 1);
    assert_eq!(
        warden.handle.credentials(newer.credentials.clone()).await,
        Ok(true)
    );
    assert_eq!(
        warden.handle.credentials(newer.credentials.clone()).await,
        Ok(false),
        "not newer than itself"
    );
    assert_eq!(generation(&device), 2);
    assert_eq!(warden.unlock(PASSWORD).await, Err(Refusal::WrongPassword));
    assert_eq!(warden.unlock(OTHER_PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_new_password_is_one_try_in_all_when_its_record_arrives_in_between() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await.with_password(OTHER_PASSWORD);
    let ticket = warden
        .present(Purpose::SignOut, "", OTHER_PASSWORD)
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(warden.release(&ticket).await, Err(Refusal::WrongPassword));
    }
    assert_eq!(warden.count("password-check").await, 1);
    assert_eq!(
        warden.handle.credentials(account.credentials.clone()).await,
        Ok(true)
    );
    assert!(warden.release(&ticket).await.is_ok());
    assert_eq!(warden.count("password-check").await, 1);
}

#[tokio::test]
async fn the_old_password_is_no_longer_right_even_on_a_ticket_that_proved_it() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let ticket = warden
        .present(Purpose::Reauthenticate, LOGIN, PASSWORD)
        .await
        .unwrap();
    warden
        .use_ticket(
            &ticket,
            steps::LOGIN_SIGNATURE,
            account.challenge("reauthenticate"),
        )
        .await
        .unwrap();
    let newer = account.with_password(OTHER_PASSWORD);
    assert_eq!(warden.handle.credentials(newer.credentials).await, Ok(true));
    let again = warden
        .use_ticket(
            &ticket,
            steps::LOGIN_SIGNATURE,
            account.challenge("reauthenticate"),
        )
        .await;
    assert_eq!(again, Err(Refusal::WrongPassword));
}

pub async fn reauthenticate(device: &Device, account: &Account) -> Result<OpenRootOutput, Refusal> {
    let warden = device.start();
    let ticket = warden
        .present(Purpose::Reauthenticate, LOGIN, &account.password)
        .await?;
    warden
        .use_ticket(
            &ticket,
            steps::LOGIN_SIGNATURE,
            account.challenge("reauthenticate"),
        )
        .await?;
    let output = warden
        .use_ticket(&ticket, steps::OPEN_ROOT, account.open_root())
        .await?;
    Ok(OpenRootOutput::decode(&output).unwrap())
}

#[tokio::test]
async fn reauthenticating_opens_the_pinned_owners_root_and_no_other() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let output = reauthenticate(&device, &account).await.unwrap();
    assert_eq!((output.owner, output.generation), (account.owner, 1));
    // The same password, another account.
    let elsewhere = Device::initialised();
    let other = elsewhere.start().register().await;
    assert!(matches!(
        reauthenticate(&device, &other).await,
        Err(Refusal::CloudRefused(_))
    ));
    assert_eq!(generation(&device), 1);
}

#[tokio::test]
async fn a_record_that_does_not_fit_the_password_opens_nothing() {
    let account = Device::initialised().start().register().await;
    let (record, root) = (account.record(), account.root());
    let stranger = SigningKey::generate().public();
    let unfit = [
        CredentialsRecord {
            salt: [3; 16],
            ..record.clone()
        },
        CredentialsRecord {
            verify_digest: [3; 32],
            ..record.clone()
        },
        CredentialsRecord {
            parameters: KdfParameters {
                iterations: record.parameters.iterations + 1,
                ..record.parameters
            },
            ..record.clone()
        },
        CredentialsRecord {
            login: stranger,
            ..record
        },
    ];
    let device = Device::initialised();
    let warden = device.start();
    let ticket = warden.present(Purpose::SignIn, LOGIN, PASSWORD).await.unwrap();
    warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, account.challenge("sign-in"))
        .await
        .unwrap();
    for record in unfit {
        let input = OpenRootInput {
            share: Secret::new(account.share),
            credentials: Signed::seal(&record, &root.owner_key()).encode(),
            keyring: account.keyring.clone(),
        };
        let answer = warden.use_ticket(&ticket, steps::OPEN_ROOT, input.encode()).await;
        assert!(matches!(answer, Err(Refusal::CloudRefused(_))), "{record:?}");
    }
}
