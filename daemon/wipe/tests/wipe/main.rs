//! The program itself, on real files.

#![expect(clippy::unwrap_used, reason = "tests")]

mod dependencies;
mod luks;
mod program;
mod support;
