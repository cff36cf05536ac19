//! The commands that were sent from here.

use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch};
use belay_proto::keys::PublicKey;
use belay_proto::signed::CommandState;
use serde::{Deserialize, Serialize};

use crate::account::evidence::{Fate, Witness};

/// How many are remembered.
pub const MOST_COMMANDS: usize = 20;

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

    /// Whether something more is to be heard of it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.forgotten && !self.fate().is_final()
    }

    /// The command after `fate` was heard; nothing where it says nothing new. What the device has signed is never
    /// taken back by an older word of it, nor by the cloud's.
    #[must_use]
    pub fn after(&self, fate: &Fate) -> Option<Self> {
        let known = self.state.is_final() || (self.sequence > 0 && fate.sequence <= self.sequence);
        if known || (fate.state == self.state && fate.reason == self.reason) {
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
            ..Fate::default()
        }
    }
}
