//! One device over btleplug: found, connected, discovered, operated.

use std::cell::Cell;
use std::time::Duration;

use belay_drivers::{Address, Gatt, Operation, OperationError};
use btleplug::api::{Central as _, CentralEvent, Characteristic, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter as Central, Manager, Peripheral};
use futures_util::{Stream, StreamExt};
use tokio::time::{sleep, timeout};

use super::adapter::Adapter;
use super::convert::{self, Known, Trouble};
use crate::accessory::ports::{LinkEnd, RadioError};

/// What BlueZ answers from memory.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After an aborted connection BlueZ may say that the services are resolved before it shows them (bluez issue 1489):
/// pauses before each new look.
const LOOK_AGAIN: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
];

/// How long a device is waited for. Nothing is tried again after that, but for whoever asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A device that BlueZ doesn't know yet is looked for so long. Bands that sleep advertise each second or two.
    pub found: Duration,
    /// The connection, services included. BlueZ itself goes on trying until it is told to stop.
    pub connected: Duration,
    /// The description of what was found. BlueZ gives it from memory, but btleplug asks for each service, characteristic
    /// and descriptor by itself: over a hundred answers for a band, which a busy phone needs more than ten seconds for.
    pub discovered: Duration,
    /// Each GATT operation. ATT allows 30 s; who needs more than the default is out of reach.
    pub operated: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            found: Duration::from_secs(30),
            connected: Duration::from_secs(20),
            discovered: Duration::from_secs(30),
            operated: Duration::from_secs(10),
        }
    }
}

/// What was discovered.
pub(super) struct Discovered {
    pub(super) gatt: Gatt,
    pub(super) known: Known,
}

/// Waits no longer than `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, btleplug::Error>>,
) -> Result<T, Trouble> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome.map_err(|error| {
            tracing::debug!(error = &error as &dyn std::error::Error, "BlueZ");
            Trouble::from(&error)
        }),
        Err(_) => Err(Trouble::TimedOut),
    }
}

/// The adapter over a new connection to the bus; that lasts as long as the runtime.
pub(super) async fn central(adapter: &Adapter) -> Result<Option<Central>, Trouble> {
    within(ANSWER_WITHIN, async {
        let manager = Manager::new().await?;
        // `hci0 (usb:v1D6Bp0246d0542)`
        let beginning = format!("{} ", adapter.name());
        for central in manager.adapters().await? {
            if central.adapter_info().await?.starts_with(&beginning) {
                return Ok(Some(central));
            }
        }
        Ok(None)
    })
    .await
}

/// The device, which is looked for on the air where BlueZ doesn't know it.
pub(super) async fn locate(
    central: &Central,
    adapter: &Adapter,
    address: Address,
    patience: Duration,
) -> Result<Peripheral, LinkEnd> {
    let known = known(central, address).await.map_err(in_radio)?;
    if let Some(device) = known {
        return Ok(device);
    }
    let begin = async {
        let events = central.events().await?;
        central.start_scan(ScanFilter::default()).await?;
        Ok(events)
    };
    let events = within(ANSWER_WITHIN, begin).await.map_err(in_radio)?;
    let path = adapter.device(address);
    let is_found = timeout(patience, appears(events, &path)).await.is_ok();
    // A connection attempt doesn't go together with a scan.
    let _stopped_anyway = within(ANSWER_WITHIN, central.stop_scan()).await;
    match is_found {
        true => known_again(central, address).await,
        false => Err(LinkEnd::Unreachable),
    }
}

async fn known_again(central: &Central, address: Address) -> Result<Peripheral, LinkEnd> {
    let device = known(central, address).await.map_err(in_radio)?;
    device.ok_or(LinkEnd::Unreachable)
}

async fn known(central: &Central, address: Address) -> Result<Option<Peripheral>, Trouble> {
    let mut devices = within(ANSWER_WITHIN, central.peripherals()).await?.into_iter();
    Ok(devices.find(|device| convert::address(device.address()) == address))
}

async fn appears(mut events: impl Stream<Item = CentralEvent> + Unpin, path: &str) {
    while let Some(event) = events.next().await {
        if let CentralEvent::DeviceDiscovered(id) = event
            && path.ends_with(&format!("/{id}"))
        {
            return;
        }
    }
    // The bus is gone, which others notice.
    std::future::pending().await
}

/// Connects, and waits until BlueZ has resolved the services. `tried` says whether there is something to undo.
pub(super) async fn connect(
    device: &Peripheral,
    patience: Duration,
    tried: &Cell<bool>,
    cancel: impl AsyncFn(),
) -> Result<(), LinkEnd> {
    tried.set(true);
    let outcome = match within(patience, device.connect()).await {
        // From somebody who gave up without saying so, such as a daemon before us.
        Err(Trouble::InProgress) => {
            cancel().await;
            within(patience, device.connect()).await
        }
        outcome => outcome,
    };
    outcome.map_err(|trouble| match trouble {
        Trouble::Absent => LinkEnd::Lost,
        _ => LinkEnd::Unreachable,
    })
}

/// Discovers the services.
pub(super) async fn discover(device: &Peripheral, patience: Duration) -> Result<Discovered, LinkEnd> {
    let mut pauses = LOOK_AGAIN.into_iter();
    let mut had_none = false;
    let mut before = 0;
    loop {
        within(patience, device.discover_services())
            .await
            .map_err(in_link)?;
        let (gatt, known) = convert::gatt(device.services(), device.mtu());
        let found = gatt.characteristics.len();
        // Where there was nothing at first there may be only a part the next time.
        if found > 0 && (!had_none || found == before) {
            return Ok(Discovered { gatt, known });
        }
        had_none |= found == 0;
        before = found;
        match pauses.next() {
            Some(pause) => sleep(pause).await,
            None if found > 0 => return Ok(Discovered { gatt, known }),
            None => return Err(LinkEnd::Lost),
        }
    }
}

/// Whether BlueZ says that it is connected.
pub(super) async fn is_connected(device: &Peripheral) -> bool {
    within(ANSWER_WITHIN, device.is_connected()).await == Ok(true)
}

/// Performs an operation on what was discovered.
pub(super) async fn perform(
    device: Peripheral,
    at: Option<Characteristic>,
    operation: Operation,
    patience: Duration,
) -> Result<Vec<u8>, OperationError> {
    let at = at.ok_or(OperationError::Refused)?;
    let work = async {
        match &operation {
            Operation::Read(_) => return device.read(&at).await,
            Operation::Write { kind, value, .. } => {
                device.write(&at, value, convert::write_type(*kind)).await
            }
            Operation::Subscribe(_) => device.subscribe(&at).await,
            Operation::Unsubscribe(_) => device.unsubscribe(&at).await,
        }
        .map(|()| Vec::new())
    };
    match within(patience, work).await {
        // BlueZ ends what is under way on a link that is lost with an ATT error that an accessory may send too.
        Err(Trouble::Refused) if !is_connected(&device).await => Err(OperationError::Lost),
        outcome => outcome.map_err(Trouble::of_operation),
    }
}

fn in_radio(trouble: Trouble) -> LinkEnd {
    LinkEnd::Radio(trouble.of_radio())
}

/// What trouble means once there is a connection.
pub(super) fn in_link(trouble: Trouble) -> LinkEnd {
    match trouble {
        Trouble::Refused | Trouble::InProgress => LinkEnd::Radio(RadioError::Refused),
        Trouble::TimedOut | Trouble::Absent | Trouble::Disconnected => LinkEnd::Lost,
    }
}
