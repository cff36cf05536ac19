//! The find domain: the owner's commands on their way to the warden, what they have belayd do, and what came of
//! it on its way back.
//!
//! `state` decides; in it `link` is the way to the cloud, paced by `pace`, `inflow` the commands, `performing` the effects. `actor`
//! keeps it and has `work` done, `outbox` is where others put reports in, `deeds` is what the machine can do.

mod actor;
pub mod conditions;
pub mod deeds;
mod errand;
mod handle;
mod heartbeat;
mod inflow;
mod link;
mod outbox;
mod pace;
mod performing;
mod ports;
mod state;
mod trouble;
mod work;

pub use conditions::{Conditions, NetworkKey};
pub use deeds::{Bell, DeedFailed, Deeds, Done, LocateRequest, Machine, MachineParts, NoDeeds, Position};
pub use handle::{FindError, FindHandle, FindView, Parts};
pub use outbox::Outbox;
pub use pace::Pace;
pub use ports::{Relay, Reply, Sign, Signs};
pub use state::{Announcement, Told};

#[cfg(test)]
pub(crate) mod tests;
