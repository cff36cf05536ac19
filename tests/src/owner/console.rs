//! The owner's console: signs in with the password alone, and shows what became of each command.

use belay_proto::id::device_id;
use belay_proto::keys::{KdfParameters, Master, Root, SigningKey, random, sha256};
use belay_proto::signed::{
    Action, CommandState, CredentialsRecord, DeviceCertificate, Keyring, LoginStatement, Signed,
};
use belay_proto::sync::{CollectionKeys, index_key};
use belay_proto::wire::{
    AddDeviceRequest, Bytes, CommandLife, CommandRequest, CommandsAnswer, DelegateRequest, LoginAnswer,
    LoginChallengeAnswer, LoginChallengeRequest, LoginRequest, NewCredentialsRequest, Report, ReportsAnswer,
    Share,
};
use belay_proto::{CommandId, DeviceId, Epoch, HardwareId, Secret};

use super::http::{Reply, Wire, expected};
use super::{Owner, Told};
use crate::{Outcome, Stage, Surprise};

/// How long the cloud may take to answer a question for what is new, s.
const WAIT: u64 = 50;

/// A console with a session of its own.
#[derive(Debug)]
pub struct Console {
    wire: Wire,
    owner: Owner,
    record: CredentialsRecord,
    keyring: Keyring,
    /// SHA-256 of the keyring as the cloud keeps it.
    keyring_digest: [u8; 32],
}

impl Console {
    /// Signs in as `identifier`; the account's one device, or its newest, is what it commands.
    ///
    /// # Errors
    /// Where the cloud refuses, or what it answers doesn't prove itself.
    pub async fn sign_in(stage: &Stage, identifier: &str, password: &str) -> Outcome<Self> {
        let wire = Wire::new();
        let body = LoginChallengeRequest {
            identifier: identifier.to_owned(),
        };
        let reply = wire.post(stage, "/v1/login/challenge", &body).await?;
        let challenge: LoginChallengeAnswer = expected("a challenge", 200, &reply)?;
        let salt = <[u8; 16]>::try_from(challenge.salt.0).map_err(|_| Surprise::new("an odd salt"))?;
        let master = derived(password, salt, challenge.parameters).await?;
        let statement = LoginStatement {
            origin: LoginStatement::origin_of(&stage.network().url()),
            identifier: identifier.to_owned(),
            nonce: challenge.nonce.0.clone(),
            action: "sign-in".to_owned(),
            thumbprint: wire.key.public().thumbprint(),
        };
        let body = LoginRequest {
            identifier: identifier.to_owned(),
            nonce: challenge.nonce,
            action: statement.action.clone(),
            signature: statement.sign(&master.login_key()),
        };
        let reply = wire.post(stage, "/v1/login", &body).await?;
        let answer: LoginAnswer = expected("a session", 200, &reply)?;
        let signed = Signed::decode(&answer.credentials)?;
        let record: CredentialsRecord = signed.open(&answer.owner)?;
        let wrap = master.wrap_key(&answer.share.0);
        let root = Root::unwrap(&wrap, &record.account, record.generation, &record.wrapped_root)?;
        crate::expect!(
            root.owner_key().public() == answer.owner,
            "the cloud names another owner"
        );
        let newest = answer
            .devices
            .last()
            .ok_or_else(|| Surprise::new("the account has no device"))?;
        let keyring = Keyring::open(&root, &record.account, record.generation, &answer.keyring.0)?;
        let now = stage.clock().wall().saturating_mul(1000);
        let owner = Owner::new(root, record.generation, newest, now)?;
        wire.keep(&answer.tokens);
        Ok(Self {
            wire,
            owner,
            record,
            keyring,
            keyring_digest: sha256(&answer.keyring.0),
        })
    }

    /// Whom it signs for.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The keys that read the account's data.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// What names, seals and opens the records of collection `name` on each of the account's devices.
    #[must_use]
    pub fn collection_keys(&self, name: &str) -> CollectionKeys {
        CollectionKeys::new(
            self.keyring.account,
            name.to_owned(),
            self.keyring.collection_keys(name),
            index_key(&self.keyring.index_key, name),
        )
    }

    /// Brings an envelope to the cloud.
    ///
    /// # Errors
    /// Where the cloud doesn't answer.
    pub async fn post(&self, stage: &Stage, envelope: &[u8]) -> Outcome<Reply> {
        let body = CommandRequest {
            envelope: Bytes(envelope.to_vec()),
        };
        self.wire.post(stage, &self.commands(), &body).await
    }

    /// Signs and sends the next command with this action.
    ///
    /// # Errors
    /// Where the cloud refuses.
    pub async fn send(&self, stage: &Stage, action: Action) -> Outcome<CommandId> {
        let (id, envelope) = self.owner.signed(action);
        let reply = self.post(stage, &envelope).await?;
        let life: CommandLife = expected("a command", 202, &reply)?;
        crate::expect!(life.id == id, "another command's life");
        Ok(id)
    }

    /// How far a command is.
    ///
    /// # Errors
    /// Where the cloud doesn't know it.
    pub async fn life(&self, stage: &Stage, id: CommandId) -> Outcome<CommandLife> {
        let reply = self.wire.get(stage, &format!("{}/{id}", self.commands())).await?;
        self.heard(expected("a life", 200, &reply)?)
    }

    /// Follows a command until it is in this state; the states it was seen in on the way, and its life then. The
    /// owner learns from each outcome.
    ///
    /// # Errors
    /// Where it ends otherwise.
    pub async fn follow(
        &self,
        stage: &Stage,
        id: CommandId,
        until: CommandState,
    ) -> Outcome<(Vec<CommandState>, CommandLife)> {
        let mut life = self.life(stage, id).await?;
        let mut seen = Vec::new();
        loop {
            let state = CommandState::from(life.state.as_str());
            if seen.last() != Some(&state) {
                seen.push(state);
            }
            if state == until {
                return Ok((seen, life));
            }
            crate::expect!(
                !state.is_final(),
                "the command ended as {state} ({}), not as {until}",
                life.reason
            );
            life = self.changed(stage, id, life.revision).await?;
        }
    }

    /// Waits until a command's life is another than the one with this revision, or the cloud's patience ends.
    ///
    /// # Errors
    /// Where the cloud doesn't know it.
    pub async fn changed(&self, stage: &Stage, id: CommandId, revision: u64) -> Outcome<CommandLife> {
        let path = format!("{}/{id}?wait={WAIT}&seen={revision}", self.commands());
        let reply = self.wire.get(stage, &path).await?;
        self.heard(expected("a life", 200, &reply)?)
    }

    /// What the device's warden signed about a command, as far as the cloud has it, oldest first.
    ///
    /// # Errors
    /// Where one isn't the warden's.
    pub fn told(&self, life: &CommandLife) -> Outcome<Vec<Told>> {
        life.outcomes.iter().map(|o| self.owner.hear(o)).collect()
    }

    /// The newest commands to the device, newest first.
    ///
    /// # Errors
    /// Where the cloud refuses.
    pub async fn list(&self, stage: &Stage) -> Outcome<Vec<CommandLife>> {
        let reply = self.wire.get(stage, &self.commands()).await?;
        let answer: CommandsAnswer = expected("the commands", 200, &reply)?;
        Ok(answer.commands)
    }

    /// The device's reports after a number, opened, with the number to ask for next. The owner learns from the state
    /// report among them.
    ///
    /// # Errors
    /// Where the cloud refuses, or a report doesn't open.
    pub async fn reports(&self, stage: &Stage, after: u64) -> Outcome<(Vec<Report>, u64)> {
        let path = format!("/v1/devices/{}/reports?after={after}", self.owner.device.device);
        let reply = self.wire.get(stage, &path).await?;
        let answer: ReportsAnswer = expected("the reports", 200, &reply)?;
        if let Some(state) = &answer.state {
            self.owner.hear_report(state)?;
        }
        let opened = answer.reports.iter().map(|report| self.owner.open(report));
        Ok((opened.collect::<Outcome<_>>()?, answer.last))
    }

    /// Tells the cloud of a delegate, by its certificate, signed bytes.
    ///
    /// # Errors
    /// Where the cloud doesn't answer.
    pub async fn tell_delegate(&self, stage: &Stage, certificate: &Signed) -> Outcome<Reply> {
        let body = DelegateRequest {
            certificate: Bytes(certificate.encode()),
        };
        self.wire.post(stage, "/v1/delegates", &body).await
    }

    /// Binds one more device, of this hardware, as if it were here: the console's key stands for its key.
    ///
    /// # Errors
    /// Where the cloud doesn't answer.
    pub async fn bind(&self, stage: &Stage, hardware: HardwareId) -> Outcome<(DeviceId, Reply)> {
        let (warden_key, epoch) = (SigningKey::generate().public(), Epoch::random());
        let device = device_id(&warden_key, &epoch);
        let certificate = DeviceCertificate {
            device,
            epoch,
            device_key: self.wire.key.public(),
            warden_key,
            hardware,
            ..self.owner.device.clone()
        };
        let body = AddDeviceRequest {
            certificate: Bytes(Signed::seal(&certificate, &self.owner.key()).encode()),
            name: "One of many".to_owned(),
            kind: None,
            release: None,
            keyring: None,
        };
        Ok((device, self.wire.post(stage, "/v1/devices", &body).await?))
    }

    /// Chooses another password for the account, whatever it is worth: the cloud never sees it, so that a program of the owner's own
    /// has nobody to ask. What the console knows of the account is over with that.
    ///
    /// # Errors
    /// Where the cloud refuses.
    pub async fn change_password(self, stage: &Stage, new: &str) -> Outcome {
        let Self {
            wire,
            owner,
            record,
            keyring,
            keyring_digest,
        } = self;
        let (salt, share) = (random(), Secret::new(random()));
        let master = derived(new, salt, record.parameters).await?;
        let generation = record.generation.saturating_add(1);
        let wrapped_root = owner
            .root
            .wrap(&master.wrap_key(&share), &record.account, generation);
        let record = CredentialsRecord {
            generation,
            salt,
            login: master.login_key().public(),
            verify_digest: master.verify_digest(),
            wrapped_root,
            ..record
        };
        let body = NewCredentialsRequest {
            ticket: None,
            credentials: Bytes(Signed::seal(&record, &owner.key()).encode()),
            keyring: Bytes(keyring.for_generation(generation).seal(&owner.root)),
            replaces: Bytes(keyring_digest.to_vec()),
            share: Share(share),
            succession: None,
            owner: None,
            // The devices have their keys, or get them with the password.
            grants: Vec::new(),
        };
        let reply = wire.put(stage, "/v1/account/credentials", &body).await?;
        crate::expect!(
            reply.status == 204,
            "another password: {} {}",
            reply.status,
            reply.problem()
        );
        Ok(())
    }

    fn heard(&self, life: CommandLife) -> Outcome<CommandLife> {
        self.told(&life)?;
        Ok(life)
    }

    fn commands(&self) -> String {
        format!("/v1/devices/{}/commands", self.owner.device.device)
    }
}

/// What a password opens with this salt, derived beside what else is to be done.
async fn derived(password: &str, salt: [u8; 16], parameters: KdfParameters) -> Outcome<Master> {
    let password = Secret::new(password.to_owned());
    let master = tokio::task::spawn_blocking(move || Master::derive(&password, &salt, &parameters));
    Ok(master.await??)
}
