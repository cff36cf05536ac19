//! What is told of a command: what the cloud saw, and its reading of what the warden signed.

use belay_proto::signed::{CommandState, Outcome, Signed, Verb};
use belay_proto::{CommandId, DeviceId, wire};

use super::check::is_over;
use crate::clock::{Millis, SECOND};

/// The reason of a command whose time passed before the device fetched it.
const EXPIRED: &str = "expired";

/// What the cloud itself saw of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it came.
    pub queued_at: Millis,
    /// When it is no longer given to the device; 0 = never.
    pub expires_at: Millis,
    /// When the device first fetched it.
    pub delivered_at: Option<Millis>,
    /// Counts its changes.
    pub revision: u64,
}

/// A command's life; `None` when an outcome can't be read.
#[must_use]
pub fn tell(
    id: CommandId,
    device: DeviceId,
    action: Option<Verb>,
    seen: &Seen,
    outcomes: Vec<Vec<u8>>,
    now: Millis,
) -> Option<wire::CommandLife> {
    let newest = match outcomes.last() {
        Some(bytes) => Some(Signed::decode(bytes).ok()?.peek_unverified::<Outcome>().ok()?),
        None => None,
    };
    let life = wire::CommandLife {
        id,
        device,
        action: action.map_or("", |verb| verb.as_str()).to_owned(),
        queued_at: seen.queued_at / SECOND,
        delivered_at: seen.delivered_at.map(|at| at / SECOND),
        state: String::new(),
        reason: String::new(),
        step: 0,
        steps: 0,
        retry_ms: 0,
        revision: seen.revision,
        outcomes: outcomes.into_iter().map(Into::into).collect(),
    };
    Some(match newest {
        Some(outcome) => wire::CommandLife {
            action: if life.action.is_empty() {
                outcome.action
            } else {
                life.action
            },
            state: outcome.state.as_str().to_owned(),
            reason: outcome.reason,
            step: outcome.step,
            steps: outcome.steps,
            retry_ms: outcome.retry,
            ..life
        },
        None if seen.delivered_at.is_some() => wire::CommandLife {
            state: CommandState::Delivered.as_str().to_owned(),
            ..life
        },
        None => wire::CommandLife {
            state: CommandState::Queued.as_str().to_owned(),
            reason: if is_over(seen.expires_at, now) {
                EXPIRED
            } else {
                ""
            }
            .to_owned(),
            ..life
        },
    })
}
