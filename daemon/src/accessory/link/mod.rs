//! The radio: BlueZ over btleplug, and over zbus what btleplug leaves out.
//!
//! `watch` follows BlueZ and its adapters (`adapter` chooses one, `bluez` is what is asked over zbus). Each scan
//! (`scan`, `heard`) and each connection (`session`) lives in a `room`, with a connection to the bus of its own: so
//! nothing of btleplug runs while there is neither, and whatever it leaves behind goes with the room. Of a connection
//! `state` decides, `conduct` has the driver decide, `device` does it.

mod adapter;
mod bluez;
mod conduct;
mod convert;
mod device;
mod heard;
mod room;
mod scan;
mod session;
mod state;
mod watch;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use belay_drivers::{Address, Driver};
use tokio::sync::watch as shown;
use tokio::sync::{Mutex as Turn, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

pub use adapter::{Choice, NoAdapterName};
pub use device::Patience;
pub use room::is_known as is_known_panic;

use crate::accessory::ports::{AdapterView, LinkEnd, Order, Radio, RadioError, Reply, Report, Scan, Session};
use crate::actor::Supervisor;
use bluez::Bluez;
use session::Rest;
use watch::{Sight, Watcher};

/// How many may wait in a channel of a [`Session`] or a [`Scan`].
const CHANNEL: usize = 32;
/// A scan's beginning includes switching on and setting up a connection to the bus.
const SCAN_BEGINS_WITHIN: Duration = Duration::from_secs(25);
/// So many connections are made at once; the others have their turn in the order in which they came. For each btleplug
/// reads all that BlueZ has, so that the work grows with the square of their number, and all of them would run out of time.
const MADE_AT_ONCE: usize = 8;
/// How long the bus may take to let somebody in.
const BUS_WITHIN: Duration = Duration::from_secs(5);
/// How long the first look at BlueZ after the start is waited for: it asks twice, and is told all that BlueZ has.
const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// The radio over BlueZ; clones are the same.
#[derive(Clone, Debug)]
pub struct Link {
    /// `None`: there never is an adapter.
    bluez: Option<Bluez>,
    sight: shown::Receiver<Option<Sight>>,
    view: shown::Receiver<AdapterView>,
    turns: Arc<Turns>,
    making: Arc<Semaphore>,
    patience: Patience,
}

impl Link {
    /// Follows BlueZ over `bus` from now on and uses the adapter `choice`. Without a bus there is no adapter. libdbus,
    /// which btleplug uses, finds the system's bus by itself: `bus` must be the same.
    #[must_use]
    pub fn start(bus: Option<zbus::Connection>, choice: Choice, supervisor: &mut Supervisor) -> Self {
        let (seen, sight) = shown::channel(None);
        let (shows, view) = shown::channel(AdapterView::default());
        let bluez = bus.map(|bus| Bluez::new(bus, choice));
        if let Some(bluez) = &bluez {
            supervisor.start("bluez", Watcher::new(bluez.clone(), seen, shows));
        }
        Self {
            bluez,
            sight,
            view,
            turns: Arc::default(),
            making: Arc::new(Semaphore::new(MADE_AT_ONCE)),
            patience: Patience::default(),
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same over a connection to the system's bus of its own: however many devices are announced on it, nothing
    /// else waits behind them. Without `enabled`, or without a bus, there is no adapter.
    pub async fn open(enabled: bool, choice: Choice, supervisor: &mut Supervisor) -> Self {
        if !enabled {
            return Self::none(supervisor);
        }
        let bus = zbus::connection::Builder::system().build();
        let bus = match timeout(BUS_WITHIN, bus).await {
            Ok(Ok(bus)) => Some(bus),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no system's bus: there is no Bluetooth");
                None
            }
            Err(_) => {
                tracing::warn!("the system's bus doesn't answer: there is no Bluetooth");
                None
            }
        };
        Self::start(bus, choice, supervisor)
    }

    /// Bluetooth is off in the configuration: there is no adapter.
    #[must_use]
    pub fn none(supervisor: &mut Supervisor) -> Self {
        Self::start(None, Choice::default(), supervisor)
    }

    async fn begin_scan(&self, power_on: bool) -> Result<Scan, RadioError> {
        let bluez = self.bluez.as_ref().ok_or(RadioError::AdapterMissing)?;
        let look = bluez.look().await?.ok_or(RadioError::AdapterMissing)?;
        let adapter = look.adapter.ok_or(missing(look.without_id))?;
        // btleplug switches the adapter on with each scan.
        if !adapter.powered && !power_on {
            return Err(RadioError::PoweredOff);
        }
        let (begun, begins) = oneshot::channel();
        let (heard, hears) = mpsc::channel(CHANNEL);
        let job = scan::Job {
            sight: self.sight.clone(),
            owner: look.owner,
            adapter,
            bonded: look.bonded,
            begun,
            heard,
        };
        tokio::spawn(room::in_room(move || scan::run(job)));
        match timeout(SCAN_BEGINS_WITHIN, begins).await {
            Ok(Ok(begun)) => begun.map(|()| Scan { heard: hears }),
            Ok(Err(_)) => Err(RadioError::Refused),
            Err(_) => Err(RadioError::TimedOut),
        }
    }

    async fn keep(
        self,
        address: Address,
        driver: Box<dyn Driver>,
        orders: mpsc::Receiver<Order>,
        reports: mpsc::Sender<Report>,
    ) {
        let turn = tokio::select! {
            turn = self.turns.of(address) => turn,
            () = reports.closed() => return,
        };
        let rest = self.hold(address, driver, orders, reports.clone()).await;
        drop(turn);
        let ended = std::iter::once(Report::Ended(rest.end));
        for report in rest.reports.into_iter().chain(ended) {
            if reports.send(report).await.is_err() {
                return;
            }
        }
    }

    async fn hold(
        &self,
        address: Address,
        driver: Box<dyn Driver>,
        orders: mpsc::Receiver<Order>,
        reports: mpsc::Sender<Report>,
    ) -> Rest {
        let (bluez, owner, adapter) = match self.ready().await {
            Ok(ready) => ready,
            Err(error) => return over(LinkEnd::Radio(error)),
        };
        let device = adapter.device(address);
        if bluez.is_bonded(&owner, &device).await && reports.send(Report::Bonded).await.is_err() {
            return over(LinkEnd::Closed);
        }
        let job = session::Job {
            bluez: bluez.clone(),
            sight: self.sight.clone(),
            owner: owner.clone(),
            adapter,
            address,
            making: Arc::clone(&self.making),
            patience: self.patience,
            driver,
            orders,
            reports,
        };
        match room::in_room(move || session::run(job)).await {
            Ok(rest) => rest,
            Err(error) => {
                tracing::error!(%error, "a connection to an accessory");
                // It had no chance to.
                let _isnt_connected = bluez.disconnect(&owner, &device).await;
                over(LinkEnd::Lost)
            }
        }
    }

    /// The adapter, if it is there and on.
    async fn ready(&self) -> Result<(&Bluez, String, adapter::Adapter), RadioError> {
        let bluez = self.bluez.as_ref().ok_or(RadioError::AdapterMissing)?;
        let mut sight = self.sight.clone();
        let seen = timeout(SEEN_WITHIN, sight.wait_for(Option::is_some)).await;
        let seen = seen.map_err(|_| RadioError::TimedOut)?;
        let seen = seen.map_err(|_| RadioError::AdapterMissing)?.clone();
        let Some(Sight {
            owner: Some(owner),
            adapter: Some(adapter),
            ..
        }) = seen
        else {
            return Err(missing(seen.is_some_and(|sight| sight.without_id)));
        };
        match adapter.powered {
            true => Ok((bluez, owner, adapter)),
            false => Err(RadioError::PoweredOff),
        }
    }
}

impl Radio for Link {
    fn adapter(&self) -> shown::Receiver<AdapterView> {
        self.view.clone()
    }

    fn scan(&self, power_on: bool) -> Reply<'_, Scan> {
        Box::pin(self.begin_scan(power_on))
    }

    fn connect(&self, address: Address, driver: Box<dyn Driver>) -> Session {
        let (orders, ordered) = mpsc::channel(CHANNEL);
        let (reports, reported) = mpsc::channel(CHANNEL);
        tokio::spawn(self.clone().keep(address, driver, ordered, reports));
        Session {
            orders,
            reports: reported,
        }
    }

    fn forget(&self, address: Address) -> Reply<'_> {
        Box::pin(async move {
            let bluez = self.bluez.as_ref().ok_or(RadioError::AdapterMissing)?;
            bluez.remove(address).await
        })
    }
}

const fn missing(without_id: bool) -> RadioError {
    if without_id {
        RadioError::NoDeviceId
    } else {
        RadioError::AdapterMissing
    }
}

fn over(end: LinkEnd) -> Rest {
    Rest {
        reports: VecDeque::new(),
        end,
    }
}

/// One connection a device at a time.
#[derive(Debug, Default)]
struct Turns(Mutex<HashMap<Address, Weak<Turn<()>>>>);

impl Turns {
    async fn of(&self, device: Address) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(&device).and_then(Weak::upgrade);
            let turn = known.unwrap_or_default();
            turns.insert(device, Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }
}
