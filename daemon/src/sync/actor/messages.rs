//! What the handle sends.

use futures_util::FutureExt;

use super::{Engine, Event, rows, write};
use crate::store::Sealer;
use crate::sync::error::SyncError;
use crate::sync::handle::{Answer, Message};
use crate::sync::model::{Policy, PolicyChanges};

/// The highest battery floor, percent.
const WHOLE: u8 = 100;

impl Engine {
    pub(super) async fn take(&mut self, message: Message) {
        match message {
            Message::SyncNow {
                collections,
                anyway,
                answer,
                hangs_up,
            } => {
                let waiter = self.waiters;
                self.waiters = self.waiters.wrapping_add(1);
                self.waiting.insert(waiter, answer);
                self.leaving.push(hangs_up.map(move |_| waiter).boxed());
                self.try_again(collections.clone()).await;
                self.happens(Event::Asked {
                    waiter,
                    collections,
                    anyway,
                })
                .await;
            }
            Message::Pause(paused, answer) => {
                let outcome = self.pause(paused).await;
                reply(answer, outcome);
            }
            Message::Policy(changes, answer) => {
                let outcome = self.change_policy(changes).await;
                reply(answer, outcome);
            }
            Message::Answered(collection, answer) => {
                self.happens(Event::Answered(collection)).await;
                reply(answer, Ok(()));
            }
            Message::Enable {
                collection,
                enabled,
                answer,
            } => {
                let outcome = self.enable(collection, enabled).await;
                reply(answer, outcome);
            }
        }
    }

    /// Whoever names collections asks for what the cloud wouldn't have of them too: it may be another one since.
    async fn try_again(&mut self, named: Vec<&'static str>) {
        if named.is_empty() {
            return;
        }
        let again = move |transaction: &rusqlite::Transaction<'_>, _: &Sealer| {
            for name in named {
                rows::try_again(transaction, name)?;
            }
            Ok(Ok(()))
        };
        // What that came to nothing of is told when the round does.
        let _ = self.desk.edit(again).await;
    }

    async fn pause(&mut self, paused: bool) -> Result<(), SyncError> {
        self.session.ok_or(SyncError::NotBound)?;
        write(&self.parts.store, move |connection| {
            rows::pause(connection, paused)
        })
        .await?;
        self.happens(Event::Paused(paused)).await;
        Ok(())
    }

    async fn change_policy(&mut self, changes: PolicyChanges) -> Result<(), SyncError> {
        self.session.ok_or(SyncError::NotBound)?;
        let before = self.state.policy();
        let policy = Policy {
            metered: changes.metered.unwrap_or(before.metered),
            roaming: changes.roaming.unwrap_or(before.roaming),
            battery_floor: changes.battery_floor.unwrap_or(before.battery_floor),
        };
        if policy.battery_floor > WHOLE {
            return Err(SyncError::InvalidArgument("a battery has at most 100 percent"));
        }
        write(&self.parts.store, move |connection| {
            rows::set_policy(connection, policy)
        })
        .await?;
        self.happens(Event::Policy(policy)).await;
        Ok(())
    }

    async fn enable(&mut self, collection: &'static str, enabled: bool) -> Result<(), SyncError> {
        self.desk
            .edit(move |transaction, _| rows::enable(transaction, collection, enabled).map(Ok))
            .await?;
        self.happens(Event::Enabled(collection, enabled)).await;
        Ok(())
    }
}

/// Whoever asked may have left.
fn reply(answer: Answer, outcome: Result<(), SyncError>) {
    let _ = answer.send(outcome);
}
