//! Mi Band 2 to 6, before the protocol of 2021.

use super::Check;

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[];
