//! The simulated BlueZ under a real btleplug: what its clients see, compared with a real one.

mod bands;
mod golden;
mod use_of_it;
mod wrong;

use std::time::Duration;

use belay_tests::accessories::Strap;
use belay_tests::bluez::{Accessory, Address, Bluez, Running, Settings};
use belay_tests::bus::Bus;
use belay_tests::place::{self, Place};
use belay_tests::stage::Plan;
use belay_tests::until::{PATIENCE, within};
use btleplug::api::{Central, CentralEvent, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter, Manager, Peripheral};
use futures_util::{Stream, StreamExt};

/// btleplug finds the bus by this variable alone.
const BUS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

const STRAP: Address = Address::random([0xc0, 0xff, 0xee, 0x00, 0x00, 0x01]);

/// Runs `body` in a process of its own whose system bus is a private one: a variable of the environment can't be set
/// for one test of many. `name` is the test's path, by which the same executable runs it again.
pub fn apart(name: &str, body: impl AsyncFnOnce(Bluez)) {
    apart_by(name, Settings::default(), body);
}

pub fn apart_by(name: &str, settings: Settings, body: impl AsyncFnOnce(Bluez)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match std::env::var("BELAY_TESTS_APART") {
            Ok(bus) => {
                let running = Running::start(bus.as_ref(), settings).await.unwrap();
                body(running.bluez().clone()).await;
            }
            Err(_) => again(name).await,
        }
    });
}

async fn again(name: &str) {
    let exe = place::executable(env!("CARGO_BIN_EXE_playground").as_ref()).unwrap();
    let place = Place::new().unwrap();
    let plan = Plan {
        log_level: "warn",
        ..Plan::new(&exe)
    };
    let bus = Bus::start(&place, &exe, &plan).await.unwrap();
    let run = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("BELAY_TESTS_APART", bus.socket())
        .env(BUS, bus.address())
        .kill_on_drop(true)
        .output();
    // The body has deadlines of its own; long tests are run by whoever has the time.
    let limit = match std::env::var_os("BELAY_LONG") {
        Some(_) => LONG,
        None => 5 * PATIENCE,
    };
    let output = tokio::time::timeout(limit, run).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
    assert!(said.contains("1 passed"), "no test is called {name}: {said}");
    for line in wrong.lines().filter(|line| line.starts_with("measured: ")) {
        eprintln!("{line}");
    }
}

/// The first adapter of btleplug.
async fn adapter() -> Adapter {
    let manager = Manager::new().await.unwrap();
    manager.adapters().await.unwrap().remove(0)
}

/// A strap in the air, and found.
async fn found_strap(bluez: &Bluez) -> (Accessory<Strap>, Adapter, Peripheral) {
    let strap = bluez.add(Strap::new(STRAP)).await.unwrap();
    let adapter = adapter().await;
    let peripheral = find(&adapter).await;
    (strap, adapter, peripheral)
}

/// Scans until something is found, and stops.
async fn find(adapter: &Adapter) -> Peripheral {
    let mut events = adapter.events().await.unwrap();
    adapter.start_scan(ScanFilter::default()).await.unwrap();
    let id = first(&mut events, |event| match event {
        CentralEvent::DeviceDiscovered(id) => Some(id),
        _ => None,
    })
    .await;
    adapter.stop_scan().await.unwrap();
    adapter.peripheral(&id).await.unwrap()
}

/// The first item that `wanted` accepts.
async fn first<I, T>(items: &mut (impl Stream<Item = I> + Unpin), wanted: impl Fn(I) -> Option<T>) -> T {
    let found = within("an event", async {
        loop {
            let item = items.next().await.unwrap();
            if let Some(found) = wanted(item) {
                return found;
            }
        }
    });
    found.await.unwrap()
}

/// The characteristic of this UUID.
fn characteristic(peripheral: &Peripheral, uuid: uuid::Uuid) -> btleplug::api::Characteristic {
    let all = peripheral.characteristics();
    all.into_iter().find(|c| c.uuid == uuid).unwrap()
}

/// A time that is longer than anything waits for.
const LONG: Duration = Duration::from_secs(3600);
