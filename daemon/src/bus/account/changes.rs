//! Tells the bus what has changed of the account.

use belay_proto::clock::Clock;
use belay_proto::dbus::names::ACCOUNT_PATH;
use zbus::Connection;
use zbus::object_server::{Interface, SignalEmitter};

use super::super::Error;
use super::super::changes::{Values, announce};
use super::{Account, details};
use crate::account::{AccountHandle, View};
use crate::actor::{Actor, Inbox, Never};

/// The actor that emits `PropertiesChanged` of `org.belay1.Account`. Nobody sends it anything; it follows the
/// view.
pub struct AccountAnnouncer {
    connection: Connection,
    account: AccountHandle,
    shown: View,
}

impl AccountAnnouncer {
    /// Follows `account`; what it shows now counts as known.
    pub fn new(connection: Connection, account: AccountHandle) -> Self {
        let shown = account.view();
        Self {
            connection,
            account,
            shown,
        }
    }

    async fn announce(&mut self, view: View) -> Result<(), Error> {
        let shown = std::mem::replace(&mut self.shown, view);
        let read = |view| readable(view, self.account.cloud_url(), self.account.clock());
        let emitter = SignalEmitter::new(&self.connection, ACCOUNT_PATH)?;
        Ok(announce(&emitter, Account::name(), read(&shown)?, read(&self.shown)?).await?)
    }
}

impl Actor for AccountAnnouncer {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut view = self.account.watch();
        view.mark_changed();
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = view.changed() => {
                    let view = view.borrow_and_update().clone();
                    if let Err(error) = self.announce(view).await {
                        tracing::warn!(%error, "announcing a change of the account");
                    }
                }
            }
        }
    }
}

/// What a reader gets. The cloud's address never changes, but a lost device doesn't tell it.
fn readable(view: &View, cloud_url: &str, clock: &dyn Clock) -> Result<Values, Error> {
    let mut all = Values::new();
    if view.tampered || !view.lost {
        all.push(("CloudUrl", cloud_url.to_owned().into()));
        all.push(("State", view.state.to_string().into()));
        all.push(("LockedTo", view.locked_to.clone().into()));
    }
    if !view.lost {
        all.push(("UserId", view.user_id.clone().into()));
        all.push(("Profile", details::profile(&view.profile)?.into()));
        all.push(("Identifiers", details::identifiers(&view.identifiers).into()));
        all.push(("BoundSince", view.bound_since.into()));
        all.push(("RecoveryCodeSet", view.recovery_code_set.into()));
        all.push(("PendingRelease", view.pending_release.into()));
        all.push(("Pending", details::pending(view.pending.as_ref(), clock)?.into()));
        all.push(("Membership", view.membership.to_string().into()));
        all.push(("BootloaderUnlock", view.unlock.to_string().into()));
        let commands: Result<Vec<_>, Error> = view.commands.iter().map(details::command).collect();
        all.push(("Commands", commands?.into()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use belay_proto::clock::BoottimeClock;
    use belay_proto::dbus::AccountState;

    use super::super::super::changes::{Changed, difference};
    use super::*;

    fn changes(old: &View, new: &View) -> (Changed, Vec<&'static str>) {
        let clock = BoottimeClock::new();
        let read = |view| readable(view, "https://cloud.example.org", &clock).unwrap();
        difference(read(old), read(new))
    }

    #[test]
    fn only_what_changed_is_announced() {
        let old = View {
            state: AccountState::Unbound,
            ..View::default()
        };
        let new = View {
            state: AccountState::Bound,
            bound_since: 7,
            ..View::default()
        };
        let (changed, gone) = changes(&old, &new);
        let mut names: Vec<_> = changed.into_keys().collect();
        names.sort_unstable();
        assert_eq!(names, ["BoundSince", "State"]);
        assert!(gone.is_empty());
    }

    #[test]
    fn a_lost_device_takes_back_what_could_be_read_and_a_tampered_one_still_says_so() {
        let usable = View {
            state: AccountState::Bound,
            ..View::default()
        };
        let lost = View {
            lost: true,
            ..usable.clone()
        };
        assert_eq!(changes(&usable, &lost).1.len(), 13);
        let tampered = View {
            state: AccountState::ActivationLocked,
            lost: true,
            tampered: true,
            ..View::default()
        };
        let (changed, gone) = changes(&usable, &tampered);
        assert_eq!(
            changed.into_iter().collect::<Vec<_>>(),
            [("State", "activation-locked".into())]
        );
        assert_eq!(gone.len(), 10);
        let (changed, _) = changes(&lost, &usable);
        assert!(
            changed.contains_key("CloudUrl"),
            "a client that started meanwhile has to be told"
        );
    }
}
