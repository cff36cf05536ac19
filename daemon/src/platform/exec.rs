//! What the device has no service for, done by configured commands: `[platform.exec]`.
//!
//! A command is a list of words, the first of them a program's absolute path; no shell sees it. `{number}`, `{text}`
//! and `{id}` in a word stand for what the call is about. What is asked is answered in JSON, one value on standard
//! output; a follower prints a line whenever something changed.

mod command;
mod guard;
mod parts;
mod views;

pub(super) use command::{Command, Running};
pub(super) use guard::stop_marked;
pub(super) use parts::{ExecModem, ExecNetwork, ExecPosition, ExecPower};
