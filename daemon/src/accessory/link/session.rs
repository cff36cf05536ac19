//! One connection, from looking for the device to letting go of it. Runs in a room of its own.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use belay_drivers::{Address, Driver, Failure, OperationError, Timer};
use btleplug::api::{Peripheral as _, ValueNotification};
use btleplug::platform::Peripheral;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::adapter::Adapter;
use super::bluez::Bluez;
use super::conduct::Conductor;
use super::convert::Known;
use super::device::{self, Patience};
use super::state::{Effect, Event, place};
use super::watch::Sight;
use crate::accessory::ports::{LinkEnd, Order, RadioError, Report};

/// More reports than this aren't kept for whoever doesn't take them: the accessory can't be made to wait, BlueZ hands
/// on whatever it sends.
const MOST_REPORTS: usize = 1024;
/// More orders than this aren't taken before there is a link.
const MOST_ORDERS: usize = 32;
/// Twice what Bluetooth Low Energy can carry of the shortest notifications.
const MOST_VALUES_A_SECOND: u32 = 4096;
/// After so many values in a row the others have their turn.
const TURN: u32 = 64;

/// What a connection needs.
pub(super) struct Job {
    pub(super) bluez: Bluez,
    pub(super) sight: watch::Receiver<Option<Sight>>,
    pub(super) owner: String,
    pub(super) adapter: Adapter,
    pub(super) address: Address,
    /// As many connections may be made at once.
    pub(super) making: Arc<Semaphore>,
    pub(super) patience: Patience,
    pub(super) driver: Box<dyn Driver>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) reports: mpsc::Sender<Report>,
}

/// What is left to be reported of one that is over.
pub(super) struct Rest {
    pub(super) reports: VecDeque<Report>,
    pub(super) end: LinkEnd,
}

/// What outside of the connection ends it.
#[derive(Clone)]
struct Outside {
    sight: watch::Receiver<Option<Sight>>,
    owner: String,
    path: String,
    reports: mpsc::Sender<Report>,
}

impl Outside {
    /// How the connection ends, once it does.
    async fn ends(&mut self) -> LinkEnd {
        let (owner, path) = (&self.owner, &self.path);
        let changed = self.sight.wait_for(|sight| end(sight, owner, path).is_some());
        tokio::select! {
            () = self.reports.closed() => LinkEnd::Closed,
            sight = changed => sight.ok().and_then(|sight| end(&sight, owner, path)).unwrap_or(LinkEnd::Lost),
        }
    }

    /// A connection that is lost because the adapter was switched off isn't just lost.
    fn explain(&self, lost: LinkEnd) -> LinkEnd {
        match lost {
            LinkEnd::Lost | LinkEnd::Unreachable => {
                end(&self.sight.borrow(), &self.owner, &self.path).unwrap_or(lost)
            }
            other => other,
        }
    }

    fn has_bluez(&self) -> bool {
        let sight = self.sight.borrow();
        let owner = sight.as_ref().and_then(|sight| sight.owner.as_ref());
        owner == Some(&self.owner)
    }
}

/// The end that follows from what is seen of BlueZ. That it died is known from the bus alone: nothing else would tell.
fn end(sight: &Option<Sight>, owner: &str, path: &str) -> Option<LinkEnd> {
    let Some(sight) = sight
        .as_ref()
        .filter(|sight| sight.owner.as_deref() == Some(owner))
    else {
        return Some(LinkEnd::Lost);
    };
    match sight.adapter.as_ref().filter(|adapter| adapter.path == path) {
        None => Some(LinkEnd::Lost),
        Some(adapter) if !adapter.powered => Some(LinkEnd::Radio(RadioError::PoweredOff)),
        Some(_) => None,
    }
}

/// A link that is up.
struct Link {
    device: Peripheral,
    found: device::Discovered,
    values: BoxStream<'static, ValueNotification>,
    losses: watch::Receiver<u64>,
}

/// Runs a connection to its end.
pub(super) async fn run(job: Job) -> Rest {
    let mut outside = Outside {
        sight: job.sight,
        owner: job.owner,
        path: job.adapter.path.clone(),
        reports: job.reports.clone(),
    };
    let path = job.adapter.device(job.address);
    let mut conductor = Conductor::new(job.driver);
    let mut orders = job.orders;
    let tried = Cell::new(false);
    let owner = outside.owner.clone();
    let disconnect = async || {
        // Where it isn't connected BlueZ says so.
        if let Err(error) = job.bluez.disconnect(&owner, &path).await {
            tracing::debug!(%error, "disconnecting");
        }
    };
    // Until there is a link, or BlueZ was told to give up.
    let place = Cell::new(None);
    let link = {
        let linking = async {
            place.set(job.making.acquire().await.ok());
            let device = (&job.adapter, job.address);
            establish(&job.bluez, device, job.patience, &tried, &disconnect).await
        };
        let mut linking = std::pin::pin!(linking);
        loop {
            tokio::select! {
                biased;
                end = outside.ends() => break Err(end),
                link = &mut linking => break link,
                order = orders.recv(), if conductor.takes_orders(MOST_ORDERS) => match order {
                    // Waits in there until there is a link.
                    Some(order) => drop(conductor.on(Event::Order(order))),
                    None => break Err(LinkEnd::Closed),
                },
            }
        }
    };
    let mut reports = VecDeque::new();
    let end = match link {
        Ok(link) => {
            drop(place.take());
            let mut traffic = Traffic::new(conductor, link, job.patience.operated);
            let end = traffic.flow(&mut outside, &mut orders, &job.reports).await;
            reports = traffic.outbox;
            end
        }
        Err(end) => end,
    };
    while let Some(report) = reports.pop_front() {
        if let Err(mpsc::error::TrySendError::Full(report)) = job.reports.try_send(report) {
            reports.push_front(report);
            break;
        }
    }
    let end = outside.explain(end);
    if tried.get() && outside.has_bluez() {
        disconnect().await;
    }
    Rest { reports, end }
}

async fn establish(
    bluez: &Bluez,
    (adapter, address): (&Adapter, Address),
    patience: Patience,
    tried: &Cell<bool>,
    cancel: &impl AsyncFn(),
) -> Result<Link, LinkEnd> {
    let central = device::central(adapter)
        .await
        .map_err(|trouble| LinkEnd::Radio(trouble.of_radio()))?
        .ok_or(LinkEnd::Radio(RadioError::AdapterMissing))?;
    let device = device::locate(&central, adapter, address, patience.found).await?;
    // As all that is waited for here: a bus that doesn't answer would hold the connection for ever.
    let path = adapter.device(address);
    let losses = timeout(device::ANSWER_WITHIN, bluez.losses(&path)).await;
    let losses = losses.map_err(|_| LinkEnd::Radio(RadioError::TimedOut))?;
    let mut losses = losses.map_err(|_| LinkEnd::Lost)?;
    device::connect(&device, patience.connected, tried, cancel).await?;
    let found = device::discover(&device, patience.discovered).await?;
    let values = device::within(device::ANSWER_WITHIN, device.notifications());
    let values = values.await.map_err(device::in_link)?;
    // What was lost before this question is known by its answer.
    losses.mark_unchanged();
    if !device::is_connected(&device).await {
        return Err(LinkEnd::Lost);
    }
    Ok(Link {
        device,
        found,
        values,
        losses,
    })
}

/// What goes to and fro while the link is up.
struct Traffic {
    conductor: Conductor,
    device: Peripheral,
    known: Known,
    values: BoxStream<'static, ValueNotification>,
    losses: watch::Receiver<u64>,
    operating: Option<LocalBoxFuture<'static, Result<Vec<u8>, OperationError>>>,
    timers: HashMap<Timer, Instant>,
    outbox: VecDeque<Report>,
    end: Option<LinkEnd>,
    patience: Duration,
}

impl Traffic {
    fn new(conductor: Conductor, link: Link, patience: Duration) -> Self {
        let mut traffic = Self {
            conductor,
            device: link.device,
            known: link.found.known,
            values: link.values,
            losses: link.losses,
            operating: None,
            timers: HashMap::new(),
            outbox: VecDeque::new(),
            end: None,
            patience,
        };
        traffic.happen(Event::Up(link.found.gatt));
        traffic
    }

    async fn flow(
        &mut self,
        outside: &mut Outside,
        orders: &mut mpsc::Receiver<Order>,
        reports: &mpsc::Sender<Report>,
    ) -> LinkEnd {
        let mut pace = Pace::new();
        loop {
            if let Some(end) = self.end {
                return end;
            }
            let timer = self.timers.iter().min_by_key(|(_, at)| **at);
            let timer = timer.map(|(timer, at)| (*timer, *at));
            let event = tokio::select! {
                biased;
                end = outside.ends() => Event::Ends(end),
                value = self.values.next(), if pace.row < TURN => match value {
                    Some(value) if pace.allows(Instant::now()) => {
                        Event::Value((value.service_uuid, value.uuid), value.value)
                    }
                    Some(_) => {
                        tracing::warn!("an accessory sends more than Bluetooth can carry");
                        Event::Ends(LinkEnd::Driver(Failure::Nonsense))
                    }
                    None => Event::Ends(LinkEnd::Lost),
                },
                Ok(permit) = reports.reserve(), if !self.outbox.is_empty() => {
                    if let Some(report) = self.outbox.pop_front() {
                        permit.send(report);
                    }
                    pace.row = 0;
                    continue;
                }
                result = operated(&mut self.operating) => {
                    self.operating = None;
                    Event::Done(result)
                }
                timer = elapsed(timer) => {
                    self.timers.remove(&timer);
                    Event::Elapsed(timer)
                }
                _ = self.losses.changed() => Event::Ends(LinkEnd::Lost),
                order = orders.recv(), if self.outbox.len() < MOST_ORDERS => match order {
                    Some(order) => Event::Order(order),
                    None => Event::Ends(LinkEnd::Closed),
                },
                () = tokio::task::yield_now(), if pace.row >= TURN => {
                    pace.row = 0;
                    continue;
                }
            };
            if !matches!(event, Event::Value(..)) {
                pace.row = 0;
            }
            self.happen(event);
            if self.end.is_none() && self.outbox.len() > MOST_REPORTS {
                tracing::warn!("nobody takes what an accessory says");
                self.happen(Event::Ends(LinkEnd::Lost));
            }
        }
    }

    fn happen(&mut self, event: Event) {
        for effect in self.conductor.on(event) {
            match effect {
                Effect::Perform(operation) => {
                    let at = self.known.get(&place(operation.characteristic())).cloned();
                    let device = self.device.clone();
                    self.operating = Some(Box::pin(device::perform(device, at, operation, self.patience)));
                }
                Effect::Arm(timer, after) => {
                    self.timers.insert(timer, Instant::now() + after);
                }
                Effect::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Report(report) => self.outbox.push_back(report),
                Effect::End(end) => self.end = Some(end),
                // Done by the conductor.
                Effect::Tell(_) => {}
            }
        }
    }
}

/// How many values come.
struct Pace {
    since: Instant,
    count: u32,
    /// In a row.
    row: u32,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            count: 0,
            row: 0,
        }
    }

    /// Whether one more may come.
    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.count) = (now, 0);
        }
        self.count += 1;
        self.row += 1;
        self.count <= MOST_VALUES_A_SECOND
    }
}

async fn operated<T>(operation: &mut Option<LocalBoxFuture<'static, T>>) -> T {
    match operation {
        Some(operation) => operation.await,
        None => std::future::pending().await,
    }
}

async fn elapsed(timer: Option<(Timer, Instant)>) -> Timer {
    match timer {
        Some((timer, at)) => {
            sleep_until(at).await;
            timer
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_told_from_a_lively_accessory() {
        let mut pace = Pace::new();
        // Three seconds of as much as there may be.
        for _ in 0..3 {
            assert!((0..MOST_VALUES_A_SECOND).all(|_| pace.allows(Instant::now())));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!((0..=MOST_VALUES_A_SECOND).any(|_| !pace.allows(Instant::now())));
    }
}
