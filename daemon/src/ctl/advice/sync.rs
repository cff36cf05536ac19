//! What goes wrong with synced records.

use super::{Advice, advice, exit};

/// As the table of all others.
pub const TABLE: &[(&str, Advice)] = &[
    (
        "NoSuchCollection",
        advice(
            exit::DATA,
            "There is no such collection.",
            "belayctl sync sources names them.",
        ),
    ),
    (
        "NoSuchRecord",
        advice(
            exit::DATA,
            "There is no such record.",
            "belayctl sync list COLLECTION shows names and ids.",
        ),
    ),
    (
        "SyncPaused",
        advice(
            exit::UNAVAILABLE,
            "Sync is paused: by its owner, on a metered network, while roaming, or for a low battery.",
            "belayctl sync resume goes on; belayctl sync policy shows what pauses it, and belayctl sync now --anyway syncs once.",
        ),
    ),
    (
        "NoQuestion",
        advice(
            exit::DATA,
            "Nothing waits for an answer.",
            "belayctl sync status shows what sync is doing.",
        ),
    ),
    (
        "CutShort",
        advice(
            exit::UNAVAILABLE,
            "Not all of it could be fetched.",
            "See belayctl sync status; once the cloud can be reached, try again.",
        ),
    ),
];
