//! What the actor has done in the background, one message to warden or cloud each.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::dbus::{BindingState, Error as BusError};
use belay_proto::failpoint;
use belay_proto::id::{CommandId, PendingId};
use belay_proto::signed::{HoldEnd, Signed};
use belay_proto::steps;
use belay_proto::text::with_causes;
use belay_proto::wire::CommandLife;

use crate::account::command::SentCommand;
use crate::account::flow::read_release;
use crate::account::handle::Parts;
use crate::account::model::{Release, ReleaseKey};
use crate::account::ports::LookedUp;
use crate::account::state::{Event, Word};
use crate::cloud::{CloudError, ProblemKind};
use crate::warden::WardenError;

/// How an errand ended.
pub(super) enum Done {
    /// The cloud has the release, or will never take it.
    Delivered(ReleaseKey),
    /// The cloud couldn't be reached; the wait it asked for.
    NotDelivered(Option<Duration>),
    /// The wait after the offer of this number is over.
    PauseOver(u64),
    /// No release waits, or there is no cloud to bring it to.
    NothingToDeliver,
    /// The warden keeps this release.
    Recovered(Box<Release>),
    /// The warden has answered a step, and so each that it was asked for before.
    WardenIdle {
        /// Whether it says after that that the device is bound.
        is_bound: bool,
    },
    /// The wait before a warden that was late is asked again is over.
    AskAgain,
    /// Something was learnt.
    Learnt(Event),
    /// What the cloud says about a command.
    Heard(CommandId, Result<CommandLife, CloudError>),
    /// What the cloud says about the verification of a number.
    Looked(String, Result<LookedUp, CloudError>),
    /// Nothing to do about it.
    Nothing,
}

/// The first and the longest wait before the cloud is told again how a hold ended, or a warden that didn't answer is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The longest time that the cloud is asked to wait for news of a command.
const NEWS_WITHIN: Duration = Duration::from_secs(50);

/// Tells the warden that pending keys aren't needed.
pub(super) async fn discard(parts: Arc<Parts>, pending: PendingId) -> Done {
    let input = steps::PendingInput { pending }.encode();
    if let Err(error) = parts
        .warden
        .use_step(&pending.to_string(), steps::DISCARD, &input)
        .await
    {
        tracing::debug!(error = %with_causes(&error), "the warden will drop the pending keys by itself");
    }
    Done::Nothing
}

/// Tells the cloud that nobody waits for a verification.
pub(super) async fn abandon(parts: Arc<Parts>, id: String) -> Done {
    if let Err(error) = parts.cloud.cancel(&id).await {
        tracing::debug!(error = %with_causes(&error), "the verification will end by itself");
    }
    Done::Nothing
}

/// Offers the release that was offered least often.
pub(super) async fn deliver(parts: Arc<Parts>) -> Done {
    let release = match parts.rows.next_release().await {
        Ok(Some(release)) => release,
        Ok(None) => return Done::NothingToDeliver,
        Err(error) => {
            tracing::warn!(error = %with_causes(&error), "reading the releases");
            return Done::NotDelivered(None);
        }
    };
    match parts.cloud.deliver(&release.signed).await {
        Ok(()) => {
            failpoint!("belayd.release.delivered");
            tracing::info!("the release has reached the cloud");
            Done::Delivered(release.key)
        }
        Err(error) if is_void(&error) => {
            tracing::info!(error = %with_causes(&error), "the release is of no use to the cloud any more");
            Done::Delivered(release.key)
        }
        // Only another configuration changes that, and with it comes another start.
        Err(CloudError::NotConfigured | CloudError::Misconfigured(_)) => Done::NothingToDeliver,
        Err(error) => {
            tracing::info!(error = %with_causes(&error), "the release waits for the cloud");
            if let Err(error) = parts.rows.release_tried(release.key).await {
                tracing::warn!(error = %with_causes(&error), "counting a delivery");
            }
            Done::NotDelivered(error.retry_after())
        }
    }
}

/// After a pause, news of a command of which `seen` is known.
pub(super) async fn listen(parts: Arc<Parts>, sent: SentCommand, seen: Option<u64>, pause: Duration) -> Done {
    let until = parts.clock.boottime().saturating_add(pause);
    parts.clock.sleep_until(until).await;
    let life = parts.cloud.life(sent.device, sent.id, seen, NEWS_WITHIN).await;
    Done::Heard(sent.id, life)
}

/// After a pause, how a verification stands.
pub(super) async fn look(parts: Arc<Parts>, id: String, pause: Duration) -> Done {
    let until = parts.clock.boottime().saturating_add(pause);
    parts.clock.sleep_until(until).await;
    let answer = parts.cloud.look(&id).await;
    Done::Looked(id, answer)
}

/// The release of a sign-out whose answer was lost. The warden keeps it until the next binding, and longer than
/// the cloud needs it.
pub(super) async fn recover(parts: Arc<Parts>) -> Done {
    let Some(output) = answered(&parts, steps::SAVED_RELEASE, &steps::Done {}.encode()).await else {
        return Done::Nothing;
    };
    let saved = steps::SavedReleaseOutput::decode(&output)
        .ok()
        .and_then(|output| output.release);
    match saved.as_deref().map(read_release) {
        Some(Ok(release)) => Done::Recovered(Box::new(release)),
        _ => Done::Nothing,
    }
}

/// Waits until the warden has done what it was asked for before, by whomever.
pub(super) async fn ask_warden(parts: Arc<Parts>) -> Done {
    answered(&parts, steps::SAVED_RELEASE, &steps::Done {}.encode()).await;
    let view = parts.warden.refresh().await;
    let is_bound = view.is_ok_and(|view| view.binding == BindingState::Bound);
    Done::WardenIdle { is_bound }
}

/// Has the warden forget an order that never left, however long that takes it. Given up once another one has left.
pub(super) async fn withdraw(parts: Arc<Parts>) -> Done {
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let alone = parts.orders.lock().await;
        match parts.rows.load().await {
            Ok(saved)
                if saved
                    .session
                    .as_ref()
                    .is_some_and(|session| session.deletion_sent) =>
            {
                return Done::Nothing;
            }
            Ok(_) => {
                let input = steps::Done {}.encode();
                let Err(error) = parts.warden.use_step("", steps::STAY, &input).await else {
                    return Done::Nothing;
                };
                tracing::debug!(error = %with_causes(&error), "the warden doesn't say that the account stays");
                if !error.is_passing() {
                    return Done::Nothing;
                }
            }
            Err(error) => tracing::warn!(error = %with_causes(&error), "reading what orders left"),
        }
        drop(alone);
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        parts
            .clock
            .sleep_until(parts.clock.boottime().saturating_add(pause))
            .await;
    }
}

/// What the warden answers to a step that needs no ticket, however often it dies over it: nothing else asks for what waits there.
/// `None`: it refuses.
async fn answered(parts: &Parts, step: &str, input: &[u8]) -> Option<Vec<u8>> {
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let error = match parts.warden.use_step("", step, input).await {
            Ok(output) => return Some(output),
            Err(error) => error,
        };
        tracing::debug!(error = %with_causes(&error), step, "the warden doesn't tell");
        if !error.is_passing() {
            return None;
        }
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        parts
            .clock
            .sleep_until(parts.clock.boottime().saturating_add(pause))
            .await;
    }
}

/// Tells the cloud how the last hold ended, however long it can't be reached; the warden keeps that until the cloud knows.
pub(super) async fn tell_hold(parts: Arc<Parts>) -> Done {
    // What follows from it here is on disk.
    failpoint!("belayd.hold.ended");
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let (asked, rests) = match tell_held(&parts).await {
            Ok(()) | Err(Untold::Warden(WardenError::Refused(BusError::NotBound(_)))) => {
                failpoint!("belayd.hold.settled");
                return Done::Nothing;
            }
            Err(Untold::Warden(error)) => {
                tracing::debug!(error = %with_causes(&error), "the warden doesn't say how the hold ended");
                (None, false)
            }
            Err(Untold::Cloud(error)) => {
                tracing::debug!(error = %with_causes(&error), "the cloud isn't told yet how the hold ended");
                (error.retry_after(), error.is_unsent())
            }
        };
        let pause = match asked {
            // All calls are left unmade for so long, of which the cloud asked at any of them. Who came back at another moment would
            // meet the next such rest, where one of the others is refused whenever one ends.
            Some(rest) if rests => rest.saturating_add(jitter()),
            asked => pauses
                .next()
                .unwrap_or(LONGEST_PAUSE)
                .max(asked.unwrap_or_default()),
        };
        parts
            .clock
            .sleep_until(parts.clock.boottime().saturating_add(pause))
            .await;
    }
}

/// What keeps those apart that were told of the same moment.
fn jitter() -> Duration {
    let most = Duration::from_millis(250);
    Backoff::new(most, most).next().unwrap_or(most)
}

/// Why the cloud or the warden doesn't know yet that the cloud was told.
enum Untold {
    Warden(WardenError),
    Cloud(CloudError),
}

/// Tells the cloud how the last hold ended, if one has, and the warden that it was told.
async fn tell_held(parts: &Parts) -> Result<(), Untold> {
    let Some((hold, credentials)) = held(parts, None).await.map_err(Untold::Warden)? else {
        return Ok(());
    };
    match parts.cloud.end_hold(&hold).await {
        Ok(()) => {
            failpoint!("belayd.hold.told");
        }
        Err(CloudError::Problem(problem)) if is_void_hold(problem.kind) => {
            tracing::info!(
                name = problem.name,
                "the cloud keeps nothing that waits for this hold"
            );
        }
        Err(error) => return Err(Untold::Cloud(error)),
    }
    held(parts, Some(credentials)).await.map_err(Untold::Warden)?;
    Ok(())
}

/// How the last hold ended, signed, and the credentials that it is about. With `told` the warden forgets that one.
async fn held(parts: &Parts, told: Option<[u8; 32]>) -> Result<Option<(Vec<u8>, [u8; 32])>, WardenError> {
    let input = steps::HoldInput { told, end: None }.encode();
    let output = parts.warden.use_step("", steps::HOLD, &input).await?;
    // What isn't understood now won't be later.
    let read = || {
        let hold = steps::HoldOutput::decode(&output).ok()?.ended?;
        let end: HoldEnd = Signed::decode(&hold).ok()?.peek_unverified().ok()?;
        Some((hold, end.credentials))
    };
    Ok(read())
}

/// Whether the cloud said by name that nothing waits for it.
fn is_void_hold(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::NotFound | ProblemKind::OtherEpoch)
}

/// Whether the cloud said by name that it has no use for the release: its binding is over, or was never there.
/// Anything else, such as the page of a captive portal, says nothing.
fn is_void(error: &CloudError) -> bool {
    let CloudError::Problem(problem) = error else {
        return false;
    };
    matches!(
        problem.kind,
        ProblemKind::NotFound | ProblemKind::OtherEpoch | ProblemKind::BadRelease
    )
}

/// What the cloud tells about the account of `word`.
pub(super) async fn refresh(parts: Arc<Parts>, word: Word) -> Done {
    let Some(account) = word.account else {
        return Done::Nothing;
    };
    match parts.cloud.account().await {
        Ok(details) => Done::Learnt(Event::Refreshed {
            account,
            identifiers: details.identifiers,
            profile: details.profile,
        }),
        Err(CloudError::SessionEnded) => Done::Learnt(Event::SessionEnded { account }),
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "the account's details stay as they were");
            Done::Nothing
        }
    }
}
