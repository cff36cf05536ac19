//! The protocol of 2021: ECDH over B-163, chunks with a header, encryption.

use super::Check;

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[];
