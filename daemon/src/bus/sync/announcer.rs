//! Puts collections on the bus while the device is somebody's, and tells what has changed of sync.

use std::time::Duration;

use belay_proto::dbus::names::SYNC_PATH;
use belay_proto::sync::RecordId;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use zbus::Connection;
use zbus::object_server::{Interface, SignalEmitter};

use super::super::changes::{Values, announce};
use super::super::collection::Collection;
use super::{Sync, SyncDesk, count, paused_by, policy, question};
use crate::actor::{Actor, Inbox, Never};
use crate::sync::{Change, CollectionView, View};

/// How often a change of `Progress` alone is told at the most.
const EACH: Duration = Duration::from_secs(1);
/// Ids in a signal at most.
const MOST_IDS: usize = 1000;

/// The actor that keeps `/org/belay1/sync/…` true. Nobody sends it anything; it follows the view.
#[derive(Debug)]
pub struct SyncAnnouncer {
    connection: Connection,
    desk: SyncDesk,
    shown: View,
    lost: bool,
    /// When anything of `Sync` was told last.
    told: Option<Instant>,
    /// When the progress that wasn't told may be.
    due: Option<Instant>,
    served: watch::Sender<bool>,
}

impl SyncAnnouncer {
    /// Follows what `desk` works with. Nothing is on the bus yet.
    pub fn new(connection: Connection, desk: SyncDesk) -> Self {
        Self {
            connection,
            desk,
            shown: View::default(),
            lost: false,
            told: None,
            due: None,
            served: watch::Sender::new(false),
        }
    }

    /// Whether the collections are on the bus.
    pub fn served(&self) -> watch::Receiver<bool> {
        self.served.subscribe()
    }

    /// Shows the view as it is now.
    async fn show(&mut self) -> zbus::Result<()> {
        let mut after = self.desk.sync.view();
        let lost = self.desk.device.view().lost;
        let now = Instant::now();
        let may = self.told.map_or(now, |last| last + EACH);
        self.due = None;
        // Where it begins and ends is told at once.
        let is_quiet = after.phase == self.shown.phase && lost == self.lost && now < may;
        if after.progress != self.shown.progress && is_quiet {
            after.progress = self.shown.progress;
            self.due = Some(may);
        }
        let before = std::mem::replace(&mut self.shown, after);
        let was_lost = std::mem::replace(&mut self.lost, lost);
        if before.progress != self.shown.progress {
            self.told = Some(now);
        }
        if before == self.shown && was_lost == lost {
            return Ok(());
        }
        let emitter = SignalEmitter::new(&self.connection, SYNC_PATH)?;
        announce(
            &emitter,
            Sync::name(),
            sync(&before, was_lost),
            sync(&self.shown, lost),
        )
        .await?;
        self.show_collections(&before, was_lost).await
    }

    async fn show_collections(&self, before: &View, was_lost: bool) -> zbus::Result<()> {
        let objects = self.connection.object_server();
        for (name, view) in &self.shown.collections {
            let path = path(name);
            match (before.bound, self.shown.bound) {
                (true, true) => {
                    let old = before.collections.get(name).copied().unwrap_or_default();
                    if old == *view && was_lost == self.lost {
                        continue;
                    }
                    let emitter = SignalEmitter::new(&self.connection, path)?;
                    let (old, new) = (collection(old, was_lost), collection(*view, self.lost));
                    announce(&emitter, <Collection as Interface>::name(), old, new).await?;
                }
                (false, true) => {
                    objects.at(path, Collection::new(name, self.desk.clone())).await?;
                }
                (true, false) => {
                    objects.remove::<Collection, _>(path).await?;
                }
                (false, false) => {}
            }
        }
        self.served.send_replace(self.shown.bound);
        Ok(())
    }

    /// Tells which records are other than before.
    async fn tell(&self, change: &Change) -> zbus::Result<()> {
        if !self.shown.bound || self.lost {
            return Ok(());
        }
        let emitter = SignalEmitter::new(&self.connection, path(change.collection))?;
        for ids in change.ids.chunks(MOST_IDS) {
            Collection::changed(&emitter, texts(ids), Vec::new()).await?;
        }
        for removed in change.removed.chunks(MOST_IDS) {
            Collection::changed(&emitter, Vec::new(), texts(removed)).await?;
        }
        Ok(())
    }

    /// Tells that nobody knows any more which.
    async fn tell_of_all(&self) -> zbus::Result<()> {
        if !self.shown.bound || self.lost {
            return Ok(());
        }
        for name in self.shown.collections.keys() {
            let emitter = SignalEmitter::new(&self.connection, path(name))?;
            Collection::changed(&emitter, Vec::new(), Vec::new()).await?;
        }
        Ok(())
    }
}

impl Actor for SyncAnnouncer {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut changes = self.desk.sync.changes();
        let (mut view, mut device) = (self.desk.sync.watch(), self.desk.device.watch());
        view.mark_changed();
        loop {
            let due = self.due;
            let told = tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = view.changed() => self.show().await,
                Ok(()) = device.changed() => self.show().await,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.show().await,
                change = changes.recv() => match change {
                    Ok(change) => self.tell(&change).await,
                    Err(RecvError::Lagged(_)) => self.tell_of_all().await,
                    // The domain ends with belayd.
                    Err(RecvError::Closed) => return,
                },
            };
            if let Err(error) = told {
                tracing::warn!(%error, "announcing a change of sync");
            }
        }
    }
}

fn path(name: &str) -> String {
    format!("{SYNC_PATH}/{name}")
}

fn texts(ids: &[RecordId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn sync(view: &View, lost: bool) -> Values {
    if lost {
        return Values::new();
    }
    vec![
        ("State", view.phase.word().into()),
        ("PausedBy", paused_by(view).into()),
        ("Progress", view.progress.into()),
        ("LastSync", view.last_sync.into()),
        ("LastError", view.last_error.into()),
        ("Quota", (view.quota.used, view.quota.total).into()),
        ("Policy", policy(view.policy).into()),
        ("Question", question(view.question.as_ref()).into()),
    ]
}

fn collection(view: CollectionView, lost: bool) -> Values {
    if lost {
        return Values::new();
    }
    vec![
        ("Enabled", view.enabled.into()),
        ("Records", count(view.records).into()),
        ("Bytes", view.bytes.into()),
        ("Pending", count(view.pending).into()),
        ("Conflicts", count(view.conflicts).into()),
        ("Unopened", count(view.unopened).into()),
    ]
}
