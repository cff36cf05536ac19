//! The find domain: the owner's commands on their way to the warden, what they have belayd do, and what came of
//! it on its way back.

pub mod conditions;
pub mod deeds;
mod outbox;
mod ports;

pub use conditions::{Conditions, NetworkKey};
pub use deeds::{DeedFailed, Deeds, Done, LocateRequest, Position};
pub use outbox::Outbox;
pub use ports::{Relay, Reply, Sign, Signs};
