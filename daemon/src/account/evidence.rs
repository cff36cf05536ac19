//! What devices say of themselves and of the commands they got: believed under the owner's certificate alone,
//! whatever the cloud that carries it says.

use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{CommandState, DeviceCertificate, Outcome, Signed, StateReport, Verb};
use belay_proto::wire::CommandLife;

/// The reason of a command whose time was over before the device had it.
pub const EXPIRED: &str = "expired";

/// Characters of the longest code that is taken over from a device.
const LONGEST_CODE: usize = 64;

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

/// What a device has told of itself, as far as it proves itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// How it stands; nothing where it never said, or nothing that was given out is its own.
    pub standing: Option<Standing>,
    /// The place of its state report; 0 = there is none.
    pub reported: u64,
    /// What was given out in its name and isn't what it should be; it was left out.
    pub doubt: Option<Untrue>,
}

/// How far a command is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// In one word; from `accepted` on the warden's.
    pub state: CommandState,
    /// What was asked for, by the warden; empty where it hasn't said.
    pub action: String,
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

impl Testimony {
    /// What is left to go by for `verb`. What harms nobody is asked for whatever the cloud hides: the device judges by
    /// its own state and refuses what doesn't fit. For the rest a cloud that lies is reason enough to stop.
    ///
    /// # Errors
    /// The doubt, for a verb that can't be delegated.
    pub fn good_for(self, verb: Verb) -> Result<Self, Untrue> {
        match self.doubt {
            Some(doubt) if !verb.may_be_delegated() => Err(doubt),
            _ => Ok(self),
        }
    }
}

impl Fate {
    /// Whether nothing comes after it. A command that ran out of time in the cloud's queue never reaches the device.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.state.is_final() || self.is_expired()
    }

    /// Whether it is news after `known`. States only go forward: the device's word is followed by a later one of its own
    /// alone, the cloud's by the device's or by one that goes further, so that no cloud can make it go on for ever.
    #[must_use]
    pub fn follows(&self, known: &Self) -> bool {
        if known.is_final() {
            return false;
        }
        match (known.sequence, self.sequence) {
            (0, 0) => {
                let (before, now) = (known.stage(), self.stage());
                // Both are the device's word, and their places aren't told, as on the bus.
                now > before || (now == before && now == Self::SIGNED && self != known)
            }
            (before, now) => now > before,
        }
    }

    const SIGNED: u8 = 3;

    fn stage(&self) -> u8 {
        match self.state {
            CommandState::Unknown => 0,
            CommandState::Queued => 1 + u8::from(self.is_expired()),
            CommandState::Delivered => 2,
            _ => Self::SIGNED,
        }
    }

    fn is_expired(&self) -> bool {
        self.state == CommandState::Queued && self.reason == EXPIRED
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
            lock: code(&report.lock),
            time: report.time,
            find: Some(report.find),
            signed: bytes.to_vec(),
        })
    }

    /// What a state report and the outcomes in `lives` prove; `seen` is the place of the newest report that is known.
    /// What proves nothing is left out: a device that can't be asked to ring because a cloud forges something is what a
    /// thief would like.
    #[must_use]
    pub fn testimony(&self, state: Option<&[u8]>, lives: &[CommandLife], seen: u64) -> Testimony {
        let mut doubt = None;
        let mut all = Vec::new();
        let report = state.and_then(|state| {
            self.standing(state)
                .inspect_err(|error| doubt = Some(*error))
                .ok()
        });
        let reported = report.as_ref().map_or(0, |report| report.sequence);
        all.extend(report);
        for outcome in lives.iter().flat_map(|life| &life.outcomes) {
            match self.standing(outcome) {
                Ok(standing) => all.push(standing),
                Err(_) => doubt = doubt.or(Some(Untrue::Outcome)),
            }
        }
        if reported < seen {
            doubt = doubt.or(Some(Untrue::OldReport));
        }
        // The time and whether it takes commands are told by reports alone.
        let (time, find) = all
            .iter()
            .filter(|standing| standing.find.is_some())
            .max_by_key(|standing| standing.sequence)
            .map_or((0, None), |standing| (standing.time, standing.find));
        let newest = all.into_iter().max_by_key(|standing| standing.sequence);
        Testimony {
            standing: newest.map(|newest| Standing { time, find, ..newest }),
            reported,
            doubt,
        }
    }

    /// How far `command` is: the newest outcome that the device signed, before the first what the cloud saw. `over` is
    /// whether the command's own time has passed: not before is the cloud believed that the device can't get it.
    ///
    /// # Errors
    /// [`Untrue::Outcome`].
    pub fn fate(&self, command: CommandId, life: &CommandLife, over: bool) -> Result<Fate, Untrue> {
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
        Ok(newest.map_or_else(|| heard_of_the_cloud(life, over), told))
    }

    fn standing_of(&self, outcome: Outcome, bytes: &[u8]) -> Option<Standing> {
        self.is(outcome.account, outcome.device, outcome.epoch)
            .then(|| Standing {
                sequence: outcome.sequence,
                presence: outcome.presence,
                counter: outcome.counter,
                episode: outcome.episode,
                lock: code(&outcome.lock),
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
        action: code(&outcome.action),
        reason: code(&outcome.reason),
        step: outcome.step,
        steps: outcome.steps,
        retry: outcome.retry,
        sequence: outcome.sequence,
        lock: code(&outcome.lock),
    }
}

/// A code as it may be shown: what the device signs is its own word, and its own word may be another program's by now.
fn code(text: &str) -> String {
    let fit = |letter: char| letter.is_ascii_graphic() || letter == ' ';
    text.chars()
        .take(LONGEST_CODE)
        .map(|letter| if fit(letter) { letter } else { '?' })
        .collect()
}

/// Without an outcome the cloud can say that it has the command, or that the device has fetched it, and no more.
fn heard_of_the_cloud(life: &CommandLife, over: bool) -> Fate {
    let state = match life.delivered_at {
        Some(_) => CommandState::Delivered,
        None => CommandState::Queued,
    };
    let expired = over && state == CommandState::Queued && life.reason == EXPIRED;
    Fate {
        state,
        reason: if expired {
            EXPIRED.to_owned()
        } else {
            String::new()
        },
        ..Fate::default()
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
