//! Virtual accessories for the air of the simulated BlueZ. Their bytes are written here from what is known of the
//! protocols, with no code shared with the drivers, so that a misunderstanding can't hide in both.

pub mod band;
pub mod band7;
pub mod beacon;
pub mod infinitime;
pub mod scale;
pub mod script;
pub mod standard;
pub mod strap;
#[cfg(test)]
mod vectors;

pub use band::Band;
pub use band7::Band7;
pub use beacon::Beacon;
pub use infinitime::InfiniTime;
pub use scale::Scale;
pub use script::{Manner, Script};
pub use standard::{BodyScale, Cell, WeightScale};
pub use strap::Strap;
