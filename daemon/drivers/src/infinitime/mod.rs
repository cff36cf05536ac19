//! InfiniTime, the firmware of the PineTime watch: standard services, and some of its own.

pub mod alert;
mod driver;
pub mod motion;
pub mod weather;

pub use driver::InfiniTime;

use uuid::Uuid;

/// The value doesn't have the layout of its characteristic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a value of this characteristic")]
pub struct Invalid;

/// The service whose update protocol it advertises.
pub const UPDATE: Uuid = Uuid::from_u128(0x0000_1530_1212_efde_1523_785f_eabc_d123);
/// The motion service.
pub const MOTION: Uuid = Uuid::from_u128(0x0003_0000_78fc_48fe_8e23_433b_3a19_42d0);
/// The steps of today.
pub const STEPS: Uuid = Uuid::from_u128(0x0003_0001_78fc_48fe_8e23_433b_3a19_42d0);
/// What its wearer does about a call; among the Alert Notification service.
pub const CALL_ANSWER: Uuid = Uuid::from_u128(0x0002_0001_78fc_48fe_8e23_433b_3a19_42d0);
