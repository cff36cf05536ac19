//! What marks of files tell.

use super::*;

#[test]
fn a_file_on_a_memory_card_is_as_it_was_after_the_next_mount() {
    let before = Mark {
        modified: 1_700_000_001_250_000_000,
        size: 7,
        inode: 90_001,
        mode: 0o755,
    };
    // Read from the card again: the time is what FAT holds, the inode another, the mode the new mount's.
    let after = Mark {
        modified: 1_700_000_000_000_000_000,
        inode: 12,
        mode: 0o644,
        ..before
    };
    for kind in [0x4d44, 0x2011_bab0] {
        let kept = |mark: Mark| mark.kept(Keeps::of(kind));
        assert_eq!(kept(before), kept(after));
        assert_ne!(kept(before), kept(Mark { size: 8, ..after }));
        let modified = after.modified + COARSE;
        assert_ne!(kept(before), kept(Mark { modified, ..after }));
    }
    let fuse = |mark: Mark| mark.kept(Keeps::of(0x6573_5546));
    assert_eq!(fuse(before), fuse(Mark { inode: 12, ..before }));
    assert_ne!(fuse(before), fuse(after));
    // EXT4_SUPER_MAGIC.
    assert_ne!(before.kept(Keeps::of(0xef53)), Mark { inode: 12, ..before });
}

#[test]
fn a_time_of_another_zone_is_told_from_that_of_an_edit() {
    let before = Mark {
        modified: 1_700_000_000_000_000_000,
        size: 7,
        inode: 0,
        mode: 0,
    };
    let later = |seconds: i64| Mark {
        modified: before.modified + seconds * 1_000_000_000,
        ..before
    };
    for seconds in [3600, -3600, 5 * 3600 + 2700, 23 * 3600] {
        assert!(later(seconds).is_of_another_zone(&before), "{seconds}");
    }
    for seconds in [0, 2, 3602, 1800 - 2, 24 * 3600] {
        assert!(!later(seconds).is_of_another_zone(&before), "{seconds}");
    }
    for other in [
        Mark {
            size: 8,
            ..later(3600)
        },
        Mark {
            inode: 12,
            ..later(3600)
        },
        Mark {
            mode: 0o644,
            ..later(3600)
        },
    ] {
        assert!(!other.is_of_another_zone(&before), "{other:?}");
    }
}
