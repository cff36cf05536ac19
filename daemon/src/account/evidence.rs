//! What devices say of themselves and of the commands they got: believed under the owner's certificate alone,
//! whatever the cloud that carries it says.

use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{CommandState, DeviceCertificate, Outcome, Signed, StateReport};
use belay_proto::wire::CommandLife;

/// Who signs for a device, by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// Its binding.
    pub epoch: Epoch,
    /// Its warden's key.
    pub warden_key: PublicKey,
}

/// How a device stood when its warden signed this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its place among all that the warden signed of the binding.
    pub sequence: u64,
    /// How often the password was proved at the device.
    pub presence: u64,
    /// The highest counter of an accepted command.
    pub counter: u64,
    /// The lost episode.
    pub episode: u64,
    /// `unlocked`, `lost`, `wiping`, `wiped` or `tampered`.
    pub lock: String,
    /// The warden's own time, ms since the Unix epoch; 0 where it isn't told.
    pub time: u64,
    /// Whether the device takes commands, where that is told.
    pub find: Option<bool>,
    /// The bytes it was read from.
    pub signed: Vec<u8>,
}

/// How far a command is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// In one word; from `accepted` on the warden's.
    pub state: CommandState,
    /// Why, as a code; empty where there is nothing to say.
    pub reason: String,
    /// The step that runs; 0 = it has none.
    pub step: u64,
    /// How many steps there are.
    pub steps: u64,
    /// Until it is tried again, ms; 0 = not said.
    pub retry: u64,
    /// The place of the outcome that says so; 0 = the cloud says so.
    pub sequence: u64,
    /// How the device stood with that outcome.
    pub lock: String,
}

/// Something that isn't what the cloud gives it out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrue {
    /// The owner hasn't signed it, or it is another device's or account's.
    #[error("the device's certificate isn't the owner's")]
    Certificate,
    /// The certified device hasn't signed it.
    #[error("the report isn't the device's")]
    Report,
    /// The certified device hasn't signed it, or it is about another command.
    #[error("the outcome isn't the device's")]
    Outcome,
    /// The device has told a later one.
    #[error("the report is older than one that was seen before")]
    OldReport,
}

impl Untrue {
    /// The error's name, for scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "ForeignCertificate",
            Self::Report => "ForgedReport",
            Self::Outcome => "ForgedOutcome",
            Self::OldReport => "OldReport",
        }
    }
}

impl Fate {
    /// Whether nothing comes after it. A command that ran out of time in the cloud's queue never reaches the device.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.state.is_final() || (self.state == CommandState::Queued && self.reason == "expired")
    }
}

/// A device's certificate, when `owner` has signed it for `account`.
///
/// # Errors
/// [`Untrue::Certificate`].
pub fn certificate(
    signed: &[u8],
    owner: &PublicKey,
    account: &AccountId,
) -> Result<DeviceCertificate, Untrue> {
    Signed::decode(signed)
        .ok()
        .and_then(|signed| signed.open::<DeviceCertificate>(owner).ok())
        .filter(|certificate| certificate.names_itself() && certificate.account == *account)
        .ok_or(Untrue::Certificate)
}

impl From<&DeviceCertificate> for Witness {
    fn from(certificate: &DeviceCertificate) -> Self {
        Self {
            account: certificate.account,
            device: certificate.device,
            epoch: certificate.epoch,
            warden_key: certificate.warden_key,
        }
    }
}

impl Witness {
    /// What a state report or an outcome of this device says about it.
    ///
    /// # Errors
    /// [`Untrue::Report`].
    pub fn standing(&self, bytes: &[u8]) -> Result<Standing, Untrue> {
        let signed = Signed::decode(bytes).map_err(|_| Untrue::Report)?;
        if let Ok(outcome) = signed.open::<Outcome>(&self.warden_key) {
            return self.standing_of(outcome, bytes).ok_or(Untrue::Report);
        }
        let report = signed
            .open::<StateReport>(&self.warden_key)
            .map_err(|_| Untrue::Report)?;
        if !self.is(report.account, report.device, report.epoch) {
            return Err(Untrue::Report);
        }
        Ok(Standing {
            sequence: report.sequence,
            presence: report.presence,
            counter: report.counter,
            episode: report.episode,
            lock: report.lock,
            time: report.time,
            find: Some(report.find),
            signed: bytes.to_vec(),
        })
    }

    /// The newest of a state report and of the outcomes in `lives`; nothing where the device hasn't told anything.
    ///
    /// # Errors
    /// [`Untrue`] where one of them is another's: a cloud that forges one can be believed in none.
    pub fn newest(&self, state: Option<&[u8]>, lives: &[CommandLife]) -> Result<Option<Standing>, Untrue> {
        let mut all = Vec::new();
        if let Some(state) = state {
            all.push(self.standing(state)?);
        }
        for outcome in lives.iter().flat_map(|life| &life.outcomes) {
            all.push(self.standing(outcome).map_err(|_| Untrue::Outcome)?);
        }
        // The time and whether it takes commands are told by reports alone.
        let (time, find) = all
            .iter()
            .filter(|standing| standing.find.is_some())
            .max_by_key(|standing| standing.sequence)
            .map_or((0, None), |standing| (standing.time, standing.find));
        let newest = all.into_iter().max_by_key(|standing| standing.sequence);
        Ok(newest.map(|newest| Standing { time, find, ..newest }))
    }

    /// How far `command` is: the newest outcome that the device signed, before the first what the cloud saw.
    ///
    /// # Errors
    /// [`Untrue::Outcome`].
    pub fn fate(&self, command: CommandId, life: &CommandLife) -> Result<Fate, Untrue> {
        if life.id != command || life.device != self.device {
            return Err(Untrue::Outcome);
        }
        let mut newest: Option<Outcome> = None;
        for bytes in &life.outcomes {
            let outcome = Signed::decode(bytes)
                .ok()
                .and_then(|signed| signed.open::<Outcome>(&self.warden_key).ok())
                .filter(|outcome| {
                    outcome.command == command && self.is(outcome.account, outcome.device, outcome.epoch)
                })
                .ok_or(Untrue::Outcome)?;
            if newest
                .as_ref()
                .is_none_or(|newest| newest.sequence < outcome.sequence)
            {
                newest = Some(outcome);
            }
        }
        Ok(newest.map_or_else(|| heard_of_the_cloud(life), told))
    }

    fn standing_of(&self, outcome: Outcome, bytes: &[u8]) -> Option<Standing> {
        self.is(outcome.account, outcome.device, outcome.epoch)
            .then(|| Standing {
                sequence: outcome.sequence,
                presence: outcome.presence,
                counter: outcome.counter,
                episode: outcome.episode,
                lock: outcome.lock,
                time: 0,
                find: None,
                signed: bytes.to_vec(),
            })
    }

    fn is(&self, account: AccountId, device: DeviceId, epoch: Epoch) -> bool {
        account == self.account && device == self.device && epoch == self.epoch
    }
}

fn told(outcome: Outcome) -> Fate {
    Fate {
        state: outcome.state,
        reason: outcome.reason,
        step: outcome.step,
        steps: outcome.steps,
        retry: outcome.retry,
        sequence: outcome.sequence,
        lock: outcome.lock,
    }
}

/// Without an outcome the cloud can say that it has the command, or that the device has fetched it, and no more.
fn heard_of_the_cloud(life: &CommandLife) -> Fate {
    let state = match life.delivered_at {
        Some(_) => CommandState::Delivered,
        None => CommandState::Queued,
    };
    let expired = state == CommandState::Queued && life.reason == "expired";
    Fate {
        state,
        reason: if expired {
            "expired".to_owned()
        } else {
            String::new()
        },
        ..Fate::default()
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
