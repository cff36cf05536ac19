//! What this device says of itself, read from sysfs.

pub mod assurance;
pub mod hardware;
