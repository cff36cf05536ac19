//! Keeps up with what the owner does on other devices: whoever is told that something changed has it looked at, whatever it was.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::dbus::BindingState;
use belay_proto::id::AccountId;
use belay_proto::keys::sha256;
use belay_proto::text::with_causes;
use futures_util::future::{BoxFuture, pending};
use tokio::sync::{oneshot, watch};

use super::keep_up::keep_up;
use crate::account::flow::Flow;
use crate::account::handle::{AccountHandle, Parts, Reporter};
use crate::account::model::Departure;
use crate::account::state::Event;
use crate::actor::{Actor, Inbox};
use crate::cloud::{CloudError, Vault};
use crate::sync::NewerKeys;

/// The first and the longest wait before what was missed is asked for again.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Somebody needs what the owner changed elsewhere now; dropped once it was looked at, whatever came of it.
pub type Wanted = oneshot::Sender<()>;

/// The actor, to be started by the supervisor.
pub struct Keeper {
    parts: Arc<Parts>,
    reporter: Reporter,
}

impl Keeper {
    pub(super) const fn new(parts: Arc<Parts>, reporter: Reporter) -> Self {
        Self { parts, reporter }
    }
}

impl Actor for Keeper {
    type Message = Wanted;

    async fn run(&mut self, inbox: &mut Inbox<Wanted>) {
        let (mut hinted, mut reached) = (self.parts.hinted.clone(), self.parts.reached.clone());
        let mut warden = self.parts.warden.watch();
        warden.mark_changed();
        let (mut account, mut was_lost) = (None, false);
        // One look at a time; what is told meanwhile is looked at after it.
        let (mut look, mut again): (Option<BoxFuture<'static, Seen>>, bool) = (None, false);
        // What was missed is looked for again then, by the boot clock: a hint comes only once.
        let (mut due, mut pauses) = (None, Backoff::new(FIRST_PAUSE, LONGEST_PAUSE));
        let mut wanted: Vec<Wanted> = Vec::new();
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(who) => {
                        // Whoever has given up needs no place.
                        wanted.retain(|who| !who.is_closed());
                        wanted.push(who);
                        again = true;
                    }
                    None => return,
                },
                Ok(()) = hinted.changed() => again = true,
                Ok(()) = reached.changed() => again = true,
                Ok(()) = warden.changed() => {
                    let (bound, is_lost) = (bound(&warden), warden.borrow().is_lost());
                    // While it is lost it leaves with no account; now it may.
                    let is_back = was_lost && !is_lost;
                    again |= bound.is_some() && (bound != account || is_back);
                    (account, was_lost) = (bound, is_lost);
                }
                seen = async {
                    match &mut look {
                        Some(look) => look.await,
                        None => pending().await,
                    }
                } => {
                    look = None;
                    match seen {
                        Seen::All => pauses.reset(),
                        Seen::NotAll => due = Some(after(&self.parts, &mut pauses)),
                    }
                }
                () = self.parts.stale.notified() => {
                    due = due.or_else(|| Some(after(&self.parts, &mut pauses)));
                }
                () = async {
                    match due {
                        Some(due) => self.parts.clock.sleep_until(due).await,
                        None => pending().await,
                    }
                } => (due, again) = (None, true),
            }
            if again && look.is_none() {
                (again, due) = (false, None);
                let wanted = std::mem::take(&mut wanted);
                look = account.map(|account| {
                    let (parts, reporter) = (Arc::clone(&self.parts), self.reporter.clone());
                    let looking: BoxFuture<'static, Seen> =
                        Box::pin(look_at(parts, reporter, account, wanted));
                    looking
                });
            }
        }
    }
}

impl NewerKeys for AccountHandle {
    fn fetch(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let (who, looked_at) = oneshot::channel();
            if self.keeper.send(who).await.is_ok() {
                // Dropped, not sent.
                let _over = looked_at.await;
            }
        })
    }
}

/// When to look again, by the boot clock.
fn after(parts: &Parts, pauses: &mut Backoff) -> Duration {
    parts.clock.boottime() + pauses.next().unwrap_or(LONGEST_PAUSE)
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The cloud has answered.
    All,
    /// An answer was lost, or none that can be used; or the warden couldn't do what follows from it.
    NotAll,
}

impl Seen {
    /// What follows from an error: a refusal of the cloud's is an answer, and without a network whoever waits for it comes back by
    /// himself. Nobody does where the cloud has asked to be left alone for a while and nothing is sent for that.
    fn after(error: &CloudError) -> Self {
        let is_kept_back = error.is_unsent() && error.retry_after().is_some();
        match (error.is_decided() || error.is_unsent()) && !is_kept_back {
            true => Self::All,
            false => Self::NotAll,
        }
    }

    fn and(self, other: Self) -> Self {
        match self {
            Self::All => other,
            Self::NotAll => Self::NotAll,
        }
    }
}

fn bound(warden: &watch::Receiver<crate::warden::WardenView>) -> Option<AccountId> {
    let view = warden.borrow();
    view.identity
        .account
        .filter(|_| view.binding == BindingState::Bound)
}

/// Brings what the cloud keeps to the warden, and shows what it tells.
async fn look_at(parts: Arc<Parts>, reporter: Reporter, account: AccountId, wanted: Vec<Wanted>) -> Seen {
    let told = keep_up(&parts.cloud, &parts.warden).await;
    // The keys are at the warden, or won't come now.
    drop(wanted);
    let told = match told {
        Ok(told) if told.judged => told,
        Ok(_) => return Seen::NotAll,
        Err(error) => return Seen::after(&error),
    };
    let mut seen = Seen::All;
    if told.departure == Some(Departure::AccountDeleted) && has_sent_deletion(&parts).await {
        // Ordered here, the deletion takes the device along; ordered elsewhere, that takes a sign-out.
        let (_here, caller) = watch::channel(());
        let left = Flow::new(Arc::clone(&parts), reporter.clone(), caller)
            .leave()
            .await;
        match left {
            Ok(()) => return Seen::All,
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "the device stays bound");
                if error.is_passing() {
                    seen = Seen::NotAll;
                }
            }
        }
    }
    let mut events = vec![Event::KeptUp {
        account,
        departure: told.departure,
        recovery_code: told.recovery_code,
    }];
    match parts.cloud.unlock_request().await {
        Ok(answer) => events.push(Event::Unlock {
            account,
            unlock: answer.state.parse().unwrap_or_default(),
        }),
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "no word of the bootloader");
            seen = seen.and(Seen::after(&error));
        }
    }
    let (mut ended, before) = (false, session_of(&parts).await);
    match parts.cloud.account().await {
        Ok(details) => events.push(Event::Refreshed {
            account,
            identifiers: details.identifiers,
            profile: details.profile,
        }),
        Err(CloudError::SessionEnded) => ended = true,
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "the account's details stay as they were");
            seen = seen.and(Seen::after(&error));
        }
    }
    for event in events {
        if let Err(error) = reporter.report(event).await {
            tracing::warn!(error = %with_causes(&error), "what the cloud told of the account was not kept");
        }
    }
    // Last, and of the session that was asked in: another may have begun since.
    if ended
        && session_of(&parts).await == before
        && let Err(error) = reporter.report(Event::SessionEnded { account }).await
    {
        tracing::warn!(error = %with_causes(&error), "the session's end was not kept");
    }
    seen
}

/// Whether an order to delete the account may have left this device.
async fn has_sent_deletion(parts: &Parts) -> bool {
    let session = parts.rows.load().await.ok().and_then(|saved| saved.session);
    session.is_some_and(|session| session.deletion_sent)
}

/// What tells one session from another: the digest of its refresh token.
async fn session_of(parts: &Parts) -> Option<[u8; 32]> {
    let tokens = parts.rows.tokens().await.ok().flatten()?;
    Some(sha256(tokens.refresh.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Problem;

    #[test]
    fn what_refuses_in_the_clouds_place_has_not_answered() {
        let refused = |body: &str| CloudError::Problem(Problem::read(403, body.as_bytes(), None));
        let named = r#"{"type":"urn:belay:problem:not-bound"}"#;
        assert_eq!(Seen::after(&refused(named)), Seen::All);
        for page in ["", "<html>", r#"{"type":"about:blank"}"#] {
            assert_eq!(Seen::after(&refused(page)), Seen::NotAll, "{page}");
        }
    }

    #[test]
    fn what_isn_t_asked_as_the_cloud_wants_to_be_left_alone_is_asked_later() {
        let unsent = |retry_after| CloudError::Offline {
            what: "nothing is sent".into(),
            retry_after,
            unsent: true,
            source: None,
        };
        assert_eq!(Seen::after(&unsent(None)), Seen::All);
        assert_eq!(Seen::after(&unsent(Some(FIRST_PAUSE))), Seen::NotAll);
        assert_eq!(Seen::after(&CloudError::offline("lost")), Seen::NotAll);
    }
}
