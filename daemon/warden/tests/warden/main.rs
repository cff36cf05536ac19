//! The warden over real files: everything but the bus, which `belay-tests` covers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod account;
mod commands;
mod crashes;
mod credentials;
mod dependencies;
mod door;
mod first_state;
mod owner;
mod registration;
mod sign_out;
mod simulated;
mod state_files;
mod stopping_disk;
mod support;
mod throttling;
mod tickets;
mod untrusted;
