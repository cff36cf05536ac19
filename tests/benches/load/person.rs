//! Somebody with a phone, as belayd and the warden would call for them.

use belay_proto::keys::{BoxKey, KdfParameters, SigningKey, random};
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, LoginStatement, Signed};
use belay_proto::text::hex;
use belay_proto::wire::{
    Bytes, Channel, CodeRequest, CreateAccountRequest, CreatedAccount, LoginAnswer, LoginChallengeAnswer,
    LoginChallengeRequest, LoginRequest, OpenVerificationRequest, OpenedVerification, Profile, ProofOfWork,
    Share, TicketAnswer, VerificationPurpose,
};
use belay_proto::{AccountId, Epoch, HardwareId, Secret, id};
use belay_tests::{Outcome, Surprise, expect};

use crate::client::Client;
use crate::mails::Mails;

pub struct Person {
    address: String,
    account: AccountId,
    /// Whose statements the cloud takes for the password.
    login: SigningKey,
    owner: SigningKey,
    /// The key of the phone that the account is made with.
    pub first: SigningKey,
    /// Of a phone that signs in later.
    pub second: SigningKey,
    credentials: Bytes,
    certificate: Bytes,
    origin: String,
    /// A challenge that was solved.
    pub work: Option<ProofOfWork>,
}

impl Person {
    pub fn new(origin: &str) -> Self {
        let (account, owner, login) = (
            AccountId::random(),
            SigningKey::generate(),
            SigningKey::generate(),
        );
        let (first, warden, epoch) = (SigningKey::generate(), SigningKey::generate(), Epoch::random());
        let record = CredentialsRecord {
            account,
            generation: 1,
            salt: random(),
            parameters: KdfParameters::FLOOR,
            login: login.public(),
            verify_digest: random(),
            wrapped_root: vec![1; 61],
            recovery_wrap: vec![2; 61],
        };
        let certificate = DeviceCertificate {
            account,
            device: id::device_id(&warden.public(), &epoch),
            epoch,
            device_key: first.public(),
            warden_key: warden.public(),
            box_key: BoxKey::generate().public(),
            hardware: HardwareId::from_bytes(random()),
            hardware_locked: true,
            model: "Phone".to_owned(),
            wipe_class: "crypto".to_owned(),
            key_epoch: 1,
        };
        Self {
            address: format!("{}@example.org", hex(&random::<6>())),
            account,
            credentials: Signed::seal(&record, &owner).encode().into(),
            certificate: Signed::seal(&certificate, &owner).encode().into(),
            login,
            owner,
            first,
            second: SigningKey::generate(),
            origin: origin.to_owned(),
            work: None,
        }
    }

    /// From the opened verification to the account with its first device.
    pub async fn register(&self, client: &mut Client, mails: &Mails) -> Outcome {
        let code = mails.expect(&self.address);
        let work = self.work.clone();
        let opening = OpenVerificationRequest {
            purpose: VerificationPurpose::Registration,
            channel: Channel::Email,
            address: self.address.clone(),
            device_name: "A phone".to_owned(),
            language: None,
            pow: work.ok_or_else(|| Surprise::new("no challenge was solved"))?,
        };
        let opened: OpenedVerification = client.post(&self.first, "/v1/verifications", &opening).await?;
        let typed = CodeRequest {
            code: code.come().await?.into(),
        };
        let path = format!("/v1/verifications/{}/code", opened.id);
        let proved: TicketAnswer = client.post(&self.first, &path, &typed).await?;
        let account = CreateAccountRequest {
            ticket: proved.ticket,
            credentials: self.credentials.clone(),
            owner: self.owner.public(),
            keyring: vec![7; 200].into(),
            certificate: Some(self.certificate.clone()),
            share: Share(Secret::new([9; 32])),
            profile: Profile {
                display_name: Some("Jo".to_owned()),
                country: Some("AT".to_owned()),
                language: Some("de".to_owned()),
                newsletter: false,
            },
            device_name: Some("A phone".to_owned()),
            device_kind: None,
            release: None,
        };
        let created: CreatedAccount = client.post(&self.first, "/v1/accounts", &account).await?;
        expect!(created.tokens.is_some(), "an account without a session");
        Ok(())
    }

    /// With the password, from a phone with this key.
    pub async fn sign_in(&self, client: &mut Client, key: &SigningKey) -> Outcome {
        let asked = LoginChallengeRequest {
            identifier: self.address.clone(),
        };
        let challenge: LoginChallengeAnswer = client.post(key, "/v1/login/challenge", &asked).await?;
        let statement = LoginStatement {
            origin: self.origin.clone(),
            identifier: self.address.clone(),
            nonce: challenge.nonce.to_vec(),
            action: "sign-in".to_owned(),
            thumbprint: key.public().thumbprint(),
        };
        let request = LoginRequest {
            identifier: self.address.clone(),
            nonce: challenge.nonce,
            action: statement.action.clone(),
            signature: statement.sign(&self.login),
        };
        let answer: LoginAnswer = client.post(key, "/v1/login", &request).await?;
        expect!(answer.account == self.account, "signed in to another account");
        Ok(())
    }
}
