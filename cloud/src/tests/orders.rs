//! An owner who commands, and a warden that says what became of it.

use std::time::{Duration, UNIX_EPOCH};

use belay_proto::clock::Clock;
use belay_proto::keys::SigningKey;
use belay_proto::signed::{
    Action, Command, CommandEnvelope, CommandState, DelegateCertificate, DelegatedVerbs, Outcome, Signed,
    StateReport, Verb,
};
use belay_proto::text::base64url;
use belay_proto::{CommandId, DeviceId};
use serde_json::{Value, json};

use super::owner::{Device, Owner, signed};
use super::rig::{Client, Reply, Rig};

/// An account with one device, whose key also holds the owner's session.
pub struct Home<'a> {
    pub owner: Owner,
    pub device: Device,
    pub client: Client<'a>,
}

/// A [`Home`] without a cloud.
pub struct Away {
    owner: Owner,
    device: Device,
    key: SigningKey,
    token: Option<String>,
}

impl Away {
    pub fn back(self, rig: &Rig) -> Home<'_> {
        let mut client = rig.client();
        (client.key, client.token) = (self.key, self.token);
        Home {
            owner: self.owner,
            device: self.device,
            client,
        }
    }
}

impl<'a> Home<'a> {
    pub async fn new(rig: &'a Rig) -> Self {
        Self::of(rig, "jo@example.org").await
    }

    pub async fn of(rig: &'a Rig, address: &str) -> Self {
        let (owner, device, mut client) = (Owner::new(address), Device::new(), rig.client());
        owner.register(&mut client, &device).await;
        Self {
            owner,
            device,
            client,
        }
    }

    /// Leaves the cloud, to come back to one that was started again.
    pub fn leave(self) -> Away {
        Away {
            owner: self.owner,
            device: self.device,
            key: self.client.key,
            token: self.client.token,
        }
    }

    pub fn now(&self) -> u64 {
        let now = self.client.rig.clock.wall().duration_since(UNIX_EPOCH);
        u64::try_from(now.unwrap().as_millis()).unwrap()
    }

    pub fn command(&self, action: Action) -> Command {
        let now = self.now();
        Command {
            id: CommandId::new(),
            account: self.owner.account,
            device: self.device.id(),
            epoch: self.device.epoch,
            counter: now,
            issued_at: now,
            expires_at: Command::default_expiry(action.verb(), now),
            presence: 0,
            episode: 0,
            action,
        }
    }

    pub fn lock(&self) -> Command {
        self.command(Action::Lock {
            message: "Please call".into(),
            phone: "+4915100000".into(),
        })
    }

    pub fn seal(&self, command: &Command) -> String {
        envelope(Signed::seal(command, &self.owner.owner), None)
    }

    pub fn commands(&self) -> String {
        format!("/v1/devices/{}/commands", self.device.id())
    }

    pub fn life_path(&self, id: &CommandId) -> String {
        format!("{}/{id}", self.commands())
    }

    pub async fn post(&self, envelope: &str) -> Reply {
        self.client
            .post(&self.commands(), &json!({ "envelope": envelope }))
            .await
    }

    pub async fn send(&self, command: &Command) -> Reply {
        self.post(&self.seal(command)).await
    }

    pub async fn life(&self, id: &CommandId) -> Value {
        self.client.get(&self.life_path(id)).await.is(200).json()
    }

    pub async fn fetch(&self, after: u64) -> Value {
        self.client
            .get(&format!("/v1/commands?after={after}"))
            .await
            .is(200)
            .json()
    }

    /// Until somebody waits for news of the device.
    pub async fn is_waited_at(&self) {
        while !self.client.rig.app.hub.is_waited_at(&self.device.id()) {
            tokio::task::yield_now().await;
        }
    }

    pub fn outcome(&self, sequence: u64, id: CommandId, state: CommandState) -> Outcome {
        Outcome {
            account: self.owner.account,
            device: self.device.id(),
            epoch: self.device.epoch,
            sequence,
            command: id,
            action: "lock".into(),
            state,
            reason: String::new(),
            step: 0,
            steps: 0,
            retry: 0,
            presence: 0,
            counter: 1,
            episode: 1,
            lock: "lost".into(),
        }
    }

    pub async fn tell(&self, outcome: &Outcome) -> Reply {
        let body = json!({ "outcome": signed(outcome, &self.device.warden) });
        self.client.post("/v1/outcomes", &body).await
    }

    pub fn state(&self, sequence: u64, lock: &str) -> StateReport {
        StateReport {
            account: self.owner.account,
            device: self.device.id(),
            epoch: self.device.epoch,
            sequence,
            presence: 3,
            counter: 1,
            episode: 1,
            lock: lock.into(),
            time: self.now(),
            find: true,
        }
    }

    pub async fn report_state(&self, report: &StateReport) -> Reply {
        let body = json!({ "state": signed(report, &self.device.warden) });
        self.client.post("/v1/reports", &body).await
    }

    pub fn delegate(&self, key: &SigningKey, verbs: &[Verb], life: Duration) -> DelegateCertificate {
        let now = self.now();
        DelegateCertificate {
            account: self.owner.account,
            key: key.public(),
            actions: DelegatedVerbs::new(verbs.to_vec()).unwrap(),
            generation: 1,
            issued_at: now,
            expires_at: now + u64::try_from(life.as_millis()).unwrap(),
        }
    }

    /// A command that a delegate signed.
    pub fn delegated(
        &self,
        command: &Command,
        key: &SigningKey,
        certificate: &DelegateCertificate,
    ) -> String {
        let certificate = Signed::seal(certificate, &self.owner.owner);
        envelope(Signed::seal(command, key), Some(certificate))
    }
}

pub fn envelope(command: Signed, delegate: Option<Signed>) -> String {
    base64url(&CommandEnvelope { command, delegate }.encode())
}

pub fn path(device: &DeviceId, what: &str) -> String {
    format!("/v1/devices/{device}/{what}")
}
