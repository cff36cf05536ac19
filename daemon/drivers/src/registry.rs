//! Which driver and which listener a kind has.

use crate::address::Address;
use crate::advertisement::Listener;
use crate::driver::Driver;
use crate::entropy::Entropy;
use crate::huami::Band;
use crate::infinitime::InfiniTime;
use crate::key::Key;
use crate::kind::Kind;
use crate::mi_scale::{MiScale, MiScaleListener, Model};
use crate::mibeacon::MiBeaconListener;
use crate::standard::Standard;

/// What drivers need besides the kind.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Setup {
    /// A number that stays the same for one account: scales keep a place in their history for each.
    pub owner: u32,
    /// Chance for this one connection: bands that agree on a key draw theirs from it.
    pub entropy: Entropy,
}

/// The driver of a kind, for one connection. `None`: it is never connected to.
#[must_use]
pub fn driver(kind: Kind, setup: &Setup) -> Option<Box<dyn Driver>> {
    match kind {
        Kind::MiBand2 | Kind::MiBand3 | Kind::MiBand4 | Kind::MiBand5 | Kind::MiBand6 | Kind::MiBand7 => {
            let band = Band::new(kind)?.with_entropy(setup.entropy.clone());
            Some(Box::new(band))
        }
        Kind::MiScale => Some(Box::new(MiScale::new(Model::Weight, setup.owner))),
        Kind::MiBodyScale => Some(Box::new(MiScale::new(Model::Composition, setup.owner))),
        Kind::InfiniTime => Some(Box::new(InfiniTime::new())),
        Kind::HeartRateMonitor => Some(Box::new(Standard::heart_rate_monitor())),
        Kind::Generic => Some(Box::new(Standard::generic())),
        _ => None,
    }
}

/// The listener of a kind. `address` is the accessory's own, which its encryption goes by; `key` the one that its
/// owner brought. `None`: its advertisements hold nothing that is measured.
#[must_use]
pub fn listener(kind: Kind, address: Address, key: Option<Key>) -> Option<Box<dyn Listener>> {
    match kind {
        Kind::MiScale => Some(Box::new(MiScaleListener::new(Model::Weight))),
        Kind::MiBodyScale => Some(Box::new(MiScaleListener::new(Model::Composition))),
        Kind::MiBeaconSensor => Some(Box::new(MiBeaconListener::new(address, key))),
        _ => None,
    }
}
