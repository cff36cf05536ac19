//! What costs its owner something pauses sync, and says what it is: a network that is paid by the byte, another operator's, an
//! empty battery.

use belay_tests::app::{Answer, App, New, Options, SYNC, options, refused};
use belay_tests::bluez::Chance;
use belay_tests::proxy::Trick;
use belay_tests::services::Services;
use belay_tests::services::power::Warning;
use belay_tests::until::until;
use zbus::Variant;

use super::{Device, Fleet};

/// Too long for a record.
const LONG: usize = 300_000;
/// So many times as fast does time go.
const SPEED: u32 = 2;
/// For as long as it takes.
const ALWAYS: usize = 10_000;
/// As NetworkManager and ModemManager count.
const METERED: u32 = 1;
const FREE: u32 = 2;
const AT_HOME: u32 = 1;
const ABROAD: u32 = 5;
/// Percent, below the floor that holds unless the owner says otherwise, and above it.
const LOW: f64 = 14.0;
const WELL: f64 = 80.0;

/// What stops sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Metered,
    Roaming,
    Battery,
}

impl Cost {
    /// As PausedBy says it.
    fn word(self) -> &'static str {
        match self {
            Self::Metered => "metered",
            Self::Roaming => "roaming",
            Self::Battery => "battery",
        }
    }

    /// It is so, or isn't any more.
    async fn is(self, services: &Services, so: bool) {
        let (network, modem, power) = (services.network(), services.modem(), services.power());
        match (self, so) {
            (Self::Metered, _) => network.metered(if so { METERED } else { FREE }).await.unwrap(),
            (Self::Roaming, true) => {
                modem.is_registered(ABROAD).await.unwrap();
                network.connect_through(&modem.path().unwrap()).await.unwrap();
            }
            (Self::Roaming, false) => {
                network.connect("home-again").await.unwrap();
                modem.is_registered(AT_HOME).await.unwrap();
            }
            (Self::Battery, _) => {
                let percent = if so { LOW } else { WELL };
                power.set(percent, Warning::None).await.unwrap();
            }
        }
    }

    /// What of the policy its owner says not to mind it with, and what it is unless he does.
    fn policy(self, minds: bool) -> (&'static str, Variant<'static>) {
        match self {
            Self::Metered => ("metered", Variant::from(!minds)),
            Self::Roaming => ("roaming", Variant::from(!minds)),
            Self::Battery => ("battery-floor", Variant::from(if minds { 15_u8 } else { 0 })),
        }
    }
}

/// Sync does this, for this reason.
async fn comes_to(app: &App, state: &str, why: &str) {
    until(&format!("sync to be {state}"), async || {
        let is = app.text(SYNC, "State").await.unwrap();
        (is == state && app.text(SYNC, "PausedBy").await.unwrap() == why).then_some(())
    })
    .await
    .unwrap();
}

/// So many records wait for the cloud.
async fn waits(device: &Device, count: u32) {
    let wait = async || (device.pending("documents").await == count).then_some(());
    until(&format!("{count} records to wait"), wait).await.unwrap();
}

async fn set_policy(app: &App, policy: (&'static str, Variant<'static>)) {
    app.call::<_, ()>(SYNC, "SetPolicy", &(options([policy]), Options::new()))
        .await
        .unwrap()
        .unwrap();
}

/// A document that is like no other, and isn't shorter once it is compressed.
fn document(number: u8) -> Vec<u8> {
    let mut chance = Chance::new(u64::from(number));
    let words = (0..LONG.div_ceil(8)).flat_map(|_| chance.next().to_be_bytes());
    words.take(LONG).collect()
}

async fn put(app: &App, natural: &str, content: &[u8]) -> Answer<u64> {
    let new = New {
        natural,
        kind: "application/octet-stream",
        content,
    };
    app.put_new("documents", &new).await.unwrap()
}

async fn is_paused_by(fleet: &Fleet, device: &Device, cost: Cost, number: u8) {
    let (app, services) = (&device.app, device.scene.services());
    let before = format!("before {cost:?}");
    put(app, &before, &document(number)).await.unwrap();
    app.sync_now().await.unwrap().unwrap();
    comes_to(app, "idle", "").await;
    let rows = app.list("documents").await.unwrap().unwrap();
    let there = rows.into_iter().find(|row| row.natural == before).unwrap();

    // Contents are on their way, both ways, and what hangs isn't given up before it is paused.
    device.scene.clock().crawl().unwrap();
    fleet.network().plan("/v1/blobs/", ALWAYS, &Trick::Hang);
    let (one, other) = (app.clone(), app.clone());
    let id = there.id.clone();
    let getting = tokio::spawn(async move { one.content("documents", &id).await.unwrap() });
    let putting = tokio::spawn(async move { put(&other, "meanwhile", &document(100 + number)).await });
    fleet.network().played("/v1/blobs/").await.unwrap();
    comes_to(app, "syncing", "").await;

    cost.is(services, true).await;
    comes_to(app, "paused", cost.word()).await;
    device.scene.clock().run(SPEED).unwrap();
    refused(putting.await.unwrap(), "Busy").unwrap();
    // What came of it says by its length that it isn't all.
    if let Ok((content, _)) = getting.await.unwrap() {
        assert!(content.len() < LONG, "{cost:?}");
    }
    refused(app.sync_now().await.unwrap(), "Busy").unwrap();
    refused(put(app, "later", &document(200)).await, "Busy").unwrap();
    fleet.network().behave();
    put(app, &format!("short {number}"), b"is kept here")
        .await
        .unwrap();
    waits(device, 1).await;

    // Its owner doesn't mind, and then does.
    set_policy(app, cost.policy(false)).await;
    // It goes on by itself.
    waits(device, 0).await;
    comes_to(app, "idle", "").await;
    set_policy(app, cost.policy(true)).await;
    comes_to(app, "paused", cost.word()).await;

    cost.is(services, false).await;
    comes_to(app, "idle", "").await;
    let (content, _) = app.content("documents", &there.id).await.unwrap().unwrap();
    assert!(content == document(number), "{cost:?}");
    put(app, &format!("after {cost:?}"), &document(100 + number))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_policy_minds_pauses_sync_says_so_ends_what_moves_and_lets_it_go_on_afterwards() {
    let fleet = Fleet::of(1, &["documents"]).await;
    let device = &fleet.devices[0];
    device.scene.clock().run(SPEED).unwrap();
    for (number, cost) in [Cost::Metered, Cost::Roaming, Cost::Battery]
        .into_iter()
        .enumerate()
    {
        is_paused_by(&fleet, device, cost, number as u8 + 1).await;
    }
    // Of several the first is told, and without it the next.
    let (app, services) = (&device.app, device.scene.services());
    for cost in [Cost::Battery, Cost::Metered] {
        cost.is(services, true).await;
        comes_to(app, "paused", cost.word()).await;
    }
    app.call::<_, ()>(SYNC, "Pause", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    comes_to(app, "paused", "owner").await;
    app.call::<_, ()>(SYNC, "Resume", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    Cost::Metered.is(services, false).await;
    comes_to(app, "paused", "battery").await;
    // On the charger it is as with a full one.
    services.power().charge(true).await.unwrap();
    comes_to(app, "idle", "").await;
}
