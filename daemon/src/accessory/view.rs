//! What is shown of the accessories.

use std::collections::BTreeMap;

use belay_drivers::{Kind, Reading};
use belay_proto::id::AccessoryId;

use super::model::Wishes;
use super::state::{Accessory, State};

/// What the bus shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// An adapter is there.
    pub available: bool,
    /// It is on.
    pub powered: bool,
    /// A discovery runs.
    pub discovering: bool,
    /// The accessories.
    pub accessories: BTreeMap<AccessoryId, AccessoryView>,
}

/// What the bus shows of one.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessoryView {
    /// Its address, for `Identity` alone.
    pub address: String,
    /// Its serial number, for `Identity` alone.
    pub serial: String,
    /// Its name; the kind's where it advertises none.
    pub name: String,
    /// Which it is.
    pub kind: Kind,
    /// The word for its state.
    pub state: &'static str,
    /// It is the account's.
    pub paired: bool,
    /// The name of an error, or empty.
    pub problem: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// dBm.
    pub rssi: i16,
    /// Percent; 255 unknown.
    pub battery: u8,
    /// Whether it charges.
    pub charging: bool,
    /// As it says.
    pub firmware: String,
    /// Seconds since the epoch; 0 never.
    pub last_sync: u64,
    /// Records done and in all.
    pub progress: (u64, u64),
    /// The newest readings, for `Latest` alone.
    pub latest: Vec<(u64, Reading)>,
    /// It can be asked something now; not on the bus.
    pub ready: bool,
    /// Its link broke by itself and isn't up again; not on the bus.
    pub away: bool,
    /// Somebody had it disconnected; not on the bus.
    pub held: bool,
    /// What its owner has switched on.
    pub wishes: Wishes,
}

impl View {
    pub(super) fn of(state: &State) -> Self {
        Self {
            available: state.adapter.available,
            powered: state.adapter.powered,
            discovering: state.discovering(),
            accessories: state
                .accessories
                .iter()
                .map(|(id, one)| (*id, AccessoryView::of(one)))
                .collect(),
        }
    }
}

impl AccessoryView {
    fn of(one: &Accessory) -> Self {
        let paired = one.paired.as_ref();
        Self {
            address: one.address.to_string(),
            serial: paired.map(|it| it.serial.clone()).unwrap_or_default(),
            name: if one.name.is_empty() {
                one.kind.name().to_owned()
            } else {
                one.name.clone()
            },
            kind: one.kind,
            state: one.state(),
            paired: paired.is_some(),
            problem: one.problem.map_or("", |problem| problem.name()),
            advice: one
                .problem
                .map_or("", |problem| problem.advice(one.need, one.bonded)),
            rssi: one.rssi,
            battery: one.battery.unwrap_or(255),
            charging: one.charging,
            firmware: one.firmware.clone(),
            last_sync: paired.map_or(0, |it| it.synced_at),
            progress: one.progress,
            latest: one.latest.clone(),
            ready: one.is_ready(),
            away: one.lost_at.is_some(),
            held: one.held,
            wishes: one.wishes,
        }
    }
}
