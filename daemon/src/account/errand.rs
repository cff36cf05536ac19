//! What the actor has done in the background, one message to warden or cloud each.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::id::{CommandId, PendingId};
use belay_proto::steps;
use belay_proto::text::with_causes;
use belay_proto::wire::CommandLife;

use crate::account::command::SentCommand;
use crate::account::flow::read_release;
use crate::account::handle::Parts;
use crate::account::model::{Release, ReleaseKey};
use crate::account::state::{Event, Word};
use crate::cloud::{CloudError, ProblemKind};

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
    /// Something was learnt.
    Learnt(Event),
    /// What the cloud says about a command.
    Heard(CommandId, Result<CommandLife, CloudError>),
    /// Nothing to do about it.
    Nothing,
}

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

/// The release of a sign-out whose answer was lost. The warden keeps it until the next binding, and longer than
/// the cloud needs it.
pub(super) async fn recover(parts: Arc<Parts>) -> Done {
    let output = match parts
        .warden
        .use_step("", steps::SAVED_RELEASE, &steps::Done {}.encode())
        .await
    {
        Ok(output) => output,
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "the warden gives no release");
            return Done::Nothing;
        }
    };
    let saved = steps::SavedReleaseOutput::decode(&output)
        .ok()
        .and_then(|output| output.release);
    match saved.as_deref().map(read_release) {
        Some(Ok(release)) => Done::Recovered(Box::new(release)),
        _ => Done::Nothing,
    }
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
