//! Exit codes of every program, after `sysexits.h` (BSD).

/// Everything went well.
pub const OK: u8 = 0;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// A service that is needed doesn't answer.
pub const UNAVAILABLE: u8 = 69;
/// A mistake of ours.
pub const SOFTWARE: u8 = 70;
/// Reading or writing failed.
pub const IO: u8 = 74;
/// The configuration is wrong.
pub const CONFIG: u8 = 78;
