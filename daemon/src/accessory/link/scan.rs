//! One scan. Runs in a room of its own.

use std::collections::HashSet;
use std::time::Duration;

use belay_drivers::Address;
use btleplug::api::{Central as _, CentralEvent, CentralState, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter as Central, PeripheralId};
use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};

use super::adapter::Adapter;
use super::convert::{self, Trouble, sorted};
use super::device::{central, within};
use super::heard::{Book, News};
use super::watch::Sight;
use crate::accessory::ports::{Heard, RadioError};

/// Switching an adapter on may load its firmware.
const BEGUN_WITHIN: Duration = Duration::from_secs(10);
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// What a scan needs.
pub(super) struct Job {
    pub(super) sight: watch::Receiver<Option<Sight>>,
    pub(super) owner: String,
    pub(super) adapter: Adapter,
    pub(super) bonded: HashSet<Address>,
    /// Is told whether it has begun.
    pub(super) begun: oneshot::Sender<Result<(), RadioError>>,
    pub(super) heard: mpsc::Sender<Heard>,
}

/// Scans until nobody listens.
pub(super) async fn run(job: Job) {
    let (central, events) = match begin(&job.adapter).await {
        Ok(scan) => scan,
        Err(error) => {
            let _nobody_waits = job.begun.send(Err(error));
            return;
        }
    };
    let _nobody_waits = job.begun.send(Ok(()));
    let mut sight = job.sight;
    let path = job.adapter.path;
    let is_gone = |sight: &Option<Sight>| {
        // Before the first look there is nothing to be seen.
        sight.as_ref().is_some_and(|sight| {
            let is_there = sight.adapter.as_ref().is_some_and(|adapter| adapter.path == path);
            sight.owner.as_ref() != Some(&job.owner) || !is_there
        })
    };
    tokio::select! {
        () = listen(&central, events, Book::new(job.bonded), &job.heard) => {}
        () = job.heard.closed() => {}
        _ = sight.wait_for(is_gone) => return,
    }
    // BlueZ ends it with our connection to the bus at the latest.
    let _ended_anyway = within(ENDED_WITHIN, central.stop_scan()).await;
}

async fn begin(
    adapter: &Adapter,
) -> Result<(Central, impl Stream<Item = CentralEvent> + Unpin + use<>), RadioError> {
    let central = central(adapter)
        .await
        .map_err(Trouble::of_radio)?
        .ok_or(RadioError::AdapterMissing)?;
    let start = async {
        let events = central.events().await?;
        central.start_scan(ScanFilter::default()).await?;
        Ok(events)
    };
    let events = within(BEGUN_WITHIN, start).await.map_err(Trouble::of_radio)?;
    Ok((central, events))
}

async fn listen(
    central: &Central,
    mut events: impl Stream<Item = CentralEvent> + Unpin,
    mut book: Book<PeripheralId>,
    heard: &mpsc::Sender<Heard>,
) {
    loop {
        tokio::select! {
            biased;
            Ok(permit) = heard.reserve(), if book.has_news() => {
                if let Some(heard) = book.next() {
                    permit.send(heard);
                }
            }
            event = events.next() => {
                let event = match event {
                    None | Some(CentralEvent::StateUpdate(CentralState::PoweredOff)) => return,
                    Some(event) => event,
                };
                if let Some((id, news)) = news(event) {
                    // What has gone meanwhile was never there.
                    if book.wants(&id) && let Some(said) = ask(central, &id).await {
                        book.learn(&id, said);
                    }
                    book.note(&id, news);
                }
            }
        }
    }
}

async fn ask(central: &Central, id: &PeripheralId) -> Option<belay_drivers::Advertisement> {
    let ask = async { central.peripheral(id).await?.properties().await };
    let properties = within(BEGUN_WITHIN, ask).await.ok().flatten()?;
    Some(convert::advertisement(properties))
}

fn news(event: CentralEvent) -> Option<(PeripheralId, News)> {
    match event {
        CentralEvent::DeviceDiscovered(id) => Some((id, News::Known)),
        CentralEvent::RssiUpdate { id, rssi } => Some((id, News::Strength(rssi))),
        CentralEvent::ManufacturerDataAdvertisement {
            id,
            manufacturer_data,
        } => Some((id, News::Manufacturer(sorted(manufacturer_data)))),
        CentralEvent::ServiceDataAdvertisement { id, service_data } => {
            Some((id, News::Service(sorted(service_data))))
        }
        CentralEvent::ServicesAdvertisement { id, services } => Some((id, News::Services(services))),
        // Connections are no advertisements.
        _ => None,
    }
}
