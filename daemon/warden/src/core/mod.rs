//! What the warden decides, without reading a file, a bus or a clock.

pub mod binding;
pub mod check;
pub mod command;
pub mod event;
mod grants;
pub mod hold;
pub mod keyring;
mod orders;
pub mod password;
pub mod records;
pub mod refusal;
pub mod registration;
pub mod state;
mod stored;
mod stored_pending;
pub mod succession;
pub mod throttle;
pub mod tickets;

#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod state_properties;
