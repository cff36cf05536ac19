//! The program itself on a private bus, among services made by hand.

#![expect(clippy::unwrap_used, reason = "tests")]

mod dependencies;
mod keeping;
mod services;
mod stage;
