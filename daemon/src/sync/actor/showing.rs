//! What is known, as it is shown.

use std::time::Duration;

use super::{Engine, collection, rows, unread};
use crate::store::sync::Collection;
use crate::sync::error::SyncError;
use crate::sync::round;
use crate::sync::view::{CollectionView, Question, View};

/// While records come they are counted this often at most.
const EACH: Duration = Duration::from_secs(1);

impl Engine {
    /// What went wrong last, until it goes right.
    fn trouble(&self) -> Option<SyncError> {
        let without_rows = self.unadopted.map(|_| SyncError::Storage);
        self.state.trouble().or(without_rows)
    }

    /// Bytes that are done of what is under way, and all of them: of records, and of contents that don't fit one.
    fn done_of_all(&self) -> (u64, u64) {
        let ((done, all), long) = (*self.progress.borrow(), *self.moving.borrow());
        (done.saturating_add(long.done), all.saturating_add(long.all))
    }

    /// Shows how much is done, and what it comes to where that may be counted again.
    pub(super) async fn show_progress(&mut self) {
        let progress = self.done_of_all();
        self.shown
            .view
            .send_if_modified(|view| std::mem::replace(&mut view.progress, progress) != progress);
        match self.parts.clock.boottime() < self.count_at {
            true => self.is_uncounted = true,
            false => self.count().await,
        }
    }

    /// Shows how many records there are. What is asked about them is looked at between rounds alone: within one it is half.
    pub(super) async fn count(&mut self) {
        self.has_counted();
        let kept = match self
            .parts
            .store
            .call(|connection| rows::collections(connection))
            .await
        {
            Ok(kept) => kept,
            Err(error) => return unread(&error),
        };
        self.shown.view.send_if_modified(|view| {
            let mut is_other = false;
            for kept in &kept {
                if let Some(shown) = view.collections.get_mut(kept.name.as_str()) {
                    let now = counted(kept);
                    is_other |= std::mem::replace(shown, now) != now;
                }
            }
            is_other
        });
    }

    fn has_counted(&mut self) {
        self.is_uncounted = false;
        self.count_at = self.parts.clock.boottime() + EACH;
    }

    /// Shows what is known.
    pub(super) async fn show(&mut self) {
        self.has_counted();
        let now = self.desk.now();
        let read = move |connection: &mut rusqlite::Connection| {
            let mut shown = Vec::new();
            for kept in rows::collections(connection)? {
                let Some(name) = collection(&kept.name) else {
                    continue;
                };
                let question = match kept.enabled {
                    true => round::question(connection, name, now)?,
                    false => None,
                };
                shown.push((name, kept, question));
            }
            Ok((shown, rows::settings(connection)?))
        };
        let (kept, settings) = match self.parts.store.call(read).await {
            Ok(read) => read,
            Err(error) => return unread(&error),
        };
        let mut question: Option<Question> = None;
        let mut view = View {
            bound: self.is_bound,
            progress: self.done_of_all(),
            last_sync: settings.last,
            last_error: self.trouble().map_or("", SyncError::name),
            quota: self.quota,
            policy: self.state.policy(),
            ..View::default()
        };
        for (name, kept, asked) in kept {
            question = question.or(asked);
            view.collections.insert(name, counted(&kept));
        }
        view.phase = self.state.phase(question.is_some());
        view.paused_by = self.state.paused_by();
        view.question = question;
        self.shown.view.send_if_modified(|before| {
            let changed = *before != view;
            *before = view;
            changed
        });
    }
}

/// What is shown of a collection.
const fn counted(kept: &Collection) -> CollectionView {
    CollectionView {
        enabled: kept.enabled,
        records: kept.records,
        bytes: kept.bytes,
        pending: kept.pending,
        conflicts: kept.conflicts,
        unopened: kept.unopened,
    }
}
