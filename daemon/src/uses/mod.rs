//! What an accessory and the phone do for each other: a band that looks for the phone has it ring, calls and texts
//! reach the wrist that wants them, and a band that is gone tells the owner's policy.
//!
//! `state.rs` decides (in it `absence.rs` when a band counts as lost, `wrist.rs` what is shown where), `lanes.rs` what
//! waits and what gives way, `actor.rs` has it done by the accessories, the bell, the modem and the warden, `memory.rs`
//! keeps for how long bands are gone.

mod actor;
mod lanes;
mod memory;
mod state;

pub use actor::{Parts, UsesActor};
