//! Tells the bus what has changed of the command channel, and what becomes of commands.

use belay_proto::dbus::names::DEVICE_PATH;
use tokio::sync::broadcast::error::RecvError;
use zbus::Connection;
use zbus::object_server::{Interface, SignalEmitter};

use super::changes::{Values, announce};
use super::device::Device;
use crate::actor::{Actor, Inbox, Never};
use crate::device::DeviceHandle;
use crate::find::{Announcement, FindHandle};

/// The actor that emits `PropertiesChanged` for `Ringing` and `Connected`, and the signals about commands. Nobody
/// sends it anything.
#[derive(Debug)]
pub struct FindAnnouncer {
    connection: Connection,
    device: DeviceHandle,
    find: FindHandle,
    shown: Shown,
}

/// What a reader gets.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// For whoever holds the device, too.
    ringing: bool,
    /// Nothing while the device is lost.
    connected: Option<bool>,
}

impl FindAnnouncer {
    /// Follows `find`; what it and `device` show now counts as known.
    pub fn new(connection: Connection, device: DeviceHandle, find: FindHandle) -> Self {
        let shown = Shown::now(&device, &find);
        Self {
            connection,
            device,
            find,
            shown,
        }
    }

    async fn show(&mut self) -> zbus::Result<()> {
        // Looked at once: what changes between two looks would be told to nobody.
        let after = Shown::now(&self.device, &self.find);
        let before = std::mem::replace(&mut self.shown, after);
        let emitter = SignalEmitter::new(&self.connection, DEVICE_PATH)?;
        announce(&emitter, Device::name(), before.values(), after.values()).await
    }

    async fn tell(&self, announcement: Announcement) -> zbus::Result<()> {
        let emitter = SignalEmitter::new(&self.connection, DEVICE_PATH)?;
        match announcement {
            Announcement::Received { command, action } => {
                Device::command_received(&emitter, &command.to_string(), &action).await
            }
            Announcement::Finished(told) => {
                let (command, outcome) = (told.command.to_string(), told.ending());
                Device::command_finished(&emitter, &command, &told.action, outcome).await
            }
            Announcement::Refused(disposition) => {
                Device::security_event(&emitter, &format!("command-{disposition}")).await
            }
        }
    }

    async fn sim_changed(&self) -> zbus::Result<()> {
        let emitter = SignalEmitter::new(&self.connection, DEVICE_PATH)?;
        Device::sim_changed(&emitter).await
    }
}

impl Actor for FindAnnouncer {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut announcements = self.find.announcements();
        let (mut find, mut device) = (self.find.watch(), self.device.watch());
        let (mut ringing, mut sims) = (self.find.ringing(), self.find.sim_changes());
        find.mark_changed();
        sims.mark_unchanged();
        loop {
            let told = tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = find.changed() => self.show().await,
                Ok(()) = ringing.changed() => self.show().await,
                Ok(()) = device.changed() => self.show().await,
                Ok(()) = sims.changed() => self.sim_changed().await,
                announcement = announcements.recv() => match announcement {
                    Ok(announcement) => self.tell(announcement).await,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "signals about commands were too many");
                        Ok(())
                    }
                    // The domain ends with belayd.
                    Err(RecvError::Closed) => return,
                },
            };
            if let Err(error) = told {
                tracing::warn!(%error, "announcing a change of the command channel");
            }
        }
    }
}

impl Shown {
    fn now(device: &DeviceHandle, find: &FindHandle) -> Self {
        Self {
            ringing: *find.ringing().borrow(),
            connected: (!device.view().lost).then(|| find.view().connected),
        }
    }

    fn values(self) -> Values {
        let mut all: Values = vec![("Ringing", self.ringing.into())];
        all.extend(self.connected.map(|connected| ("Connected", connected.into())));
        all
    }
}
