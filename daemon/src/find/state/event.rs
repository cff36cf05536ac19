//! What happens, and what follows.

use std::time::Duration;

use belay_proto::id::CommandId;
use belay_proto::signed::{CommandState, Disposition};
use belay_proto::steps::{self, EffectsOutput, EndInput};
use belay_proto::wire::{QueueAnswer, QueuedCommand};

use crate::find::conditions::Conditions;
use crate::find::deeds::DeedFailed;
use crate::find::link::Order;
use crate::find::ports::Sign;
use crate::find::trouble::Trouble;
use crate::store::find::HeartbeatRow;

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// The stream that was ordered is open.
    Opened,
    /// A sign came on it.
    Sign(Sign),
    /// It couldn't be opened, or has ended; without trouble the cloud ended it.
    StreamEnded(Option<Trouble>),
    /// The surroundings have changed.
    Surrounded {
        /// To these.
        conditions: Conditions,
        /// What is remembered of the network.
        heartbeat: Option<HeartbeatRow>,
    },
    /// Commands were fetched.
    Fetched {
        /// The number that was asked after.
        after: u64,
        /// The cloud's answer.
        answer: QueueAnswer,
        /// The cloud was to wait for one and answered at once.
        in_vain: bool,
    },
    /// They couldn't be.
    NotFetched(Trouble),
    /// The warden has judged a command, and that is noted.
    Judged(Judgement),
    /// It hasn't, or it isn't.
    NotJudged,
    /// The warden gave a sign of life: there may be outcomes and effects.
    WardenSpoke {
        /// What a state report would say.
        said: String,
    },
    /// What the warden had of outcomes is in the outbox.
    OutcomesKept {
        /// The last one's number; 0 when there was none.
        sequence: u64,
        /// What they say, in order.
        told: Vec<Told>,
        /// The number of the one among them that says that a wipe is about to begin.
        wipe: Option<WipeNews>,
    },
    /// They couldn't be read or kept.
    OutcomesNotKept,
    /// What the warden has to be done.
    EffectsListed(EffectsOutput),
    /// The list couldn't be had.
    EffectsNotListed,
    /// An effect was not begun.
    NotBegun {
        /// Its command.
        command: CommandId,
        /// The warden refused; else it didn't answer.
        is_refused: bool,
    },
    /// An effect was done, or not.
    Performed {
        /// Its command.
        command: CommandId,
        /// How it ended.
        outcome: Result<(), DeedFailed>,
    },
    /// The warden knows the end of this effect, or wants to know nothing of it.
    Ended(CommandId),
    /// The warden couldn't be told of an end.
    NotEnded,
    /// A state report that says this is in the outbox.
    Reported(String),
    /// It couldn't be had or kept.
    NotReported,
    /// Somebody has put something into the outbox.
    Put,
    /// A letter has arrived, or was given up.
    Posted {
        /// The number of the outcome that arrived with it.
        outcome: Option<u64>,
    },
    /// The outbox is empty.
    NothingToPost,
    /// A letter didn't arrive.
    NotPosted(Trouble),
    /// Time has passed.
    Woken,
}

/// The warden's judgement of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The cloud's number of the command.
    pub sequence: u64,
    /// The judgement; nothing for one that this version doesn't know.
    pub disposition: Option<Disposition>,
    /// The command and what it asks for, where the warden accepted it.
    pub command: Option<(CommandId, String)>,
}

/// The outcome that says that a wipe is about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WipeNews {
    /// The wipe.
    pub command: CommandId,
    /// The outcome's number.
    pub sequence: u64,
}

/// What an outcome says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The command.
    pub command: CommandId,
    /// What it asked for.
    pub action: String,
    /// How far it is.
    pub state: CommandState,
    /// Why.
    pub reason: String,
}

impl Told {
    /// How the command ended: `done`, `failed`, or why it was refused.
    #[must_use]
    pub fn ending(&self) -> &str {
        match self.state {
            CommandState::Refused => &self.reason,
            state => state.as_str(),
        }
    }
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// About the way to the cloud; never a fetch.
    Link(Order),
    /// Fetch commands, in the place of a fetch that is under way.
    Fetch {
        /// The number after which they come.
        after: u64,
        /// How long the cloud may wait for one.
        wait: Duration,
    },
    /// Have the warden judge a command, then note that it has.
    Judge(QueuedCommand),
    /// Note that all up to this number is judged.
    KeepCursor(u64),
    /// Read the warden's outcomes with a number above, and put them into the outbox.
    ReadOutcomes {
        /// Up to here they are stored.
        after: u64,
        /// Up to here the warden may forget them, and begin what waits for its news to be told.
        acknowledge: u64,
    },
    /// Read what is to be done.
    ListEffects,
    /// Begin this at the warden and do it.
    Perform(steps::Effect),
    /// Tell the warden how it ended.
    End(EndInput),
    /// Put a state report that says this into the outbox.
    Report(String),
    /// Send the outbox's first letter.
    Post,
    /// Tell the warden that the cloud was heard from.
    Beat,
    /// Tell others of belayd that the cloud can be reached again.
    Reached,
    /// Tell the bus.
    Announce(Announcement),
}

/// What the bus is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// A command was accepted.
    Received {
        /// The command.
        command: CommandId,
        /// What it asks for.
        action: String,
    },
    /// A command has ended.
    Finished(Told),
    /// A command was refused for a reason that the owner should know of.
    Refused(Disposition),
}

/// Refusals that the owner should know of: somebody tries something, or a good command came to nothing.
pub(super) fn is_suspicious(disposition: Disposition) -> bool {
    match disposition {
        Disposition::BadSignature
        | Disposition::WrongDevice
        | Disposition::WrongEpoch
        | Disposition::Replayed
        | Disposition::Malformed
        | Disposition::Superseded
        | Disposition::Stale
        | Disposition::NoSuchDelegate
        | Disposition::Expired => true,
        Disposition::Accepted | Disposition::Cancelled | Disposition::Unsupported | Disposition::Already => {
            false
        }
    }
}
