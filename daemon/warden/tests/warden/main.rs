//! The warden over real files: everything but the bus, which `belay-tests` covers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod account;
mod account_crashes;
mod by_sms;
mod changing;
mod code_wraps;
mod collection_keys;
mod command_crashes;
mod commands;
mod crashes;
mod credentials;
mod deed_crashes;
mod dependencies;
mod door;
mod enforcing;
mod first_state;
mod floods;
mod hold_crashes;
mod hold_ends;
mod hold_refusals;
mod holding;
mod life;
mod ordering;
mod own_time;
mod owner;
mod policies;
mod power_cuts;
mod recovering;
mod refusals;
mod registration;
mod sign_out;
mod signing;
mod simulated;
mod state_files;
mod stopping_disk;
mod strength;
mod succeeding;
mod support;
mod throttling;
mod tickets;
mod traced_disk;
mod untrusted;
mod unwiped;
mod wiping;
mod withheld;
