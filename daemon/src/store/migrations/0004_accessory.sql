-- The owner's accessories. `sealed` holds what only the owner should know: address, name, serial number, key and
-- settings. `synced_to` is the last minute of its history that is here, `synced_at` when a sync last ended, both in
-- seconds since the epoch, 0 = never.
CREATE TABLE accessory (
    id        BLOB    PRIMARY KEY CHECK (length(id) = 16),
    account   BLOB    NOT NULL CHECK (length(account) = 16),
    kind      TEXT    NOT NULL,
    sealed    BLOB    NOT NULL,
    synced_to INTEGER NOT NULL,
    synced_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A day of health data is a record, sealed. It outlives its accessory: it is the owner's. `revision` rises with each
-- change, so that a sync sees what is new.
CREATE TABLE health_day (
    accessory BLOB    NOT NULL CHECK (length(accessory) = 16),
    day       INTEGER NOT NULL,
    what      TEXT    NOT NULL CHECK (what IN ('minutes', 'readings')),
    sealed    BLOB    NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (accessory, day, what)
) STRICT, WITHOUT ROWID;
