//! The reference cloud of Belay: a mailbox and a bookkeeper.
//!
//! It holds no key that reads data and none that commands a device. `proto/openapi.yaml` is its contract.
//!
//! Each area is a module: its handlers read a request, do their work in one transaction of the
//! [`store`], and answer. What is decided (is a code still good, may a token be renewed, how long must a
//! guesser wait) stands in pure functions beside them, without HTTP, database or clock.

pub mod accessories;
pub mod accounts;
pub mod admin;
pub mod alarm;
pub mod app;
pub mod blobs;
pub mod bootloader;
pub mod budget;
pub mod catalogue;
pub mod challenges;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod delegates;
pub mod delivery;
pub mod devices;
pub mod hardware;
pub mod health;
pub mod holds;
pub mod http;
pub mod identifiers;
pub mod inbound_sms;
pub mod language;
pub mod login;
pub mod messages;
pub mod net;
pub mod notices;
pub mod pages;
pub mod problem;
pub mod recoveries;
pub mod releases;
pub mod routes;
pub mod server;
pub mod services;
pub mod store;
pub mod sweep;
pub mod sync;
pub mod text;
pub mod tokens;
pub mod upkeep;
pub mod vault;
pub mod verifications;

pub use cli::run;

#[cfg(test)]
mod tests;
