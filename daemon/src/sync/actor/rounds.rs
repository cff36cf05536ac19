//! The rounds that the engine begins, and what comes of each.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::wire::PUSH_RECORDS;

use super::{Engine, Event, FIRST_PAUSE, LONGEST_PAUSE};
use crate::sync::error::SyncError;
use crate::sync::ports::SyncFailure;
use crate::sync::round::{Report, Room, Round};
use crate::sync::state::Failure;

impl Engine {
    pub(super) fn begin(&mut self, collection: &'static str) {
        let Some(session) = self.session else { return };
        let is_believed = self.state.believes_it_full(collection);
        let tries_in_the_way = self.state.tries_in_the_way(collection);
        self.progress.send_replace((0, 0));
        let round = Round {
            cloud: Arc::clone(&self.parts.cloud),
            desk: self.desk.clone(),
            account: session.account,
            collection,
            progress: self.progress.clone(),
            records: PUSH_RECORDS,
            full: self.full.get(collection).copied().filter(|_| is_believed),
            tries_in_the_way,
        };
        self.work = Some((collection, Box::pin(round.run())));
    }

    /// What came of the round of a collection.
    pub(super) fn came(&mut self, collection: &'static str, outcome: Result<Report, Failure>) -> Event {
        match outcome {
            Ok(report) => {
                self.pauses.reset();
                self.told = report.quota;
                self.quota = report.quota.unwrap_or(self.quota);
                match report.room {
                    Room::Any => _ = self.full.remove(collection),
                    // It was believed, and told nothing else.
                    Room::Changes => {}
                    Room::Removals => _ = self.full.insert(collection, self.quota),
                }
                let trouble = match report {
                    Report {
                        room: Room::Changes | Room::Removals,
                        ..
                    } => Some(SyncError::QuotaExceeded),
                    Report { is_refused: true, .. } => Some(SyncError::CloudRefused),
                    Report { is_spoilt: true, .. } => Some(SyncError::Storage),
                    // It is asked after by itself: what a cloud makes up besides doesn't hide it.
                    Report { is_lacking: true, .. } => Some(SyncError::Lacking),
                    Report {
                        is_in_the_way: true, ..
                    } => Some(SyncError::InTheWay),
                    Report {
                        is_unopened: true, ..
                    } => Some(SyncError::Unopened),
                    _ => None,
                };
                match trouble {
                    Some(trouble) if report.is_in_the_way => Event::DoneButInTheWay(trouble),
                    trouble => Event::Done(trouble),
                }
            }
            Err(failure) => {
                tracing::info!(?failure, "sync waits");
                let asked = match failure {
                    Failure::Cloud(SyncFailure::Offline(asked)) => asked.unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                // At least a little, whatever was drawn: what fails at once must not be tried without end.
                let drawn = self.pauses.next().unwrap_or(LONGEST_PAUSE);
                Event::Failed(failure, drawn.max(asked).max(FIRST_PAUSE / 2))
            }
        }
    }
}
