//! The edge towards D-Bus: `org.belay1.Warden`.

pub mod errors;
mod identity;
pub mod interface;
pub mod judges;
pub mod peers;
pub mod places;
mod secrets;
