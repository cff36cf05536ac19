//! Mi Smart Scale (181D) and Mi Body Composition Scale (181B): what they advertise, and the history that they keep.
//!
//! There is no key and no user in any of it: whoever is near can read the scale, and may weigh themselves.

mod driver;
mod frame;
mod listener;

pub use driver::MiScale;
pub use frame::{Frame, Invalid, Unit};
pub use listener::MiScaleListener;

use uuid::Uuid;

use crate::standard::uuids;

/// Which of the two scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Mi Smart Scale: weight.
    Weight,
    /// Mi Body Composition Scale: weight and impedance.
    Composition,
}

impl Model {
    /// The service whose data it advertises, and which holds all else.
    #[must_use]
    pub const fn service(self) -> Uuid {
        match self {
            Self::Weight => uuids::WEIGHT_SCALE,
            Self::Composition => uuids::BODY_COMPOSITION,
        }
    }

    /// The characteristic that sends its frames while it is connected.
    const fn measurement(self) -> Uuid {
        match self {
            Self::Weight => uuids::WEIGHT_MEASUREMENT,
            Self::Composition => uuids::BODY_COMPOSITION_MEASUREMENT,
        }
    }

    /// How many bytes a frame has.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Weight => 10,
            Self::Composition => 13,
        }
    }
}
