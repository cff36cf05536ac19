//! The virtual band as a GATT server of the real BlueZ, on an adapter of its own.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use belay_tests::accessories::Band;
use belay_tests::bluez::tree::{Properties, properties};
use belay_tests::bluez::{Air, AttError, Peripheral};
use belay_tests::until::within;
use belay_tests::{Outcome, Surprise};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use uuid::Uuid;
use zbus::message::{Flags, Type};
use zbus::{Connection, Message, MessageStream, ObjectPath, OwnedObjectPath, OwnedVariant, Variant};

use crate::table::{BLUEZ, CHARACTERISTIC, DEVICE, PROPERTIES, ROOT, Tree, rules, table};

/// Where the advertisement is.
const SAID: &str = "/said";
/// `btvirt` sends an advertisement once where a radio sends it again and again: so often it is handed in anew.
const ADVERTISES_EVERY: Duration = Duration::from_secs(1);
/// How many messages of the bus wait at most.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);
/// How many commands wait at most.
const COMMANDS: usize = 16;

type Deed = Box<dyn FnOnce(&mut Band, &mut Air) + Send>;

/// The band, to be looked at and acted upon.
pub struct Worn {
    bus: Connection,
    adapter: &'static str,
    commands: mpsc::Sender<Deed>,
    turns: watch::Receiver<bool>,
}

impl Worn {
    /// Puts `band` on `adapter`, over a connection to the bus of its own.
    ///
    /// # Errors
    /// Where BlueZ refuses its GATT table.
    pub async fn start(bus: Connection, adapter: &'static str, band: Band) -> Outcome<Self> {
        let mut messages = MessageStream::from(&bus);
        messages.set_max_queued(QUEUE);
        let dbus = zbus::fdo::DBusProxy::new(&bus).await?;
        for rule in rules()? {
            dbus.add_match_rule(rule).await?;
        }
        let (commands, waiting) = mpsc::channel(COMMANDS);
        let (turned, turns) = watch::channel(false);
        let (tree, uuids) = table(&band)?;
        let task = Task {
            bus: bus.clone(),
            adapter,
            band,
            tree,
            uuids,
            central: None,
            begun: Instant::now(),
            advertising: None,
        };
        tokio::spawn(task.run(messages, waiting, turned));
        let worn = Self {
            bus,
            adapter,
            commands,
            turns,
        };
        worn.serve().await?;
        Ok(worn)
    }

    /// Hands the GATT table to BlueZ, which has to be done again when that has started anew.
    ///
    /// # Errors
    /// Where BlueZ refuses.
    pub async fn serve(&self) -> Outcome {
        let body = (ObjectPath::try_from(ROOT)?, HashMap::<&str, Variant<'_>>::new());
        let manager = Some("org.bluez.GattManager1");
        let call = self
            .bus
            .call_method(Some(BLUEZ), self.adapter, manager, "RegisterApplication", &body);
        within("BlueZ to take the GATT table", call).await??;
        Ok(())
    }

    /// Does something with the band; what it notifies meanwhile goes out.
    ///
    /// # Errors
    /// Once the band is gone.
    pub async fn with<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut Band, &mut Air) -> T + Send + 'static,
    ) -> Outcome<T> {
        let (answer, answered) = oneshot::channel();
        let deed: Deed = Box::new(move |band, air| {
            // Whoever asked may have left.
            let _ = answer.send(deed(band, air));
        });
        self.commands.send(deed).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }

    /// Waits until `found` holds of the band.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until(&self, what: &str, found: impl Fn(&Band) -> bool + Send + Sync + 'static) -> Outcome {
        let found = Arc::new(found);
        let mut turns = self.turns.clone();
        within(what, async {
            loop {
                turns.mark_unchanged();
                let found = Arc::clone(&found);
                if self.with(move |band, _| found(band)).await? {
                    return Ok(());
                }
                turns.changed().await.map_err(|_| gone())?;
            }
        })
        .await?
    }

    /// Waits until a central is connected, or isn't.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn connected(&self, is: bool) -> Outcome {
        let mut turns = self.turns.clone();
        let what = if is {
            "a connection to the band"
        } else {
            "the band to be let go"
        };
        let waits = turns.wait_for(|connected| *connected == is);
        within(what, waits).await?.map_err(|_| gone())?;
        Ok(())
    }
}

struct Task {
    bus: Connection,
    adapter: &'static str,
    band: Band,
    tree: Tree,
    /// The characteristics by their objects.
    uuids: HashMap<String, Uuid>,
    /// The object of the connected central.
    central: Option<String>,
    begun: Instant,
    advertising: Option<JoinHandle<()>>,
}

enum Turn {
    Message(Message),
    Command(Deed),
    Advertise,
    Time,
}

impl Task {
    async fn run(
        mut self,
        mut messages: MessageStream,
        mut commands: mpsc::Receiver<Deed>,
        turned: watch::Sender<bool>,
    ) {
        let mut adverts = adverts();
        loop {
            let due = self.band.deadline().map(|due| self.begun + due);
            let turn = tokio::select! {
                biased;
                Some(Ok(message)) = messages.next() => Turn::Message(message),
                Some(deed) = commands.recv() => Turn::Command(deed),
                () = sleep_until(due.unwrap_or(self.begun)), if due.is_some() => Turn::Time,
                _ = adverts.tick(), if self.central.is_none() => Turn::Advertise,
                else => return,
            };
            let mut air = Air::at(self.begun.elapsed());
            let taken = match turn {
                Turn::Message(message) => self.hear(&message, &mut air).await,
                Turn::Command(deed) => {
                    deed(&mut self.band, &mut air);
                    Ok(())
                }
                Turn::Advertise => self.advertise(),
                Turn::Time => {
                    self.band.tick(&mut air);
                    Ok(())
                }
            };
            let sent = match taken {
                Ok(()) => self.send(&air).await,
                refused => refused,
            };
            if let Err(surprise) = sent {
                println!("the band: {surprise}");
            }
            turned.send_replace(self.central.is_some());
        }
    }

    async fn hear(&mut self, message: &Message, air: &mut Air) -> Outcome {
        match message.message_type() {
            Type::MethodCall => self.answer(message, air).await,
            Type::Signal => self.learn(message, air),
            _ => Ok(()),
        }
    }

    async fn answer(&mut self, message: &Message, air: &mut Air) -> Outcome {
        let header = message.header();
        let awaited = !header.primary().flags().contains(Flags::NO_REPLY_EXPECTED);
        let member = header.member().map(ToString::to_string).unwrap_or_default();
        let path = header.path().map(ToString::to_string).unwrap_or_default();
        let body = message.body();
        let uuid = self.uuids.get(&path).copied();
        let done = match (member.as_str(), uuid) {
            ("GetManagedObjects", _) if path == ROOT => {
                return Ok(self.bus.reply(&header, &self.tree).await?);
            }
            ("GetAll", _) if path == SAID => {
                let says = self.says()?;
                return Ok(self.bus.reply(&header, &says).await?);
            }
            ("ReadValue", Some(uuid)) => match self.band.on_read(uuid, air) {
                Ok(value) => return Ok(self.bus.reply(&header, &value).await?),
                Err(refusal) => Err(refusal),
            },
            ("WriteValue", Some(uuid)) => {
                let (value, _): (Vec<u8>, HashMap<String, OwnedVariant>) = body.deserialize()?;
                self.band.on_write(uuid, &value, air)
            }
            ("StartNotify" | "StopNotify", Some(uuid)) => {
                self.band.on_subscribe(uuid, member == "StartNotify", air);
                Ok(())
            }
            ("Release" | "Confirm", _) => Ok(()),
            _ if !awaited => Ok(()),
            _ => {
                let unknown = "org.freedesktop.DBus.Error.UnknownMethod";
                return Ok(self.bus.reply_error(&header, unknown, &member).await?);
            }
        };
        match done {
            Ok(()) if awaited => self.bus.reply(&header, &()).await?,
            Err(refusal) if awaited => {
                let name = match refusal {
                    AttError::INVALID_LENGTH => "org.bluez.Error.InvalidValueLength",
                    AttError::READ_NOT_PERMITTED | AttError::WRITE_NOT_PERMITTED => {
                        "org.bluez.Error.NotPermitted"
                    }
                    _ => "org.bluez.Error.Failed",
                };
                self.bus.reply_error(&header, name, &path).await?;
            }
            // A write without response, and what BlueZ only mentions.
            _ => {}
        }
        Ok(())
    }

    /// What the band says to everybody, as far as 31 bytes hold it: BlueZ puts the name into the scan response.
    fn says(&self) -> Outcome<Properties> {
        let said = self.band.advertisement().unwrap_or_default();
        let uuids: Vec<String> = said.services.iter().map(ToString::to_string).collect();
        let mut data = HashMap::new();
        for (uuid, value) in said.service_data {
            data.insert(uuid.to_string(), Variant::from(value));
        }
        Ok(properties([
            ("Type", "peripheral".into()),
            ("LocalName", said.name.unwrap_or_default().into()),
            ("ServiceUUIDs", uuids.into()),
            ("ServiceData", data.into()),
        ]))
    }

    /// Hands the advertisement in anew, unless BlueZ is still busy with the last one.
    fn advertise(&mut self) -> Outcome {
        if self.advertising.as_ref().is_some_and(|last| !last.is_finished()) {
            return Ok(());
        }
        let (bus, adapter) = (self.bus.clone(), self.adapter);
        let at = ObjectPath::try_from(SAID)?;
        self.advertising = Some(tokio::spawn(async move {
            let manager = Some("org.bluez.LEAdvertisingManager1");
            let none = HashMap::<&str, Variant<'_>>::new();
            // BlueZ may be gone, the adapter off, and the first time there is nothing to take back.
            let call = bus.call_method(Some(BLUEZ), adapter, manager, "UnregisterAdvertisement", &at);
            let _ = call.await;
            let body = (&at, none);
            let call = bus.call_method(Some(BLUEZ), adapter, manager, "RegisterAdvertisement", &body);
            let _ = call.await;
        }));
        Ok(())
    }

    fn learn(&mut self, signal: &Message, air: &mut Air) -> Outcome {
        let header = signal.header();
        let body = signal.body();
        match header.member().map(|member| member.as_str()) {
            Some("PropertiesChanged") => {
                let path = header.path().map(ToString::to_string).unwrap_or_default();
                let (_, changed, _): (String, Properties, Vec<String>) = body.deserialize()?;
                self.link(path, &changed, air);
            }
            Some("InterfacesAdded") => {
                let (path, news): (OwnedObjectPath, HashMap<String, Properties>) = body.deserialize()?;
                if let Some(device) = news.get(DEVICE) {
                    self.link(path.to_string(), device, air);
                }
            }
            // BlueZ is gone, and with it what it served.
            Some("NameOwnerChanged") => self.let_go(),
            _ => {}
        }
        Ok(())
    }

    fn link(&mut self, path: String, device: &Properties, air: &mut Air) {
        let Some(Variant::Bool(connected)) = device.get("Connected").map(|it| &**it) else {
            return;
        };
        if !path.starts_with(&format!("{}/", self.adapter)) {
            return;
        }
        if !connected {
            if self.central.as_ref() == Some(&path) {
                self.let_go();
            }
        } else if self.central.is_none() {
            self.central = Some(path);
            self.band.on_connect(air);
        }
    }

    fn let_go(&mut self) {
        if self.central.take().is_some() {
            self.band.on_disconnect();
        }
    }

    /// Sends what the band notified, and hangs up where it does.
    async fn send(&mut self, air: &Air) -> Outcome {
        for (uuid, value) in air.notified() {
            let Some((path, _)) = self.uuids.iter().find(|(_, it)| *it == uuid) else {
                continue;
            };
            let changed = properties([("Value", value.clone().into())]);
            let body = (CHARACTERISTIC, changed, Vec::<String>::new());
            self.bus
                .emit_signal(
                    None::<&str>,
                    path.as_str(),
                    PROPERTIES,
                    "PropertiesChanged",
                    &body,
                )
                .await?;
        }
        if let (true, Some(central)) = (air.hung(), self.central.clone()) {
            let bus = self.bus.clone();
            // It takes BlueZ two seconds, in which more may be asked here.
            tokio::spawn(async move {
                let call = bus.call_method(Some(BLUEZ), central, Some(DEVICE), "Disconnect", &());
                let _may_be_gone_already = call.await;
            });
        }
        Ok(())
    }
}

fn adverts() -> Interval {
    let mut adverts = interval(ADVERTISES_EVERY);
    adverts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    adverts
}

fn gone() -> Surprise {
    Surprise::new("the band is gone")
}
