//! What the actor has done outside: each piece ends with the event that tells of it.

mod outcomes;

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::Error;
use belay_proto::id::{CommandId, Epoch};
use belay_proto::signed::{Action, Command, CommandEnvelope, Disposition, Verb};
use belay_proto::steps;
use belay_proto::wire::QueuedCommand;

use super::Parts;
use super::deeds::{DeedFailed, Done, LocateRequest};
use super::ports::Reply;
use super::state::{Event, Judgement};
use super::trouble::{Trouble, TroubleKind};
use crate::store::find::{Letter, LetterKind};
use crate::store::{StoreError, find};
use crate::warden::WardenError;

/// A long poll that is answered sooner than this didn't wait.
const WAITED: Duration = Duration::from_secs(5);
pub(super) use outcomes::{read_outcomes, untold_wipe};

/// How long it may take until something rings or doesn't.
const SOUND_WITHIN: Duration = Duration::from_secs(30);
/// How long finding out where the device is may take.
const PLACE_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Why a piece of work wasn't done.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error("the warden refused or failed")]
    Warden(#[from] WardenError),
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the warden's answer isn't understood")]
    Answer(#[from] belay_proto::cbor::Malformed),
}

impl WorkError {
    /// Whether the warden has decided, so that asking again gives the same. A warden that is short of something, such
    /// as a disk that takes nothing for now, has decided nothing.
    fn is_refused(&self) -> bool {
        use Error::{InvalidArgument, NotBound, NotFound};
        matches!(
            self,
            Self::Warden(WardenError::Refused(
                NotFound(_) | NotBound(_) | InvalidArgument(_)
            ))
        )
    }

    fn log(&self, what: &str) {
        tracing::warn!(error = self as &dyn std::error::Error, "{what}");
    }
}

/// Fetches commands.
pub(super) async fn fetch(parts: Parts, after: u64, wait: Duration) -> Event {
    let asked_at = parts.clock.boottime();
    match parts.relay.commands(after, wait).await {
        Ok(answer) => {
            let waited = parts.clock.boottime().saturating_sub(asked_at);
            let in_vain = !wait.is_zero() && waited < WAITED;
            Event::Fetched {
                after,
                answer,
                in_vain,
            }
        }
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "fetching commands");
            Event::NotFetched(Trouble::from(&error))
        }
    }
}

/// Has the warden judge a command and notes that it has.
pub(super) async fn judge(parts: Parts, epoch: Epoch, command: QueuedCommand) -> Event {
    let sequence = command.sequence;
    let work = async {
        let judged = match parts.warden.command(&command.envelope).await {
            // More than the warden takes: no command is that long.
            Err(WardenError::Refused(Error::InvalidArgument(_))) => Disposition::Malformed.to_string(),
            judged => judged?,
        };
        keep_cursor(&parts, epoch, sequence).await?;
        Ok::<_, WorkError>(judged)
    };
    let judged = match work.await {
        Ok(judged) => judged,
        Err(error) => {
            error.log("a command waits for its judgement");
            return Event::NotJudged;
        }
    };
    let disposition = judged.parse::<Disposition>().ok();
    tracing::info!(sequence, judgement = %judged.escape_debug(), "a command was judged");
    Event::Judged(Judgement {
        sequence,
        disposition,
        command: (disposition == Some(Disposition::Accepted))
            .then(|| peek(&command.envelope))
            .flatten(),
    })
}

/// What a command that the warden accepted is.
fn peek(envelope: &[u8]) -> Option<(CommandId, String)> {
    let envelope = CommandEnvelope::decode(envelope).ok()?;
    let command: Command = envelope.command.peek_unverified().ok()?;
    Some((command.id, command.action.verb().as_str().to_owned()))
}

/// Notes up to where commands are judged.
pub(super) async fn keep(parts: Parts, epoch: Epoch, cursor: u64) -> Option<Event> {
    // Where it can't be noted the same is fetched again, and nothing is lost.
    if let Err(error) = keep_cursor(&parts, epoch, cursor).await {
        WorkError::from(error).log("noting the cloud's number");
    }
    None
}

async fn keep_cursor(parts: &Parts, epoch: Epoch, cursor: u64) -> Result<(), StoreError> {
    parts
        .store
        .call(move |connection| find::set_cursor(connection, epoch, cursor))
        .await
}

/// Reads what is to be done.
pub(super) async fn list_effects(parts: Parts) -> Event {
    let work = async {
        let output = parts
            .warden
            .use_step("", steps::EFFECTS, &steps::Done {}.encode())
            .await?;
        Ok::<_, WorkError>(steps::EffectsOutput::decode(&output)?)
    };
    match work.await {
        Ok(output) => Event::EffectsListed(output),
        Err(error) => {
            error.log("reading what is to be done");
            Event::EffectsNotListed
        }
    }
}

/// Begins an effect at the warden, then does it.
pub(super) async fn perform(parts: Parts, effect: steps::Effect) -> Event {
    let command = effect.command;
    let input = steps::BeginInput { command }.encode();
    if let Err(error) = parts.warden.use_step("", steps::BEGIN, &input).await {
        let error = WorkError::from(error);
        error.log("an effect was not begun");
        return Event::NotBegun {
            command,
            is_refused: error.is_refused(),
        };
    }
    let outcome = act(&parts, &effect).await;
    if let Err(failed) = &outcome {
        tracing::info!(action = effect.action, reason = %failed.reason, "an effect failed");
    }
    Event::Performed { command, outcome }
}

async fn act(parts: &Parts, effect: &steps::Effect) -> Result<(), DeedFailed> {
    let unsupported = || DeedFailed::new(DeedFailed::UNSUPPORTED);
    let now = parts.clock.boottime();
    let (deed, within) = match Action::of_effect(effect).map_err(|_| unsupported())? {
        Action::Ring { seconds } => (parts.deeds.ring(seconds), SOUND_WITHIN),
        Action::StopRing => (parts.deeds.stop_ring(), SOUND_WITHIN),
        Action::Locate => {
            let request = LocateRequest {
                command: effect.command,
                asked_at: now,
            };
            (parts.deeds.locate(request), PLACE_WITHIN)
        }
        Action::Lock { .. }
        | Action::Unlock
        | Action::Wipe { .. }
        | Action::Message { .. }
        | Action::SignOut
        | Action::Cancel { .. } => return Err(unsupported()),
    };
    let outcome = within_time(parts, now.saturating_add(within), deed).await;
    let is_late = matches!(&outcome, Err(failed) if failed.reason == DeedFailed::TIMEOUT);
    if is_late && effect.action == Verb::Ring.as_str() {
        // What the owner was told doesn't ring mustn't begin to later.
        let until = parts.clock.boottime().saturating_add(SOUND_WITHIN);
        drop(within_time(parts, until, parts.deeds.stop_ring()).await);
    }
    outcome
}

async fn within_time(parts: &Parts, until: Duration, deed: Done<'_>) -> Result<(), DeedFailed> {
    tokio::select! {
        outcome = deed => outcome,
        () = parts.clock.sleep_until(until) => Err(DeedFailed::new(DeedFailed::TIMEOUT)),
    }
}

/// Tells the warden how an effect ended.
pub(super) async fn end(parts: Parts, end: steps::EndInput) -> Event {
    let told = parts.warden.use_step("", steps::END, &end.encode()).await;
    match told.map_err(WorkError::from) {
        Ok(_) => Event::Ended(end.command),
        Err(error) => {
            error.log("the end of an effect");
            if error.is_refused() {
                Event::Ended(end.command)
            } else {
                Event::NotEnded
            }
        }
    }
}

/// Puts a state report that says `said` into the outbox.
pub(super) async fn report(parts: Parts, epoch: Epoch, said: String) -> Event {
    let at = unix_seconds(parts.clock.wall());
    let words = said.clone();
    let work = async {
        let output = parts
            .warden
            .use_step("", steps::STATE_REPORT, &steps::Done {}.encode())
            .await?;
        let report = steps::StateReportOutput::decode(&output)?.report;
        parts
            .store
            .transaction(move |transaction| find::put_state(transaction, epoch, &words, at, &report))
            .await?;
        Ok::<_, WorkError>(())
    };
    match work.await {
        Ok(()) => Event::Reported(said),
        Err(error) => {
            error.log("the state report");
            Event::NotReported
        }
    }
}

/// Sends the first letter of the outbox.
pub(super) async fn post(parts: Parts) -> Event {
    let relay = Arc::clone(&parts.relay);
    bring(parts, |letter| relay.post(letter)).await
}

/// Sends the first letter of the outbox, an outcome, after the binding has ended.
pub(super) async fn post_last(parts: Parts) -> Event {
    let relay = Arc::clone(&parts.relay);
    bring(parts, |letter| relay.post_last(letter)).await
}

async fn bring(parts: Parts, by: impl FnOnce(Letter) -> Reply<()>) -> Event {
    let later = Trouble::HERE;
    let letter = match parts.store.call(|connection| find::next(connection)).await {
        Ok(Some(letter)) => letter,
        Ok(None) => return Event::NothingToPost,
        Err(error) => {
            WorkError::from(error).log("reading the outbox");
            return Event::NotPosted(later);
        }
    };
    let (number, id) = (letter.number, letter.id);
    let mut outcome = match letter.kind {
        LetterKind::Outcome => outcomes::peek(&letter.body).map(|outcome| outcome.sequence).ok(),
        LetterKind::State | LetterKind::Report => None,
    };
    if let Err(error) = by(letter).await {
        let trouble = Trouble::from(&error);
        let error = &error as &dyn std::error::Error;
        if trouble.kind != TroubleKind::Judged {
            tracing::debug!(error, "a letter waits for the cloud");
            return Event::NotPosted(trouble);
        }
        tracing::warn!(error, "a letter is given up: the cloud won't take it");
        outcome = None;
    }
    let delivered = move |connection: &mut rusqlite::Connection| find::delivered(connection, number, &id);
    match parts.store.call(delivered).await {
        Ok(()) => Event::Posted { outcome },
        Err(error) => {
            WorkError::from(error).log("the outbox");
            Event::NotPosted(later)
        }
    }
}

/// Tells the warden that the cloud was heard from.
pub(super) async fn beat(parts: Parts) -> Option<Event> {
    if let Err(error) = parts.warden.beat().await {
        WorkError::from(error).log("telling the warden of the cloud");
    }
    None
}
