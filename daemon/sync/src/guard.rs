//! The guard against a sync that deletes: a broken source, a wiped folder, a mistake.

/// A sync that would delete more than this many records asks first,
const RECORDS: u64 = 20;
/// if that is also more than this percentage of the collection (D-Bus contract, `Sync.Confirm`).
const PERCENT: u64 = 20;

/// Whether the owner is asked before `removed` of `present` records go.
#[must_use]
pub const fn asks(present: u64, removed: u64) -> bool {
    removed > RECORDS && removed.saturating_mul(100) > present.saturating_mul(PERCENT)
}

#[cfg(test)]
mod tests {
    use super::asks;

    #[test]
    fn few_records_or_a_small_part_go_unasked() {
        assert!(!asks(20, 20) && !asks(1000, 200) && !asks(0, 0));
        assert!(asks(21, 21) && asks(100, 21) && asks(1000, 201));
        assert!(asks(u64::MAX / 50, u64::MAX));
    }
}
