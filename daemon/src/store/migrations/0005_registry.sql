-- What is known of the account's registry of accessories at the cloud, a row for each that ever was in it or is to be.
-- `revision` is the newest that a sealed record had, `present` the one that the cloud has, as far as is known, both 0 =
-- none. `removed`: it was unpaired, for good. `changed_at`, in seconds since the epoch, is when. `changes` counts what
-- was changed here, `brought` is how many of these the cloud has, or something newer.
CREATE TABLE accessory_registry (
    id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
    account    BLOB    NOT NULL CHECK (length(account) = 16),
    revision   INTEGER NOT NULL,
    present    INTEGER NOT NULL,
    removed    INTEGER NOT NULL CHECK (removed IN (0, 1)),
    changed_at INTEGER NOT NULL,
    changes    INTEGER NOT NULL,
    brought    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
