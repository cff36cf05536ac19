//! The trusted half of Belay: passwords, the throttle, the owner's key, the binding, the audit log.
//!
//! Small on purpose: it can be read in an hour, in this order.
//!
//! | | |
//! |---|---|
//! | [`core::state`] | the state and the one function that changes it; no I/O, no clock |
//! | [`core::throttle`], [`core::check`] | how wrong passwords are counted, and judged |
//! | [`core::tickets`], [`core::registration`], [`core::binding`] | tickets; binding, release, credentials, the door |
//! | `core::orders`, [`core::succession`], `core::grants` | what the owner's key signs; its successor; what comes from elsewhere |
//! | [`core::command`] | the owner's commands: judged, remembered, carried out; lost mode, wipe, policies |
//! | [`enforce`] | what the operating system does for them |
//! | [`ceremony`] | what is made and opened with a password |
//! | [`actor`], `walk`, [`handle`] | the task that owns the state; the steps of a ticket; the way to it |
//! | [`disk`] | the two copies, the reset-proof record, the audit log, `init` |
//! | [`device`] | serial numbers and boot chain, from sysfs |
//! | [`bus`], [`serve`] | D-Bus: who may call, the interface, the wiring |
//! | [`cli`], [`commands`], [`config`] | the command line |

pub mod actor;
pub mod bus;
pub mod ceremony;
pub mod cli;
pub mod commands;
pub mod config;
pub mod core;
pub mod device;
pub mod disk;
pub mod enforce;
pub mod handle;
pub mod moment;
mod quiet;
pub mod serve;
mod walk;

pub use cli::run;
