//! Carries out the wipe plan of this device: journalled, resumed after a power cut, keys first.
//!
//! Root with devices; no network, no D-Bus. In reading order:
//!
//! | | |
//! |---|---|
//! | [`plan`] | `wipe.toml`: the steps, and what the plan is worth |
//! | [`progress`] | what happens next: the state and the one function that changes it; no I/O |
//! | [`journal`] | intent, tombstone and the journal's entries, as they lie on disk |
//! | [`preflight`] | what must hold before a byte is changed |
//! | [`luks`], [`deeds`] | LUKS2 headers; how each kind of step is done |
//! | [`machine`], [`mounts`] | the system underneath, behind a trait that tests stop at every write |
//! | [`wipe`], [`cli`] | the run; the command line |

pub mod cli;
pub mod deeds;
pub mod journal;
pub mod luks;
pub mod machine;
pub mod mounts;
pub mod plan;
pub mod preflight;
pub mod progress;
mod system;
#[cfg(test)]
mod testing;
pub mod wipe;

pub use cli::run;
