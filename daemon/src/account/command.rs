//! The commands that were sent from here.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{CommandState, Verb};
use serde::{Deserialize, Serialize};

use crate::account::evidence::{Fate, Witness};

/// How many are remembered, and shown.
pub const MOST_COMMANDS: usize = 20;

/// How many are kept at most, with older ones that say whether a device is given up.
const MOST_KEPT: usize = 64;

/// The reason that is shown of a command that the cloud doesn't know any more, while its device hasn't ended it.
pub const FORGOTTEN: &str = "forgotten";

/// A command to another device of the account, on its way or at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCommand {
    /// The command.
    pub id: CommandId,
    /// Whom it is for.
    pub device: DeviceId,
    /// The binding it is for.
    pub epoch: Epoch,
    /// Whose word about it counts.
    pub warden_key: PublicKey,
    /// Its verb.
    pub action: String,
    /// How far it is; `unknown` until the cloud has it.
    pub state: CommandState,
    /// Why, as a code, or empty.
    pub reason: String,
    /// The place of the outcome that said so; 0 = none yet.
    pub sequence: u64,
    /// The place of the device's state report that it was signed by; 0 = there was none.
    pub reported: u64,
    /// Up to which of the cloud's numbers the device's sealed reports are known.
    pub reports: u64,
    /// Whether the cloud forgot it, so that nothing more is heard.
    pub forgotten: bool,
    /// When it is void, ms since the Unix epoch; 0 = never.
    #[serde(default)]
    pub expires: u64,
}

/// The devices of which the owner has said from here that they are lost, or are to be wiped, and nothing else since, as far as is
/// known here: `commands` are what was sent, newest first. For what mustn't hang on the cloud's word alone, which can keep an answer to
/// itself; that the device judged the order bad is in its warden's own hand.
#[must_use]
pub fn given_up(commands: &[SentCommand]) -> Vec<DeviceId> {
    let (mut decided, mut given_up) = (BTreeSet::new(), Vec::new());
    for sent in commands {
        let Some(is_given_up) = sent.gives_up() else {
            continue;
        };
        if decided.insert(sent.device) && is_given_up {
            given_up.push(sent.device);
        }
    }
    given_up
}

/// Forgets the oldest of the commands, which are sorted by when they were sent, newest first; but not what says whether a device is
/// given up, however much was sent since.
pub fn forget_oldest(commands: &mut Vec<SentCommand>) {
    let (mut decided, mut newer) = (BTreeSet::new(), 0);
    commands.retain(|sent| {
        newer += 1;
        let may_find = sent.action == Verb::Unlock.as_str() && sent.is_open();
        let says = match sent.gives_up() {
            Some(_) => decided.insert(sent.device),
            None => may_find && !decided.contains(&sent.device),
        };
        newer <= MOST_COMMANDS || says
    });
    commands.truncate(MOST_KEPT);
}

impl SentCommand {
    /// Who signs for the device it went to.
    #[must_use]
    pub fn witness(&self, account: AccountId) -> Witness {
        Witness {
            account,
            device: self.device,
            epoch: self.epoch,
            warden_key: self.warden_key,
        }
    }

    /// Whether it says that its device is given up, or found again; nothing where it says neither.
    fn gives_up(&self) -> Option<bool> {
        match Verb::parse(&self.action).ok()? {
            Verb::Lock | Verb::Wipe if self.state != CommandState::Refused => Some(true),
            Verb::Unlock if matches!(self.state, CommandState::Accepted | CommandState::Done) => Some(false),
            _ => None,
        }
    }

    /// Whether something more is to be heard of it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.forgotten && !self.fate().is_final()
    }

    /// How much of its own time is left at `now`, ms since the Unix epoch; nothing for one that never ends.
    #[must_use]
    pub fn left(&self, now: u64) -> Option<Duration> {
        (self.expires != 0).then(|| Duration::from_millis(self.expires.saturating_sub(now)))
    }

    /// Why, as it is shown.
    #[must_use]
    pub fn shown_reason(&self) -> &str {
        if self.forgotten && !self.fate().is_final() {
            FORGOTTEN
        } else {
            &self.reason
        }
    }

    /// The command after `fate` was heard; nothing where it says nothing new, see [`Fate::follows`].
    #[must_use]
    pub fn after(&self, fate: &Fate) -> Option<Self> {
        let same = fate.state == self.state && fate.reason == self.reason;
        if same || !fate.follows(&self.fate()) {
            return None;
        }
        Some(Self {
            state: fate.state,
            reason: fate.reason.clone(),
            sequence: fate.sequence,
            ..self.clone()
        })
    }

    fn fate(&self) -> Fate {
        Fate {
            state: self.state,
            reason: self.reason.clone(),
            sequence: self.sequence,
            ..Fate::default()
        }
    }
}
