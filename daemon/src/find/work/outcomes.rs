//! The warden's outcomes, on their way to the outbox.

use belay_proto::cbor::Malformed;
use belay_proto::id::Epoch;
use belay_proto::signed::{CommandState, Outcome, Signed, Verb};
use belay_proto::steps;

use super::WorkError;
use crate::find::Parts;
use crate::find::state::{Event, Told, WipeNews};
use crate::store::find::EndingRow;
use crate::store::{Store, StoreError, find};

/// The step of a wipe's news that waits to be told: what comes after is told by a wipe that has begun.
const BEFORE_IT_BEGINS: u64 = 1;

/// What an outcome says.
pub(super) fn peek(bytes: &[u8]) -> Result<Outcome, Malformed> {
    Signed::decode(bytes)?.peek_unverified()
}

/// Reads the warden's outcomes and puts those after number `after` into the outbox. Up to `acknowledge` the warden
/// learns that they are told.
pub(in crate::find) async fn read_outcomes(
    parts: Parts,
    epoch: Epoch,
    after: u64,
    acknowledge: u64,
) -> Event {
    let work = async {
        let input = steps::OutcomesInput { after: acknowledge }.encode();
        let output = parts.warden.use_step("", steps::OUTCOMES, &input).await?;
        let (mut sequence, mut told, mut letters, mut wipe) = (0, Vec::new(), Vec::new(), None);
        for bytes in steps::OutcomesOutput::decode(&output)?.outcomes {
            let outcome = peek(&bytes)?;
            // Stored before, and not told yet.
            if outcome.sequence <= after {
                continue;
            }
            sequence = sequence.max(outcome.sequence);
            wipe = waits(wipe, &outcome);
            letters.push((outcome.command, bytes));
            told.push(Told {
                command: outcome.command,
                action: outcome.action,
                state: outcome.state,
                reason: outcome.reason,
            });
        }
        if !letters.is_empty() {
            let ended = told.iter().filter(|told| told.state.is_final()).map(ending);
            let ended = ended.collect();
            parts
                .store
                .transaction(move |transaction| {
                    match find::keep_outcomes(transaction, epoch, sequence, &letters)? {
                        true => find::keep_endings(transaction, ended),
                        false => Ok(()),
                    }
                })
                .await?;
        }
        Ok::<_, WorkError>((sequence, told, wipe))
    };
    match work.await {
        Ok((sequence, told, wipe)) => Event::OutcomesKept { sequence, told, wipe },
        Err(error) => {
            error.log("reading outcomes");
            Event::OutcomesNotKept
        }
    }
}

/// The outcome in the outbox that says that a wipe is about to begin: one that was kept by a belayd
/// before this one, and that the cloud hasn't got.
pub(in crate::find) async fn untold_wipe(store: &Store) -> Result<Option<WipeNews>, StoreError> {
    let kept = store.call(|connection| find::outcomes(connection)).await?;
    let outcomes = kept.iter().filter_map(|bytes| peek(bytes).ok());
    Ok(outcomes.fold(None, |wipe, outcome| waits(wipe, &outcome)))
}

fn ending(told: &Told) -> EndingRow {
    EndingRow {
        command: *told.command.as_bytes(),
        action: told.action.clone(),
        state: told.state.as_str().to_owned(),
        reason: told.reason.clone(),
    }
}

/// Which outcome a wipe waits for, after this one.
fn waits(before: Option<WipeNews>, outcome: &Outcome) -> Option<WipeNews> {
    let is_wipe = outcome.action == Verb::Wipe.as_str();
    match outcome.state {
        state if state.is_final() => before.filter(|wipe| wipe.command != outcome.command),
        CommandState::Running if is_wipe && outcome.step == BEFORE_IT_BEGINS => Some(WipeNews {
            command: outcome.command,
            sequence: outcome.sequence,
        }),
        _ => before,
    }
}
