//! Each driver of a device that is kept connected under each fault: whatever goes wrong, it is said by its name, and
//! afterwards the device works as before.

mod subjects;

use std::time::Duration;

use belay_tests::accessories::{Band, Band7, BodyScale, Cell, InfiniTime, Strap, WeightScale, infinitime};
use belay_tests::app::{Answer, Object, Options, refused};
use belay_tests::bluez::{self, Air, Faults, Peripheral};
use belay_tests::until::{turns, until};
use uuid::Uuid;
use zbus::Variant;

use super::Beside;
use super::sensors::{follows_heart, latest};

/// What of a device the faults need to know.
trait Subject: Peripheral + Sized {
    /// Where it notifies.
    const CHANNELS: &[Uuid];
    /// Which of them is heard last once it is ready.
    const LAST: Uuid;
    /// A request that has it read, write or subscribe at once, where there is one.
    const REQUEST: Option<&str>;

    fn fresh() -> Self;

    fn listens(&self, to: Uuid) -> bool;

    /// It measures something: `number` is from 1 to 99.
    fn measures(&mut self, air: &mut Air, number: u8);

    /// Waits until this is told.
    async fn is_told(beside: &Beside, object: Object, number: u8);

    async fn pairs(beside: &Beside, object: Object) -> Answer<()> {
        beside.asks(object, "Pair").await
    }
}

/// A device of the owner's that works.
struct Owned<P> {
    beside: Beside,
    it: bluez::Accessory<P>,
    object: Object,
}

impl<P: Subject> Owned<P> {
    async fn new() -> Self {
        let beside = Beside::new().await;
        let (it, object) = beside.finds(P::fresh()).await;
        P::pairs(&beside, object).await.unwrap();
        let owned = Self { beside, it, object };
        owned.works(1).await;
        owned
    }

    /// What it measures is told.
    async fn works(&self, number: u8) {
        self.beside
            .app
            .reads(self.object, "State", "connected")
            .await
            .unwrap();
        self.it
            .until("it to be listened to", |it| it.listens(P::LAST))
            .await
            .unwrap();
        self.it
            .with(move |it, air| it.measures(air, number))
            .await
            .unwrap();
        P::is_told(&self.beside, self.object, number).await;
    }

    /// It is whole, and connected again where it isn't.
    async fn mended(&self, number: u8) {
        self.it.faults(Faults::default()).await.unwrap();
        self.beside.asks(self.object, "Connect").await.unwrap();
        self.works(number).await;
    }

    async fn disconnects(&self) {
        self.beside.asks(self.object, "Disconnect").await.unwrap();
        self.it.connected(false).await.unwrap();
    }

    async fn asks(&self, member: &str) -> Answer<()> {
        let (app, none) = (&self.beside.app, Options::new());
        match member {
            "Alert" => app
                .call(self.object, member, &("find", "", "", none))
                .await
                .unwrap(),
            "StopAlert" => app.call(self.object, member, &("find", none)).await.unwrap(),
            "MeasureHeartRate" => {
                let answer: Answer<u16> = app.call(self.object, member, &(none,)).await.unwrap();
                answer.map(drop)
            }
            _ => self.beside.asks(self.object, member).await,
        }
    }

    async fn under_every_fault(&self) {
        self.opening_is_cut_off().await;
        self.is_lost().await;
        self.cannot_be_reached().await;
        self.is_slow().await;
        self.loses_and_doubles().await;
        self.says_nonsense().await;
        self.changes().await;
        self.bluez_dies().await;
    }

    /// The link is lost at each of the first operations.
    async fn opening_is_cut_off(&self) {
        for at in 1..=3 {
            self.disconnects().await;
            let cut = Faults {
                drops_at: Some(at),
                ..Faults::default()
            };
            self.it.faults(cut).await.unwrap();
            let answer = self.asks("Connect").await;
            refused(answer, "AccessoryTimeout").unwrap_or_else(|error| panic!("{at}: {error}"));
            self.mended(10 + u8::try_from(at).unwrap()).await;
        }
    }

    /// The link is lost under a request, and with nothing under way.
    async fn is_lost(&self) {
        if let Some(request) = P::REQUEST {
            // What is still written after a fetch would be cut off in the request's stead. It all goes one after the other.
            for member in ["Alert", "StopAlert"] {
                self.asks(member).await.unwrap();
            }
            let cut = Faults {
                drops_at: Some(1),
                ..Faults::default()
            };
            self.it.faults(cut).await.unwrap();
            refused(self.asks(request).await, "AccessoryTimeout").unwrap();
            self.beside
                .app
                .reads(self.object, "State", "paired")
                .await
                .unwrap();
            self.mended(20).await;
        }
        self.it.lose().await.unwrap();
        self.beside
            .app
            .reads(self.object, "State", "paired")
            .await
            .unwrap();
        self.mended(21).await;
    }

    async fn cannot_be_reached(&self) {
        self.disconnects().await;
        let fails = Faults {
            connect_fails: Some((2, "le-connection-abort-by-local".to_owned())),
            ..Faults::default()
        };
        self.it.faults(fails).await.unwrap();
        refused(self.asks("Connect").await, "AccessoryUnreachable").unwrap();
        self.mended(30).await;
    }

    async fn is_slow(&self) {
        self.disconnects().await;
        let slow = Faults {
            slow: Duration::from_millis(15),
            ..Faults::default()
        };
        self.it.faults(slow).await.unwrap();
        self.asks("Connect").await.unwrap();
        self.works(40).await;
        self.mended(41).await;
    }

    /// What is lost isn't told, what comes twice does no harm, and what comes is told.
    async fn loses_and_doubles(&self) {
        self.it.seed(11).await.unwrap();
        let flaky = Faults {
            lost: 400,
            doubled: 400,
            ..Faults::default()
        };
        self.it.faults(flaky).await.unwrap();
        let many = |it: &mut P, air: &mut Air| (50..70).for_each(|number| it.measures(air, number));
        self.it.with(many).await.unwrap();
        self.it.faults(Faults::default()).await.unwrap();
        // The first may still be taken for the rest of one that was torn.
        let again = async {
            let mut turns = turns();
            loop {
                turns.tick().await;
                self.it.with(|it, air| it.measures(air, 70)).await.unwrap();
            }
        };
        tokio::select! {
            () = P::is_told(&self.beside, self.object, 70) => {}
            () = again => {}
        }
    }

    /// Values of every length up to more than fits, on every channel.
    async fn says_nonsense(&self) {
        let nonsense = |_: &mut P, air: &mut Air| {
            for channel in P::CHANNELS {
                for length in (0..=24).chain([64, 300, 600]) {
                    for byte in [0x00, 0x01, 0x10, 0x7f, 0xff] {
                        air.notify(*channel, vec![byte; length]);
                    }
                }
            }
        };
        self.it.with(nonsense).await.unwrap();
        self.works(80).await;
        // A number that isn't one, or that nothing of the kind can have, was never taken for a reading.
        let told = latest(&self.beside, self.object).await.unwrap_or_default();
        for (key, most) in [("weight", 656.0), ("body-fat", 100.0), ("impedance", 3000.0)] {
            if let Some(Variant::F64(value)) = told.get(key).map(|value| &**value) {
                assert!(*value > 0.0 && *value < most, "{key}: {value}");
            }
        }
        assert!(self.beside.app.get::<u8>(self.object, "Battery").await.unwrap() <= 100);
    }

    /// Its services are others all of a sudden.
    async fn changes(&self) {
        self.it.changes_services().await.unwrap();
        self.beside
            .app
            .reads(self.object, "State", "paired")
            .await
            .unwrap();
        self.it.connected(false).await.unwrap();
        self.mended(85).await;
    }

    async fn bluez_dies(&self) {
        self.beside.air.die().await.unwrap();
        self.beside
            .app
            .reads(self.object, "State", "paired")
            .await
            .unwrap();
        refused(self.asks("Connect").await, "AdapterMissing").unwrap();
        self.beside.air.come_back().await.unwrap();
        self.beside.powered().await.unwrap();
        self.mended(90).await;
    }
}

#[tokio::test]
async fn a_band_survives_every_fault() {
    Owned::<Band>::new().await.under_every_fault().await;
}

#[tokio::test]
async fn a_band_7_survives_every_fault() {
    Owned::<Band7>::new().await.under_every_fault().await;
}

#[tokio::test]
async fn a_strap_survives_every_fault() {
    Owned::<Strap>::new().await.under_every_fault().await;
}

#[tokio::test]
async fn a_watch_survives_every_fault() {
    Owned::<InfiniTime>::new().await.under_every_fault().await;
}

#[tokio::test]
async fn a_weight_scale_survives_every_fault() {
    Owned::<WeightScale>::new().await.under_every_fault().await;
}

#[tokio::test]
async fn a_body_scale_survives_every_fault() {
    Owned::<BodyScale>::new().await.under_every_fault().await;
}

#[tokio::test]
async fn what_has_a_battery_alone_survives_every_fault() {
    Owned::<Cell>::new().await.under_every_fault().await;
}

/// A heart rate is asked for, and the link is lost before one comes.
async fn measures_in_vain<P: Subject>(listens: impl Fn(&P) -> bool + Copy + Send + Sync + 'static) {
    let owned = Owned::<P>::new().await;
    let (app, object) = (&owned.beside.app, owned.object);
    follows_heart(&owned.beside, object, false).await;
    let answer = until("a measurement to have begun", async || {
        let lost = async {
            owned.it.until("it to measure", listens).await.unwrap();
            owned.it.lose().await.unwrap();
        };
        let (answer, ()) = tokio::join!(owned.asks("MeasureHeartRate"), lost);
        app.reads(object, "State", "paired").await.unwrap();
        match answer {
            // The link was gone before it said that it listens.
            Err(refusal) if refusal.short() == "AccessoryUnreachable" => {
                owned.asks("Connect").await.unwrap();
                None
            }
            answer => Some(answer),
        }
    });
    refused(answer.await.unwrap(), "AccessoryTimeout").unwrap();
}

#[tokio::test]
async fn a_measurement_that_the_link_does_not_outlive_is_late() {
    tokio::join!(
        measures_in_vain(Strap::listening),
        measures_in_vain(|it: &InfiniTime| it.listens(infinitime::HEART)),
    );
}
