//! Whose the records are, as the warden tells.

use std::collections::BTreeSet;

use belay_proto::AccountId;
use belay_proto::dbus::BindingState;

use super::{Engine, Event, FIRST_PAUSE, LONGEST_PAUSE, Session, collection, rows, unread};
use crate::store::Store;
use crate::sync::keys::Whose;
use crate::warden::WardenView;

impl Engine {
    /// Recalls what the owner chose.
    pub(super) async fn recall(&mut self) {
        let settings = match self
            .parts
            .store
            .call(|connection| rows::settings(connection))
            .await
        {
            Ok(settings) => settings,
            Err(error) => return unread(&error),
        };
        let policy = settings.policy.unwrap_or_default();
        self.happens(Event::Policy(policy)).await;
        self.happens(Event::Paused(settings.paused)).await;
    }

    /// Follows the warden. One that can't be heard, or whose state can't be trusted, begins and ends nothing.
    pub(super) async fn follow(&mut self, view: &WardenView) {
        let account = match (view.binding, view.identity.account) {
            (BindingState::Bound, Some(account)) => Some(account),
            (BindingState::Unbound, _) if view.is_current => None,
            _ if view.is_lost() => None,
            _ => return,
        };
        self.is_bound = account.is_some();
        let before = std::mem::replace(&mut self.held_keys, view.identity.held_keys());
        let has_newer_keys = before < self.held_keys;
        let session = account.filter(|_| !view.is_lost()).map(|account| Session {
            account,
            owner: view.identity.owner,
            generation: view.identity.generation,
            presence: view.identity.presence,
        });
        let of = |session: Option<Session>| session.map(|session| session.account);
        let mut enabled = BTreeSet::new();
        if let Some(session) = session {
            // Without its rows there is nothing to sync. The disk may have room again, which nobody tells.
            let Some(found) = adopt(&self.parts.store, session.account).await else {
                let wait = self.pauses.next().unwrap_or(LONGEST_PAUSE).max(FIRST_PAUSE / 2);
                self.unadopted = Some(self.parts.clock.boottime() + wait);
                self.show().await;
                return;
            };
            enabled = found;
        }
        self.unadopted = None;
        if of(session) != of(self.session) {
            self.pauses.reset();
        }
        // The account may go on with other keys, of which no number says that they are newer, under a root that counts as far.
        let under = |session: Session| (session.account, session.owner, session.generation);
        if session.map(under) != self.session.map(under) {
            let whose = session.map(|Session { account, owner, .. }| Whose { account, owner });
            self.desk.keys.begin(whose);
        }
        if session.is_none() && account.is_none() && self.session.is_some() {
            self.quota = belay_proto::wire::Quota::default();
        }
        let is_another = of(session) != of(std::mem::replace(&mut self.session, session));
        self.happens(Event::Session(session, enabled)).await;
        if has_newer_keys && !is_another {
            self.happens(Event::NewKeys).await;
        }
        if is_another {
            // A pause and a policy may have ended with the binding that they were chosen in.
            self.recall().await;
        }
    }
}

/// Makes the rows the account's; answers which collections are on.
async fn adopt(store: &Store, account: AccountId) -> Option<BTreeSet<&'static str>> {
    let adopt = move |transaction: &rusqlite::Transaction<'_>| {
        rows::adopt(transaction, account)?;
        let all = rows::collections(transaction)?;
        let on = all.iter().filter(|kept| kept.enabled);
        Ok(on.filter_map(|kept| collection(&kept.name)).collect())
    };
    store.transaction(adopt).await.inspect_err(unread).ok()
}
