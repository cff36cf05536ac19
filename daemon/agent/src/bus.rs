//! belayd's collections over D-Bus, and what belayd tells.

mod phases;
mod records;
mod watching;

pub use records::BusRecords;
pub use watching::{Belayd, Heard};
