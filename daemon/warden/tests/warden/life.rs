//! The account's life as belayd and the cloud walk it: a household of two devices, and the steps of their owner.

use belay_proto::Secret;
use belay_proto::keys::RecoveryCode;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::ceremony::Secrets;
use belay_warden::core::records::Bound;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;
use belay_warden::core::throttle::Presenter;

use crate::support::{Account, Device, LOGIN, Running, secret};

/// Two devices of one account, the first of which registered it.
pub struct Home {
    pub phone: Device,
    pub warden: Running,
    pub account: Account,
    pub tablet: Device,
    pub other: Running,
    /// The certificates of both.
    pub devices: Vec<Vec<u8>>,
}

impl Home {
    pub async fn of_two() -> Self {
        let (phone, tablet) = (Device::initialised(), Device::initialised().other_hardware());
        let (warden, other) = (phone.start(), tablet.start());
        let account = warden.register().await;
        let certified = other.sign_in(&account, None).await.unwrap();
        let devices = vec![account.certificate.clone(), certified.certificate];
        Self {
            phone,
            warden,
            account,
            tablet,
            other,
            devices,
        }
    }

    pub fn tablet_id(&self) -> belay_proto::DeviceId {
        self.certificate(1).device
    }

    pub fn certificate(&self, which: usize) -> DeviceCertificate {
        Signed::decode(&self.devices[which])
            .unwrap()
            .open(&self.account.owner)
            .unwrap()
    }

    /// The input of a new password with all devices.
    pub fn all(&self, new_epoch: bool) -> Vec<u8> {
        NewPasswordInput {
            devices: self.devices.clone(),
            new_epoch,
            ..Default::default()
        }
        .encode()
    }
}

/// The binding on disk.
pub fn bound(device: &Device) -> Box<Bound> {
    match device.load().binding {
        Binding::Bound(bound) => bound,
        other => panic!("{other:?}"),
    }
}

impl Account {
    /// The account once the cloud has taken what a warden made.
    pub fn after(&self, set: &NewCredentialsSet, password: &str) -> Self {
        Self {
            pending: self.pending,
            owner: set.owner,
            password: password.to_owned(),
            share: *set.share.expose(),
            credentials: set.credentials.clone(),
            keyring: set.keyring.clone(),
            certificate: self.certificate.clone(),
        }
    }

    pub fn recover_input(&self, devices: &[Vec<u8>]) -> Vec<u8> {
        RecoverInput {
            credentials: self.credentials.clone(),
            keyring: self.keyring.clone(),
            devices: devices.to_vec(),
            key_epoch: None,
            ..Default::default()
        }
        .encode()
    }

    /// This account's owner makes the same record with something changed.
    pub fn with_record(&self, change: impl FnOnce(&mut CredentialsRecord)) -> Vec<u8> {
        let mut record = self.record();
        change(&mut record);
        Signed::seal(&record, &self.root().owner_key()).encode()
    }
}

pub fn change(old: &str, new: &str) -> Secrets {
    Secrets::Change {
        old: secret(old),
        new: secret(new),
    }
}

impl Running {
    /// Presents, logs in, opens the root; the ticket.
    pub async fn proved(
        &self,
        account: &Account,
        purpose: Purpose,
        subject: &str,
        secrets: Secrets,
    ) -> Result<String, Refusal> {
        let ticket = self
            .handle
            .present(purpose, subject.to_owned(), Presenter::Screen, secrets)
            .await?
            .to_string();
        let output = self
            .use_ticket(
                &ticket,
                steps::LOGIN_SIGNATURE,
                account.challenge(purpose.as_str()),
            )
            .await?;
        let signature = LoginSignatureOutput::decode(&output).unwrap().signature;
        let statement = LoginStatement {
            origin: "https://cloud.example.org".to_owned(),
            identifier: self.handle.snapshot().bound.unwrap().account.to_string(),
            nonce: vec![1; 16],
            action: purpose.to_string(),
            thumbprint: crate::support::device_key().thumbprint(),
        };
        assert_eq!(statement.verify(&account.record().login, &signature), Ok(()));
        self.use_ticket(&ticket, steps::OPEN_ROOT, account.open_root())
            .await?;
        Ok(ticket)
    }

    pub async fn proved_with(
        &self,
        account: &Account,
        purpose: Purpose,
        subject: &str,
    ) -> Result<String, Refusal> {
        let password = Secrets::Password(secret(&account.password));
        self.proved(account, purpose, subject, password).await
    }

    /// The whole of `change-password`.
    pub async fn change_password(
        &self,
        account: &Account,
        subject: &str,
        new: &str,
        input: Vec<u8>,
    ) -> Result<NewCredentialsSet, Refusal> {
        let secrets = change(&account.password, new);
        let ticket = self
            .proved(account, Purpose::ChangePassword, subject, secrets)
            .await?;
        let output = self
            .use_ticket(&ticket, steps::NEW_PASSWORD, input.clone())
            .await?;
        let again = self.use_ticket(&ticket, steps::NEW_PASSWORD, input).await;
        assert_eq!(again, Err(Refusal::BadTicket), "one ticket, one password");
        Ok(NewCredentialsSet::decode(&output).unwrap())
    }

    /// The whole of `recovery-code` up to the cloud's answer.
    pub async fn new_recovery_code(
        &self,
        account: &Account,
        devices: &[Vec<u8>],
    ) -> Result<(NewRecoveryCodeOutput, NewCredentialsSet), Refusal> {
        let ticket = self.proved_with(account, Purpose::RecoveryCode, "").await?;
        let input = NewRecoveryCodeInput {
            devices: devices.to_vec(),
            ..Default::default()
        };
        let output = self
            .use_ticket(&ticket, steps::NEW_RECOVERY_CODE, input.encode())
            .await?;
        let output = NewRecoveryCodeOutput::decode(&output).unwrap();
        let set = NewCredentialsSet::decode(&output.set).unwrap();
        Ok((output, set))
    }

    /// The whole of `recover`.
    pub async fn recover(&self, code: &str, new: &str, input: Vec<u8>) -> Result<NewCredentialsSet, Refusal> {
        let secrets = Secrets::Recovery {
            new: secret(new),
            code: secret(code),
        };
        let ticket = self
            .handle
            .present(Purpose::Recover, LOGIN.to_owned(), Presenter::Screen, secrets)
            .await?
            .to_string();
        let answer = self.use_ticket(&ticket, steps::RECOVER, input.clone()).await;
        let again = self.use_ticket(&ticket, steps::RECOVER, input).await;
        assert_eq!(again, Err(Refusal::BadTicket), "one ticket, one try");
        Ok(NewCredentialsSet::decode(&answer?).unwrap())
    }

    /// A step that needs no ticket; whether what was brought was taken.
    pub async fn take(&self, step: &str, input: Vec<u8>) -> bool {
        let output = self.use_ticket("", step, input).await.unwrap();
        TakenOutput::decode(&output).unwrap().taken
    }

    pub async fn take_keyring(&self, keyring: &[u8]) -> bool {
        let keyring = keyring.to_vec();
        self.take(steps::TAKE_KEYRING, TakeKeyringInput { keyring }.encode())
            .await
    }

    pub async fn take_delegate(&self, delegate: &[u8]) -> bool {
        let delegate = delegate.to_vec();
        self.take(steps::TAKE_DELEGATE, TakeDelegateInput { delegate }.encode())
            .await
    }

    pub async fn succeed(&self, set: &NewCredentialsSet, which: usize) -> bool {
        let input = SucceedInput {
            succession: set.succession.clone().unwrap(),
            credentials: set.credentials.clone(),
            certificate: set.certificates[which].clone(),
        };
        self.take(steps::SUCCEED, input.encode()).await
    }

    /// The key epochs whose keys belayd gets.
    pub async fn key_epochs(&self) -> Vec<u64> {
        let collection = steps::ACCESSORIES.to_owned();
        let input = CollectionKeysInput { collection }.encode();
        let output = self.use_ticket("", steps::COLLECTION_KEYS, input).await.unwrap();
        let keys = CollectionKeysOutput::decode(&output).unwrap().keys;
        keys.iter().map(|(epoch, _)| *epoch).collect()
    }

    /// The recovery code of a registration, as its owner writes it down.
    pub async fn written_down(&self, account: &Account) -> Secret<String> {
        let claim = self.bind_pending(account.pending).await.unwrap().claim;
        self.recovery_code(&claim).await.unwrap()
    }
}

pub fn a_code() -> Secret<String> {
    RecoveryCode::generate().text()
}

/// A succession, a delegate and a keyring that the impostor's own owner key made for the owner's device, and the inputs of the
/// steps that would need its owner.
pub fn lures(owner: &Account, own: &Account) -> Vec<Vec<u8>> {
    let target: DeviceCertificate = Signed::decode(&owner.certificate)
        .unwrap()
        .open(&owner.owner)
        .unwrap();
    let key = own.root().owner_key();
    let credentials = own.credentials.clone();
    let succession = Succession {
        account: target.account,
        generation: 2,
        owner: key.public(),
        report_box: *own.root().report_box().public().as_bytes(),
        credentials: belay_proto::keys::sha256(&credentials),
    };
    let delegate = DelegateCertificate {
        account: target.account,
        key: target.warden_key,
        actions: DelegatedVerbs::new(vec![Verb::Lock]).unwrap(),
        generation: 1,
        issued_at: 0,
        expires_at: 0,
    };
    let devices = vec![owner.certificate.clone()];
    vec![
        SucceedInput {
            succession: Signed::seal(&succession, &key).encode(),
            certificate: Signed::seal(&target, &key).encode(),
            credentials,
        }
        .encode(),
        TakeDelegateInput {
            delegate: Signed::seal(&delegate, &key).encode(),
        }
        .encode(),
        TakeKeyringInput {
            keyring: own.keyring().with_new_epoch(2).seal_to(&key, &target.box_key),
        }
        .encode(),
        NewPasswordInput {
            devices: devices.clone(),
            new_epoch: true,
            ..Default::default()
        }
        .encode(),
        NewRecoveryCodeInput {
            devices: devices.clone(),
            ..Default::default()
        }
        .encode(),
        owner.challenge("delete-account"),
        owner.challenge("recovery-code"),
        owner.recover_input(&devices),
    ]
}
