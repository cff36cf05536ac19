//! Puts accessories on the bus, takes them off again, and tells what has changed of them.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_proto::dbus::names::ACCESSORIES_PATH;
use belay_proto::id::AccessoryId;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use zbus::Connection;
use zbus::object_server::{Interface, SignalEmitter};

use super::super::accessories::AccessoryManager;
use super::super::changes::{Values, announce};
use super::{Accessory, Desk, words};
use crate::accessory::{AccessoryView, Announcement, View};
use crate::actor::{Actor, Inbox, Never};

/// How often `MeasurementChanged` is emitted at the most.
const EACH: Duration = Duration::from_secs(1);

/// The actor that keeps `/org/belay1/accessories/…` true. Nobody sends it anything; it follows the view.
#[derive(Debug)]
pub struct AccessoryAnnouncer {
    connection: Connection,
    desk: Desk,
    shown: View,
    lost: bool,
    /// The accessories with news that wasn't told yet, and when it may be; `None`: it was told, and no news since.
    news: BTreeMap<AccessoryId, Instant>,
    told: BTreeMap<AccessoryId, Instant>,
}

impl AccessoryAnnouncer {
    /// Follows what `desk` works with. Nothing is on the bus yet.
    pub fn new(connection: Connection, desk: Desk) -> Self {
        Self {
            connection,
            desk,
            shown: View::default(),
            lost: false,
            news: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    async fn show(&mut self) -> zbus::Result<()> {
        let after = self.desk.accessories.view();
        let lost = self.desk.device.view().lost;
        let before = std::mem::replace(&mut self.shown, after);
        let was_lost = std::mem::replace(&mut self.lost, lost);
        let emitter = SignalEmitter::new(&self.connection, ACCESSORIES_PATH)?;
        announce(
            &emitter,
            AccessoryManager::name(),
            manager(&before, was_lost),
            manager(&self.shown, lost),
        )
        .await?;
        let objects = self.connection.object_server();
        for id in before.accessories.keys() {
            if !self.shown.accessories.contains_key(id) {
                objects.remove::<Accessory, _>(path(*id)).await?;
                self.news.remove(id);
                self.told.remove(id);
            }
        }
        for (id, view) in &self.shown.accessories {
            let path = path(*id);
            match before.accessories.get(id) {
                Some(old) => {
                    let emitter = SignalEmitter::new(&self.connection, path)?;
                    let (old, new) = (readable(old, was_lost), readable(view, lost));
                    announce(&emitter, <Accessory as Interface>::name(), old, new).await?;
                }
                None => {
                    objects.at(path, Accessory::new(*id, self.desk.clone())).await?;
                }
            }
        }
        Ok(())
    }

    /// News of an accessory: told at once, or a second after it was told last.
    fn measured(&mut self, id: AccessoryId) {
        let now = Instant::now();
        let due = self.told.get(&id).map_or(now, |last| (*last + EACH).max(now));
        self.news.entry(id).or_insert(due);
    }

    fn next_news(&self) -> Option<Instant> {
        self.news.values().min().copied()
    }

    async fn tell_news(&mut self) -> zbus::Result<()> {
        let now = Instant::now();
        let due: Vec<_> = self
            .news
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.news.remove(&id);
            self.told.insert(id, now);
            if self.shown.accessories.contains_key(&id) && !self.lost {
                let emitter = SignalEmitter::new(&self.connection, path(id))?;
                Accessory::measurement_changed(&emitter).await?;
            }
        }
        Ok(())
    }
}

impl Actor for AccessoryAnnouncer {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut announcements = self.desk.accessories.announcements();
        let (mut view, mut device) = (self.desk.accessories.watch(), self.desk.device.watch());
        view.mark_changed();
        loop {
            let news = self.next_news();
            let told = tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = view.changed() => self.show().await,
                Ok(()) = device.changed() => self.show().await,
                () = sleep_until(news.unwrap_or_else(Instant::now)), if news.is_some() => self.tell_news().await,
                announcement = announcements.recv() => match announcement {
                    Ok(Announcement::Measured(id)) => {
                        self.measured(id);
                        Ok(())
                    }
                    Ok(_) => Ok(()),
                    Err(RecvError::Lagged(_)) => Ok(()),
                    // The domain ends with belayd.
                    Err(RecvError::Closed) => return,
                },
            };
            if let Err(error) = told {
                tracing::warn!(%error, "announcing a change of the accessories");
            }
        }
    }
}

fn path(id: AccessoryId) -> String {
    format!("{ACCESSORIES_PATH}/{id}")
}

fn manager(view: &View, lost: bool) -> Values {
    if lost {
        return Values::new();
    }
    vec![
        ("Available", view.available.into()),
        ("Powered", view.powered.into()),
        ("Discovering", view.discovering.into()),
    ]
}

fn readable(view: &AccessoryView, lost: bool) -> Values {
    if lost {
        return Values::new();
    }
    vec![
        ("Name", view.name.clone().into()),
        ("Kind", view.kind.name().into()),
        ("State", view.state.into()),
        ("Problem", view.problem.into()),
        ("ProblemAdvice", view.advice.into()),
        ("Battery", view.battery.into()),
        ("Charging", view.charging.into()),
        ("FirmwareVersion", view.firmware.clone().into()),
        ("LastSync", view.last_sync.into()),
        ("SyncProgress", view.progress.into()),
        ("Uses", words(view).into()),
    ]
}
