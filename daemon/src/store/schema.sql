CREATE TRIGGER accessory_counter_end AFTER DELETE ON accessory
BEGIN
    DELETE FROM accessory_counter WHERE accessory = old.id;
END;
CREATE TRIGGER accessory_wishes_end AFTER DELETE ON accessory
BEGIN
    DELETE FROM accessory_wishes WHERE accessory = old.id;
END;
CREATE TABLE accessory (
    id        BLOB    PRIMARY KEY CHECK (length(id) = 16),
    account   BLOB    NOT NULL CHECK (length(account) = 16),
    kind      TEXT    NOT NULL,
    sealed    BLOB    NOT NULL,
    synced_to INTEGER NOT NULL,
    synced_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE accessory_counter (
    accessory BLOB    PRIMARY KEY CHECK (length(accessory) = 16),
    counter   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE accessory_pairing (
    id      BLOB PRIMARY KEY CHECK (length(id) = 16),
    account BLOB NOT NULL CHECK (length(account) = 16),
    begun   INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
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
CREATE TABLE accessory_wishes (
    accessory BLOB    PRIMARY KEY CHECK (length(accessory) = 16),
    bits      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    part   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE device (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    name       TEXT    NOT NULL,
    name_dirty INTEGER NOT NULL CHECK (name_dirty IN (0, 1))
) STRICT;
CREATE TABLE find (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    epoch       BLOB    NOT NULL CHECK (length(epoch) = 16),
    cursor      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    reported    TEXT    NOT NULL,
    reported_at INTEGER NOT NULL
) STRICT;
CREATE TABLE find_heartbeat (
    network  BLOB PRIMARY KEY CHECK (length(network) = 16),
    interval INTEGER NOT NULL,
    too_long INTEGER NOT NULL,
    used     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE find_outbox (
    number INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL CHECK (kind IN ('outcome', 'state', 'report')),
    id     BLOB NOT NULL CHECK (length(id) = 16),
    body   BLOB NOT NULL
) STRICT;
CREATE TABLE health_day (
    accessory BLOB    NOT NULL CHECK (length(accessory) = 16),
    day       INTEGER NOT NULL,
    what      TEXT    NOT NULL CHECK (what IN ('minutes', 'readings')),
    sealed    BLOB    NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (accessory, day, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE release_outbox (
    device   BLOB    NOT NULL CHECK (length(device) = 16),
    epoch    BLOB    NOT NULL CHECK (length(epoch) = 16),
    release  BLOB    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, epoch)
) STRICT, WITHOUT ROWID;
