//! A simulated modem manager: `org.freedesktop.ModemManager1` with one modem, its SIM, calls, text messages and
//! what it knows of its place.
//!
//! As with the real one only modems are objects of the object manager; SIMs, messages and calls are found through
//! the modem's properties, and another SIM means that the modem goes and comes back as another object.

mod behaviour;
mod calls;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use zbus::{ObjectPath, OwnedVariant, Variant};

use super::puppet::{Puppet, Strings, lock, props};
use crate::until::within;
use crate::{Outcome, Surprise};
use behaviour::Manager;

const NAME: &str = "org.freedesktop.ModemManager1";
const BASE: &str = "/org/freedesktop/ModemManager1";
const MODEM: &str = "org.freedesktop.ModemManager1.Modem";
const REGISTRATION: &str = "org.freedesktop.ModemManager1.Modem.Modem3gpp";
const SIM: &str = "org.freedesktop.ModemManager1.Sim";
const VOICE: &str = "org.freedesktop.ModemManager1.Modem.Voice";
const MESSAGING: &str = "org.freedesktop.ModemManager1.Modem.Messaging";
const LOCATION: &str = "org.freedesktop.ModemManager1.Modem.Location";
const SMS: &str = "org.freedesktop.ModemManager1.Sms";
const CALL: &str = "org.freedesktop.ModemManager1.Call";

/// A SIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sim {
    /// The card's number.
    pub iccid: &'static str,
    /// The subscriber; empty while the card wants its PIN.
    pub imsi: &'static str,
    /// The operator's name.
    pub operator: &'static str,
}

/// What the modem knows of its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Whereabouts {
    /// The serving cell: `MCC,MNC,LAC,CI,TAC`.
    pub cell: Option<&'static str>,
    /// Time of day (`hhmmss`), latitude and longitude, degrees.
    pub fix: Option<(String, f64, f64)>,
}

/// A text that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentText {
    /// To whom.
    pub number: String,
    /// What.
    pub text: String,
}

/// The modem manager.
#[derive(Debug)]
pub struct Modem {
    strings: Strings,
    state: State,
}

#[derive(Debug, Clone)]
struct State {
    inner: Arc<Mutex<Inner>>,
    sent: Arc<watch::Sender<Vec<SentText>>>,
    /// The numbers that calls were started to.
    called: Arc<watch::Sender<Vec<String>>>,
}

#[derive(Debug)]
struct Inner {
    imei: &'static str,
    /// Counts modems, SIMs, messages and calls: no path is used twice.
    next: u32,
    modem: Option<u32>,
    whereabouts: Whereabouts,
    neighbours: Vec<HashMap<String, OwnedVariant>>,
    /// What `Setup` was called with.
    setups: Vec<(u32, bool)>,
}

/// The SIM that the modem has to begin with.
pub const FIRST_SIM: Sim = Sim {
    iccid: "8949020000012345678",
    imsi: "262011234567890",
    operator: "Example Mobile",
};

impl Modem {
    /// Joins the bus with a registered modem and [`FIRST_SIM`].
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let state = State {
            inner: Arc::new(Mutex::new(Inner {
                imei: "356938035643809",
                next: 0,
                modem: None,
                whereabouts: Whereabouts::default(),
                neighbours: Vec::new(),
                setups: Vec::new(),
            })),
            sent: Arc::new(watch::Sender::new(Vec::new())),
            called: Arc::new(watch::Sender::new(Vec::new())),
        };
        let manager = Manager(state.clone());
        let first = state.clone();
        let strings = Strings::attach(bus, NAME, manager, async |puppet| {
            puppet.manage(BASE, MODEM);
            puppet
                .add(BASE, NAME, props([("Version", "1.20.0".into())])?)
                .await?;
            first.plug_in(puppet, Some(&FIRST_SIM)).await
        });
        Ok(Self {
            strings: strings.await?,
            state,
        })
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.strings.puppet()
    }

    /// Somebody changes the SIM: the modem goes away, and comes back with `sim` or with none.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn swap_sim(&self, sim: Option<&Sim>) -> Outcome {
        self.unplug().await?;
        self.state.plug_in(self.puppet(), sim).await
    }

    /// The modem goes away, as when it crashes or is switched off.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn unplug(&self) -> Outcome {
        let old = lock(&self.state.inner).modem.take();
        if let Some(old) = old {
            self.puppet().remove(&modem_path(old)).await?;
        }
        Ok(())
    }

    /// The card's PIN was typed: now the subscriber can be read.
    ///
    /// # Errors
    /// Where there is no SIM.
    pub async fn unlock_sim(&self, imsi: &'static str) -> Outcome {
        let sim = self.puppet().get(&self.path()?, MODEM, "Sim");
        let sim = sim.and_then(|v| zbus::OwnedObjectPath::try_from(v).ok());
        let sim = sim.ok_or_else(|| Surprise::new("no SIM"))?;
        self.puppet().set(sim.as_str(), SIM, "Imsi", imsi).await
    }

    /// A text arrives, part after part; `Added` is sent at the first, and only after the last is it whole.
    ///
    /// # Errors
    /// Where the bus has gone, or there is no modem.
    pub async fn receive_sms(&self, sender: &str, parts: &[&str]) -> Outcome<String> {
        let message = self.begin_sms(sender).await?;
        self.finish_sms(&message, &parts.concat()).await?;
        Ok(message)
    }

    /// The first part of a longer text arrives. Answers the message's path.
    ///
    /// # Errors
    /// Where the bus has gone, or there is no modem.
    pub async fn begin_sms(&self, sender: &str) -> Outcome<String> {
        let modem = self.path()?;
        let path = format!("{BASE}/SMS/{}", self.state.number());
        let sms = props([
            ("State", 2_u32.into()),
            ("PduType", 1_u32.into()),
            ("Number", sender.to_owned().into()),
            ("Text", "".into()),
            ("Timestamp", "2026-01-01T00:00:00+00:00".into()),
        ])?;
        self.puppet().add(&path, SMS, sms).await?;
        behaviour::list(self.puppet(), &modem, MESSAGING, "Messages", "SMS").await?;
        let object = ObjectPath::from_string_unchecked(path.clone());
        self.puppet()
            .emit(&modem, MESSAGING, "Added", &(object, true))
            .await?;
        Ok(path)
    }

    /// The last part has arrived.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn finish_sms(&self, message: &str, text: &str) -> Outcome {
        self.puppet().set(message, SMS, "Text", text.to_owned()).await?;
        self.puppet().set(message, SMS, "State", 3_u32).await
    }

    /// Waits until `message` has been deleted from the modem.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_deleted(&self, message: &str) -> Outcome {
        crate::until::until("the message to be deleted", async || {
            (!self.puppet().has(message)).then_some(())
        })
        .await
    }

    /// The texts that were sent.
    #[must_use]
    pub fn sent(&self) -> Vec<SentText> {
        self.state.sent.borrow().clone()
    }

    /// Waits until `count` texts have been sent since the start, and answers them.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_sent(&self, count: usize) -> Outcome<Vec<SentText>> {
        let mut sent = self.state.sent.subscribe();
        let seen = within("a text to be sent", sent.wait_for(|s| s.len() >= count)).await?;
        seen.map(|s| s.clone())
            .map_err(|_| Surprise::new("the modem is gone"))
    }

    /// The numbers that were called.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.state.called.borrow().clone()
    }

    /// Where the modem is from now on.
    pub fn is_at(&self, whereabouts: Whereabouts) {
        lock(&self.state.inner).whereabouts = whereabouts;
    }

    /// The modem is registered as ModemManager counts: 1 with the SIM's own network, 5 with another one.
    ///
    /// # Errors
    /// While there is none, and where the bus has gone.
    pub async fn is_registered(&self, state: u32) -> Outcome {
        self.puppet()
            .set(&self.path()?, REGISTRATION, "RegistrationState", state)
            .await
    }

    /// The cells that `GetCellInfo` tells from now on.
    ///
    /// # Errors
    /// None: the type is the one of its neighbours.
    pub fn cells(&self, cells: Vec<HashMap<String, Variant<'static>>>) -> Outcome {
        let owned = cells.into_iter().map(|cell| {
            let pairs = cell.into_iter().map(|(k, v)| Ok((k, v.try_into_owned()?)));
            pairs.collect::<Outcome<HashMap<_, _>>>()
        });
        lock(&self.state.inner).neighbours = owned.collect::<Outcome<_>>()?;
        Ok(())
    }

    /// What `Location.Setup` was called with: the sources and whether the place is told to the whole bus.
    #[must_use]
    pub fn setups(&self) -> Vec<(u32, bool)> {
        lock(&self.state.inner).setups.clone()
    }

    /// The modem's path.
    ///
    /// # Errors
    /// While there is none.
    pub fn path(&self) -> Outcome<String> {
        let modem = lock(&self.state.inner).modem;
        modem
            .map(modem_path)
            .ok_or_else(|| Surprise::new("there is no modem"))
    }
}

impl State {
    fn number(&self) -> u32 {
        let mut inner = lock(&self.inner);
        inner.next += 1;
        inner.next
    }

    async fn plug_in(&self, puppet: &Puppet, sim: Option<&Sim>) -> Outcome {
        let number = self.number();
        let sim_path = match sim {
            Some(sim) => {
                let path = format!("{BASE}/SIM/{number}");
                let properties = props([
                    ("Active", true.into()),
                    ("SimIdentifier", sim.iccid.into()),
                    ("Imsi", sim.imsi.into()),
                    ("OperatorName", sim.operator.into()),
                    ("EmergencyNumbers", Variant::from(vec!["112".to_owned()])),
                ])?;
                puppet.add(&path, SIM, properties).await?;
                path
            }
            None => "/".to_owned(),
        };
        let modem = modem_path(number);
        let imei = {
            let mut inner = lock(&self.inner);
            inner.modem = Some(number);
            inner.imei
        };
        let none = || Variant::from(Vec::<ObjectPath<'static>>::new());
        let voice = props([("Calls", none()), ("EmergencyOnly", false.into())])?;
        puppet.add(&modem, VOICE, voice).await?;
        puppet
            .add(&modem, MESSAGING, props([("Messages", none())])?)
            .await?;
        let location = props([
            ("Capabilities", 3_u32.into()),
            ("Enabled", 1_u32.into()),
            ("SignalsLocation", false.into()),
            ("GpsRefreshRate", 30_u32.into()),
        ])?;
        puppet.add(&modem, LOCATION, location).await?;
        puppet
            .add(
                &modem,
                REGISTRATION,
                props([("RegistrationState", 1_u32.into())])?,
            )
            .await?;
        let properties = props([
            ("Sim", ObjectPath::from_string_unchecked(sim_path).into()),
            ("State", (if sim.is_some() { 8_i32 } else { -1 }).into()),
            ("EquipmentIdentifier", imei.into()),
            ("UnlockRequired", 1_u32.into()),
        ])?;
        // The object manager tells of the modem by this interface, so it comes last.
        puppet.add(&modem, MODEM, properties).await
    }
}

fn modem_path(number: u32) -> String {
    format!("{BASE}/Modem/{number}")
}
