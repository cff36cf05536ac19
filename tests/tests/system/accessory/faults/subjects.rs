//! The devices, each as the faults need to know it.

use belay_tests::accessories::band::{Model, wire};
use belay_tests::accessories::standard::{self, Composition, Field, Weighing};
use belay_tests::accessories::{
    Band, Band7, BodyScale, Cell, InfiniTime, Strap, WeightScale, band7, infinitime, strap,
};
use belay_tests::app::{Answer, Object};
use belay_tests::bluez::{Address, Air};
use uuid::Uuid;

use super::Subject;
use crate::accessory::Beside;
use crate::accessory::sensors::{follows_heart, has_battery, pairs_with, tells};

const KEY: [u8; 16] = *b"0123456789@ABCDE";

const fn numbered(number: u8) -> Address {
    Address::random([0xd1, 2, 3, 4, 5, number])
}

impl Subject for Band {
    const CHANNELS: &[Uuid] = &[
        wire::AUTH,
        wire::CONFIG,
        wire::FETCH,
        wire::DATA,
        wire::BATTERY,
        wire::STEPS,
        wire::EVENTS,
        wire::HEART,
    ];
    const LAST: Uuid = wire::HEART;
    const REQUEST: Option<&str> = Some("Alert");

    fn fresh() -> Self {
        let mut band = Self::new(Model::Three, numbered(1), None, 1);
        band.auth.taps = true;
        band
    }

    fn listens(&self, to: Uuid) -> bool {
        Self::listens(self, to)
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        self.walk(air, 1000 + u32::from(number));
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        tells(beside, object, "steps", 1000 + u32::from(number)).await;
    }
}

impl Subject for Band7 {
    const CHANNELS: &[Uuid] = &[band7::FROM, wire::FETCH, wire::DATA, wire::HEART];
    const LAST: Uuid = wire::HEART;
    const REQUEST: Option<&str> = Some("Alert");

    fn fresh() -> Self {
        Self::new(numbered(2), KEY, 1)
    }

    fn listens(&self, _to: Uuid) -> bool {
        self.trusted() && self.tells_steps()
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        self.walk(air, 1000 + u32::from(number));
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        tells(beside, object, "steps", 1000 + u32::from(number)).await;
    }

    async fn pairs(beside: &Beside, object: Object) -> Answer<()> {
        pairs_with(beside, object, KEY).await
    }
}

impl Subject for Strap {
    const CHANNELS: &[Uuid] = &[strap::MEASUREMENT, strap::BATTERY];
    const LAST: Uuid = strap::MEASUREMENT;
    // Its measurements are subscribed to already.
    const REQUEST: Option<&str> = None;

    fn fresh() -> Self {
        Self::new(numbered(3))
    }

    fn listens(&self, _to: Uuid) -> bool {
        self.listening()
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        self.beat(air, 100 + u16::from(number), &[820]);
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        tells(beside, object, "heart-rate", 100 + u16::from(number)).await;
    }

    async fn pairs(beside: &Beside, object: Object) -> Answer<()> {
        beside.asks(object, "Pair").await?;
        follows_heart(beside, object, true).await;
        Ok(())
    }
}

impl Subject for InfiniTime {
    const CHANNELS: &[Uuid] = &[infinitime::CALL, infinitime::BATTERY, infinitime::STEPS];
    const LAST: Uuid = infinitime::CALL;
    const REQUEST: Option<&str> = Some("MeasureHeartRate");

    fn fresh() -> Self {
        Self::new(numbered(4))
    }

    fn listens(&self, to: Uuid) -> bool {
        Self::listens(self, to)
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        self.walk(air, 1000 + u32::from(number));
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        tells(beside, object, "steps", 1000 + u32::from(number)).await;
    }
}

impl Subject for WeightScale {
    const CHANNELS: &[Uuid] = &[standard::WEIGHT, standard::BATTERY];
    const LAST: Uuid = standard::WEIGHT;
    const REQUEST: Option<&str> = None;

    fn fresh() -> Self {
        Self::new(numbered(5))
    }

    fn listens(&self, to: Uuid) -> bool {
        self.common.listens(to)
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        let raw = 10_000 + 200 * u16::from(number);
        let weighing = Weighing {
            raw,
            ..Weighing::default()
        };
        self.weigh(air, weighing);
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        tells(beside, object, "weight", 50.0 + f64::from(number)).await;
    }
}

impl Subject for BodyScale {
    const CHANNELS: &[Uuid] = &[standard::COMPOSITION, standard::BATTERY];
    const LAST: Uuid = standard::COMPOSITION;
    const REQUEST: Option<&str> = None;

    fn fresh() -> Self {
        Self::new(numbered(6))
    }

    fn listens(&self, to: Uuid) -> bool {
        self.common.listens(to)
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        let composition = Composition {
            fat: 200,
            fields: [(Field::Impedance, 5000 + 10 * u16::from(number))].into(),
            ..Composition::default()
        };
        self.measure(air, composition);
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        tells(beside, object, "impedance", 500.0 + f64::from(number)).await;
    }
}

impl Subject for Cell {
    const CHANNELS: &[Uuid] = &[standard::BATTERY];
    const LAST: Uuid = standard::BATTERY;
    const REQUEST: Option<&str> = Some("Alert");

    fn fresh() -> Self {
        Self::new(numbered(7))
    }

    fn listens(&self, to: Uuid) -> bool {
        self.common.listens(to)
    }

    fn measures(&mut self, air: &mut Air, number: u8) {
        self.drain(air, number);
    }

    async fn is_told(beside: &Beside, object: Object, number: u8) {
        has_battery(beside, object, number).await;
    }
}
