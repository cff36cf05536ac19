//! Scales, MiBeacon, the services of the Bluetooth SIG, InfiniTime.

use super::Check;

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[];
