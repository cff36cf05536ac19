//! ModemManager.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use belay_proto::wire::Cell;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use zbus::{Connection, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

use super::borrowed::Note;
use super::voice::{Call, Dialled};
use super::{Incoming, Modem, ModemView, Sim, Text, cell, dialable, gnss, incoming, voice};
use crate::actor::Supervisor;
use crate::platform::clock::Time;
use crate::platform::follower::{Follower, Subject};
use crate::platform::service::{Properties, Service, Signal, take};
use crate::platform::{Answer, Fix, PlatformError};

const NAME: &str = "org.freedesktop.ModemManager1";
const PATH: &str = "/org/freedesktop/ModemManager1";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const MODEM: &str = "org.freedesktop.ModemManager1.Modem";
const REGISTRATION: &str = "org.freedesktop.ModemManager1.Modem.Modem3gpp";
const SIM: &str = "org.freedesktop.ModemManager1.Sim";
pub(super) const VOICE: &str = "org.freedesktop.ModemManager1.Modem.Voice";
pub(super) const MESSAGING: &str = "org.freedesktop.ModemManager1.Modem.Messaging";
pub(super) const SMS: &str = "org.freedesktop.ModemManager1.Sms";
pub(super) const LOCATION: &str = "org.freedesktop.ModemManager1.Modem.Location";

/// `MMModem3gppRegistrationState`: roaming, with texts alone, and without calls' falling back.
const ROAMING: [u32; 3] = [5, 7, 10];
/// `MMSmsState`: all parts have arrived.
pub(super) const RECEIVED: u32 = 3;
/// `MMSmsPduType`: sent to this device.
pub(super) const DELIVER: u32 = 1;

type Objects = HashMap<OwnedObjectPath, HashMap<String, Properties>>;

/// ModemManager on the system's bus.
#[derive(Debug)]
pub(in crate::platform) struct ModemManager {
    subject: Arc<Modems>,
    view: watch::Receiver<ModemView>,
    clock: Time,
    /// The call that was dialled last.
    dialled: Dialled,
    /// Whose turn it is to use the receiver.
    receiver: Arc<tokio::sync::Mutex<()>>,
    /// What a search has switched on.
    note: Note,
    /// Set once belayd ends.
    closing: watch::Sender<bool>,
}

#[derive(Debug)]
struct Modems {
    service: Service,
    /// Texts that have been read and are none of belayd's business: they aren't read again.
    others: Mutex<HashSet<String>>,
}

impl ModemManager {
    /// Takes back what a search of a killed belayd, which kept its files in `state`, left at the modem.
    pub(in crate::platform) fn start(
        connection: &Connection,
        supervisor: &mut Supervisor,
        clock: Time,
        state: &Path,
    ) -> Self {
        let subject = Arc::new(Modems {
            service: Service::new(connection, NAME),
            others: Mutex::default(),
        });
        let (follower, view) = Follower::new(Arc::clone(&subject), clock.clone());
        supervisor.start("modem", follower);
        let (note, receiver) = (Note::new(state), Arc::default());
        let settling = (subject.service.clone(), clock.clone(), Arc::clone(&receiver));
        tokio::spawn(note.clone().settle_in_time(settling.0, settling.1, settling.2));
        Self {
            subject,
            view,
            clock,
            dialled: Dialled::default(),
            receiver,
            note,
            closing: watch::Sender::new(false),
        }
    }

    fn service(&self) -> &Service {
        &self.subject.service
    }

    /// The first modem that has `interface`.
    async fn modem_with(&self, interface: &str) -> Result<String, PlatformError> {
        let modems = modems(self.service()).await?;
        let found = modems
            .into_iter()
            .find(|(_, parts)| parts.contains_key(interface));
        found
            .map(|(path, _)| path.to_string())
            .ok_or(PlatformError::NotSupported("no modem"))
    }

    async fn dial(&self, number: &str) -> Result<(), PlatformError> {
        dialable(number)?;
        let modem = self.modem_with(VOICE).await?;
        let mut dialled = self.dialled.lock().await;
        if let Some(before) = dialled.take() {
            before.hang_up().await;
        }
        let call = Call::create(self.service(), modem, number).await?;
        match call.start().await {
            Ok(()) => {
                let ended = Arc::clone(&self.dialled);
                tokio::spawn(call.clone().forget_after_end(ended));
                *dialled = Some(call);
                Ok(())
            }
            Err(error) => {
                call.hang_up().await;
                Err(error)
            }
        }
    }

    async fn send(&self, number: &str, text: &str) -> Result<(), PlatformError> {
        dialable(number)?;
        let modem = self.modem_with(MESSAGING).await?;
        let properties = HashMap::from([("number", Variant::from(number)), ("text", Variant::from(text))]);
        // The next one gives other texts the same paths.
        let service = self.service().running().await?;
        let message: OwnedObjectPath = service.call(&modem, MESSAGING, "Create", &properties).await?;
        let sent = service.call(message.as_str(), SMS, "Send", &()).await;
        // What was said is nobody's business who has the device.
        let deleted: Result<(), _> = service.call(&modem, MESSAGING, "Delete", &message).await;
        if let Err(error) = deleted {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a sent text stays on the modem"
            );
        }
        sent
    }

    /// Deletes a text by the name that [`Modems::text`] gave it: one that another ModemManager gave is gone.
    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        let not_a_text = || PlatformError::Refused("not a text");
        let (owner, path) = id.split_at(id.find('/').ok_or_else(not_a_text)?);
        let message = OwnedObjectPath::try_from(path).map_err(|_| not_a_text())?;
        let service = self.service().named(owner);
        let modems = match modems(&service).await {
            Err(PlatformError::NotSupported(_)) => return Ok(()),
            modems => modems?,
        };
        for (modem, parts) in modems {
            let listed = parts
                .get(MESSAGING)
                .is_some_and(|part| messages(part).contains(&message));
            if listed {
                let deleted = service.call(modem.as_str(), MESSAGING, "Delete", &message).await;
                return match deleted {
                    Err(PlatformError::NotSupported(_)) => Ok(()),
                    other => other,
                };
            }
        }
        Ok(())
    }

    async fn cells_around(&self) -> Result<Vec<Cell>, PlatformError> {
        let modem = self.modem_with(MODEM).await?;
        let asked: Result<Vec<HashMap<String, OwnedVariant>>, _> =
            self.service().call(&modem, MODEM, "GetCellInfo", &()).await;
        let mut cells: Vec<(bool, Cell)> = match asked {
            Ok(cells) => cells.into_iter().filter_map(cell::of_info).collect(),
            // Many modems can't; the serving cell is known all the same.
            Err(PlatformError::TimedOut) => return Err(PlatformError::TimedOut),
            Err(_) => Vec::new(),
        };
        cells.sort_by_key(|(is_serving, _)| !is_serving);
        if cells.is_empty() {
            let serving = gnss::serving_cell(self.service(), &modem).await?;
            return Ok(serving.into_iter().collect());
        }
        Ok(cells.into_iter().map(|(_, cell)| cell).collect())
    }
}

impl Modem for ModemManager {
    fn view(&self) -> watch::Receiver<ModemView> {
        self.view.clone()
    }

    fn call<'a>(&'a self, number: &'a str) -> Answer<'a> {
        Box::pin(self.dial(number))
    }

    fn hang_up(&self) -> Answer<'_> {
        Box::pin(async {
            if let Some(call) = self.dialled.lock().await.take() {
                call.hang_up().await;
            }
            Ok(())
        })
    }

    fn incoming(&self) -> Answer<'_, mpsc::Receiver<Incoming>> {
        Box::pin(incoming::follow(self.service().clone()))
    }

    fn decline(&self) -> Answer<'_> {
        Box::pin(async {
            let service = self.service().running().await?;
            voice::decline(&service, modems(&service).await?).await
        })
    }

    fn can_text(&self) -> Answer<'_> {
        Box::pin(async { self.modem_with(MESSAGING).await.map(drop) })
    }

    fn send_text<'a>(&'a self, number: &'a str, text: &'a str) -> Answer<'a> {
        Box::pin(self.send(number, text))
    }

    fn delete_text<'a>(&'a self, id: &'a str) -> Answer<'a> {
        Box::pin(self.delete(id))
    }

    fn cells(&self) -> Answer<'_, Vec<Cell>> {
        Box::pin(self.cells_around())
    }

    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_> {
        Box::pin(async {
            let modem = self.modem_with(LOCATION).await?;
            let (_end, ended) = oneshot::channel::<()>();
            let search = gnss::Search {
                // What is taken back at the end is taken from the ModemManager that it was added to.
                service: self.service().running().await?,
                modem,
                clock: self.clock.clone(),
                fixes,
                note: self.note.clone(),
                closing: self.closing.subscribe(),
                _turn: Arc::clone(&self.receiver).lock_owned().await,
            };
            if *self.closing.borrow() {
                return Err(PlatformError::NotSupported("belayd ends"));
            }
            // In a task of its own, which leaves the receiver as it was found even if nobody waits any more: that
            // is when this future, and with it `_end`, is dropped.
            let search = tokio::spawn(search.run(ended));
            search
                .await
                .map_err(|_| PlatformError::Unreadable("the search died"))?
        })
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closing.send_replace(true);
            // Whoever has the turn gives it back with the receiver as it was.
            drop(self.receiver.lock().await);
        })
    }
}

impl Modems {
    async fn sim(&self, service: &Service, modem: &mut Properties) -> Result<Option<Sim>, PlatformError> {
        let path: Option<OwnedObjectPath> = take(modem, "Sim");
        let Some(path) = path.filter(|path| path.as_str() != "/") else {
            return Ok(None);
        };
        let mut sim = match service.all(path.as_str(), SIM).await {
            Ok(sim) => sim,
            // Gone meanwhile, which the bus tells.
            Err(PlatformError::NotSupported(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = |name: &str| take::<String>(&mut sim, name).unwrap_or_default();
        let found = Sim {
            imei: take(modem, "EquipmentIdentifier").unwrap_or_default(),
            iccid: text("SimIdentifier"),
            imsi: text("Imsi"),
            operator: text("OperatorName"),
        };
        Ok((!found.iccid.is_empty() || !found.imsi.is_empty()).then_some(found))
    }

    /// A text that is belayd's business. Its name has ModemManager's own in it: the next one counts its objects from the
    /// beginning again, so that another text comes by the same path.
    async fn text(
        &self,
        service: &Service,
        message: &OwnedObjectPath,
    ) -> Result<Option<Text>, PlatformError> {
        let id = format!("{}{message}", service.name());
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if others().contains(&id) {
            return Ok(None);
        }
        let mut sms = match service.all(message.as_str(), SMS).await {
            Ok(sms) => sms,
            Err(PlatformError::NotSupported(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut number = |name: &str| take::<u32>(&mut sms, name);
        let (state, kind) = (number("State"), number("PduType"));
        // Of a long one the parts come one after the other, and a signal with the last.
        if state.is_some_and(|state| state == RECEIVED - 1) {
            return Ok(None);
        }
        let text: String = take(&mut sms, "Text").unwrap_or_default();
        let is_ours =
            kind == Some(DELIVER) && state == Some(RECEIVED) && text.starts_with(ModemView::COMMANDS);
        if !is_ours {
            others().insert(id);
            return Ok(None);
        }
        Ok(Some(Text { id, text }))
    }
}

/// The modems by path, with all that is known of each.
pub(super) async fn modems(
    service: &Service,
) -> Result<Vec<(OwnedObjectPath, HashMap<String, Properties>)>, PlatformError> {
    let all: Objects = service
        .call(PATH, OBJECT_MANAGER, "GetManagedObjects", &())
        .await?;
    let mut modems: Vec<_> = all
        .into_iter()
        .filter(|(_, parts)| parts.contains_key(MODEM))
        .collect();
    modems.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    Ok(modems)
}

/// The messages that a modem lists.
fn messages(part: &Properties) -> Vec<OwnedObjectPath> {
    let listed = part.get("Messages").cloned();
    let listed = listed.and_then(|value| Vec::<OwnedObjectPath>::try_from(value).ok());
    listed.unwrap_or_default()
}

impl Subject for Modems {
    type View = ModemView;

    const NAME: &'static str = "modem";

    fn hints(&self) -> Answer<'_, Vec<MessageStream>> {
        Box::pin(async {
            let mut streams = vec![self.service.owners().await?];
            for signal in [
                Signal::new(OBJECT_MANAGER, "InterfacesAdded").at(PATH),
                Signal::new(OBJECT_MANAGER, "InterfacesRemoved").at(PATH),
                Signal::new(MODEM, "StateChanged"),
                Signal::new(MESSAGING, "Added"),
                Signal::changes(REGISTRATION),
                Signal::changes(SMS),
                Signal::changes(SIM),
            ] {
                streams.push(self.service.signals(signal).await?);
            }
            Ok(streams)
        })
    }

    fn read(&self) -> Answer<'_, ModemView> {
        Box::pin(async {
            let mut view = ModemView::default();
            let mut listed = HashSet::new();
            // Whoever stopped ModemManager doesn't want it started for being looked at.
            let service = self.service.running().await?;
            for (path, mut parts) in modems(&service).await? {
                let registered = parts.get_mut(REGISTRATION);
                let state = registered.and_then(|part| take::<u32>(part, "RegistrationState"));
                if state.is_some_and(|state| ROAMING.contains(&state)) {
                    view.roaming.push(path.to_string());
                }
                if let Some(modem) = parts.get_mut(MODEM) {
                    view.present = true;
                    view.sims.extend(self.sim(&service, modem).await?);
                }
                for message in parts.get(MESSAGING).map(messages).unwrap_or_default() {
                    view.texts.extend(self.text(&service, &message).await?);
                    listed.insert(format!("{}{message}", service.name()));
                }
            }
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            others.retain(|id| listed.contains(id));
            Ok(view)
        })
    }
}
