//! Keeps a lost device lost. While it is: radios are switched on again, sessions ended, power-off and suspend blocked,
//! USB blocked, the lost screen's target kept. Once it isn't: everything is put back as it was. It may only tighten,
//! and believes nobody but the warden.
//!
//! While a policy is armed it also tells the warden that time has passed.
//!
//! | | |
//! |---|---|
//! | [`state`], [`event`] | what is wanted and what is done; the one function that changes it; no I/O |
//! | [`before`] | the former values, on disk before the first change |
//! | [`bus`] | the services: what they show, and what is asked of them |
//! | [`watch`] | the task that performs what the state wants |
//! | [`config`], [`cli`] | configuration, command line |

pub mod before;
pub mod bus;
pub mod cli;
pub mod config;
pub mod event;
pub mod state;
pub mod watch;

pub use cli::run;
