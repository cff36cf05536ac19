//! Accessories of the owner: belayd with real btleplug over a simulated BlueZ, from the settings app's side.

mod answers;
pub mod band;
mod band7;
mod clock;
mod crowd;
mod days;
mod evil;
mod faults;
mod forward;
mod issued;
mod keys;
mod refusals;
mod registry;
mod rounds;
mod scales;
mod seeds;
mod sensors;
mod standard;
mod told;
mod uses;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use belay_tests::Outcome;
use belay_tests::accessories::Band;
use belay_tests::accessories::band::Model;
use belay_tests::app::{ACCESSORIES, Answer, App, Object, Options, entry, options};
use belay_tests::bluez::{self, Address, Peripheral, Running, Settings};
use belay_tests::stage::Plan;
use belay_tests::until::within;
use futures_util::StreamExt;
use zbus::OwnedVariant;
use zbus::fdo::ObjectManagerProxy;

use crate::owner::{ADA, PASSWORD, app, registered};
use crate::scene::{Scene, plan};

pub const BAND: Address = Address::random([0xc1, 2, 3, 4, 5, 6]);
const INTERFACE: &str = "org.belay1.Accessory";

/// A device of Ada's beside which BlueZ runs.
pub struct Beside {
    pub scene: Scene,
    pub air: Running,
    pub app: App,
}

impl Beside {
    pub async fn new() -> Self {
        Self::of(plan()).await
    }

    async fn of(plan: Plan) -> Self {
        let scene = Scene::of(plan).await;
        registered(&scene, ADA, PASSWORD).await;
        Self::around(scene).await
    }

    pub async fn around(scene: Scene) -> Self {
        let settings = Settings {
            flowing: true,
            // A real one takes two seconds.
            disconnect: Duration::from_millis(20),
            ..Settings::default()
        };
        Self::with(scene, settings).await
    }

    async fn with(scene: Scene, settings: Settings) -> Self {
        let air = Running::start(scene.bus().socket(), settings).await.unwrap();
        let app = app(&scene);
        let beside = Self { scene, air, app };
        beside.powered().await.unwrap();
        beside
    }

    async fn powered(&self) -> Outcome {
        let mut watch = self.app.watch(ACCESSORIES).await?;
        if self.app.get::<bool>(ACCESSORIES, "Powered").await? {
            return Ok(());
        }
        let on = |value: &OwnedVariant| matches!(**value, zbus::Variant::Bool(true));
        watch.until("the adapter to be on", "Powered", on).await
    }

    /// Puts an accessory into the air and finds it.
    pub async fn finds<P: Peripheral>(&self, peripheral: P) -> (bluez::Accessory<P>, Object) {
        self.finds_all([peripheral]).await.remove(0)
    }

    /// Puts accessories into the air and finds them, in their order.
    async fn finds_all<P: Peripheral>(
        &self,
        peripherals: impl IntoIterator<Item = P>,
    ) -> Vec<(bluez::Accessory<P>, Object)> {
        let manager = ObjectManagerProxy::new(self.app.bus(), "org.belay1", "/org/belay1")
            .await
            .unwrap();
        let mut added = manager.receive_interfaces_added().await.unwrap();
        // Only now: a discovery may run already.
        let mut wanted = Vec::new();
        for peripheral in peripherals {
            let address = peripheral.address().to_string();
            wanted.push((address, self.air.add(peripheral).await.unwrap()));
        }
        self.discover().await.unwrap().unwrap();
        let mut found = HashMap::new();
        within("the accessories to be found", async {
            while found.len() < wanted.len() {
                let signal = added.next().await.unwrap();
                let args = signal.args().unwrap();
                let mut interfaces = args.interfaces_and_properties().keys();
                if interfaces.any(|name| *name == INTERFACE) {
                    let object = at(args.object_path().to_string());
                    let identity = identity(&self.app, object).await;
                    found.insert(entry(&identity, "address"), object);
                }
            }
        })
        .await
        .unwrap();
        let pair = |(address, accessory)| (accessory, found[&address]);
        wanted.into_iter().map(pair).collect()
    }

    /// Finds an accessory of the air again, such as after a restart.
    async fn finds_again(&self, address: Address) -> Object {
        let manager = ObjectManagerProxy::new(self.app.bus(), "org.belay1", "/org/belay1")
            .await
            .unwrap();
        let mut added = manager.receive_interfaces_added().await.unwrap();
        self.discover().await.unwrap().unwrap();
        within("the accessory to be found again", async {
            loop {
                let signal = added.next().await.unwrap();
                let args = signal.args().unwrap();
                let object = at(args.object_path().to_string());
                let mut interfaces = args.interfaces_and_properties().keys();
                if interfaces.any(|name| *name == INTERFACE)
                    && entry(&identity(&self.app, object).await, "address") == address.to_string()
                {
                    return object;
                }
            }
        })
        .await
        .unwrap()
    }

    async fn discover(&self) -> Outcome<Answer<()>> {
        self.app
            .call(ACCESSORIES, "StartDiscovery", &(Options::new(),))
            .await
    }

    /// Calls a method that takes options alone.
    async fn asks(&self, object: Object, member: &str) -> Answer<()> {
        self.app.call(object, member, &(Options::new(),)).await.unwrap()
    }

    /// Pairs a band whose wearer taps.
    pub async fn pairs(&self, band: &bluez::Accessory<Band>, object: Object) {
        let tapped = async {
            band.until("the band to ask for a tap", |it| it.auth.asking())
                .await
                .unwrap();
            self.app
                .reads(object, "State", "awaiting-confirmation")
                .await
                .unwrap();
            band.with(Band::tap).await.unwrap();
        };
        let (answer, ()) = tokio::join!(self.asks(object, "Pair"), tapped);
        answer.unwrap();
    }

    pub async fn syncs(&self, object: Object) -> Answer<u32> {
        self.app.call(object, "Sync", &(Options::new(),)).await.unwrap()
    }

    pub async fn activity(&self, object: Object) -> Vec<(u64, u8, u8, u8, u8)> {
        let asked = (0_u64, u64::MAX, Options::new());
        self.app.call(object, "Activity", &asked).await.unwrap().unwrap()
    }
}

/// The object of an accessory. The names of test objects live as long as the test.
fn at(path: String) -> Object {
    Object {
        service: "org.belay1",
        path: Box::leak(path.into_boxed_str()),
        interface: INTERFACE,
    }
}

/// The minute, since 1970, that is now.
pub fn this_minute() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs() / 60).unwrap()
}

/// A Mi Band 2 that is nobody's and remembers its last minutes.
pub fn band(minutes: i64) -> Band {
    let mut band = Band::new(Model::Two, BAND, None, 1);
    band.history.live(9, this_minute() - minutes, minutes);
    band
}

/// What `Identity` answers.
async fn identity(app: &App, object: Object) -> HashMap<String, OwnedVariant> {
    app.call(object, "Identity", &(Options::new(),))
        .await
        .unwrap()
        .unwrap()
}

/// `replace`.
fn replacing() -> Options<'static> {
    options([("replace", true.into())])
}
