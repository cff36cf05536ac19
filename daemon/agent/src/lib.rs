//! Mirrors a user's own files into the collections that belayd syncs, and back. It runs as the user and hands over
//! descriptors: belayd, which talks to the network, opens no file of anybody's. Nothing is mirrored whose collection isn't
//! on. In reading order:
//!
//! | | |
//! |---|---|
//! | [`model`] | items, records, and what both last had in common |
//! | [`state`] | what is to be done; the one function that changes it; no I/O |
//! | [`ports`] | what a source and a collection are to the rest |
//! | [`source`], [`tree`], [`names`], [`inotify`] | folders and vdirs, and what keeps hostile names in them |
//! | [`bus`] | the collections over D-Bus |
//! | [`queue`], [`work`] | carrying out |
//! | [`mirror`], [`memory`], [`standing`] | the task of a source, what it remembers, and how it stands |
//! | [`left_out`] | what isn't mirrored as it stands |
//! | [`agent`], [`config`], [`cli`] | all of them; the configuration; the command line |

pub mod agent;
pub mod bus;
pub mod cli;
pub mod config;
#[cfg(test)]
mod exfat;
pub mod inotify;
pub mod left_out;
pub mod memory;
pub mod mirror;
pub mod model;
pub mod names;
pub mod ports;
pub mod queue;
pub mod source;
pub mod standing;
pub mod state;
pub mod tree;
pub mod work;

pub use cli::run;
