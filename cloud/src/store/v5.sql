-- The rest of an account's life. As in v1: times are milliseconds since 1970, "sealed" opens only with the server key.

-- What an address is proved for; with `identifier` the account whose session asked.
ALTER TABLE verifications ADD COLUMN purpose TEXT NOT NULL DEFAULT 'registration'
    CHECK (purpose IN ('registration', 'identifier', 'recovery'));
ALTER TABLE verifications ADD COLUMN account BLOB;

-- Of a deleted account its row stays for as long as a device is bound, with the credentials record and nothing else of it.
ALTER TABLE accounts ADD COLUMN deleted_at INTEGER;
ALTER TABLE accounts ADD COLUMN until INTEGER;  -- NULL: it isn't deleted, or a device is bound still
CREATE INDEX accounts_until ON accounts (until) WHERE until IS NOT NULL;

-- Another password may come with other parameters, and those of a deleted account are nobody's.
CREATE TRIGGER accounts_other_parameters AFTER UPDATE OF memory_kib, iterations, parallelism ON accounts
WHEN (old.memory_kib, old.iterations, old.parallelism) IS NOT (new.memory_kib, new.iterations, new.parallelism) BEGIN
    UPDATE parameter_sets SET accounts = accounts - 1
        WHERE (memory_kib, iterations, parallelism) = (old.memory_kib, old.iterations, old.parallelism);
    DELETE FROM parameter_sets WHERE accounts < 1;
    INSERT INTO parameter_sets VALUES (new.memory_kib, new.iterations, new.parallelism, 1)
    ON CONFLICT DO UPDATE SET accounts = accounts + 1;
END;
CREATE TRIGGER accounts_deleted AFTER UPDATE OF deleted_at ON accounts
WHEN old.deleted_at IS NULL AND new.deleted_at IS NOT NULL BEGIN
    UPDATE parameter_sets SET accounts = accounts - 1
        WHERE (memory_kib, iterations, parallelism) = (new.memory_kib, new.iterations, new.parallelism);
    DELETE FROM parameter_sets WHERE accounts < 1;
END;

-- When the owner removed the device: it stays bound, with its lock and its channel, and has no keys and sessions.
ALTER TABLE devices ADD COLUMN removed_at INTEGER;

-- Orders that were done. One of an older generation is void, so that only the present one's are kept.
CREATE TABLE orders (
    account    BLOB NOT NULL REFERENCES accounts (id),
    id         BLOB NOT NULL,
    generation INTEGER NOT NULL,
    done_at    INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

-- What a device gets by its key alone.
CREATE TABLE grants (
    device   BLOB PRIMARY KEY REFERENCES devices (id),
    keyring  BLOB,                  -- sealed to the device's box
    delegate BLOB                   -- sealed
) STRICT, WITHOUT ROWID;

-- What moved the owner key, for devices that were away.
CREATE TABLE successions (
    account     BLOB NOT NULL REFERENCES accounts (id),
    generation  INTEGER NOT NULL,
    succession  BLOB NOT NULL,
    credentials BLOB NOT NULL,      -- sealed: the record of that generation
    PRIMARY KEY (account, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE succession_certificates (
    device      BLOB NOT NULL REFERENCES devices (id),
    generation  INTEGER NOT NULL,
    certificate BLOB NOT NULL,      -- sealed
    PRIMARY KEY (device, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE bootloader_unlocks (
    device     BLOB PRIMARY KEY REFERENCES devices (id),
    state      TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied')),
    reason     BLOB NOT NULL,       -- sealed
    asked_at   INTEGER NOT NULL,
    decided_at INTEGER
) STRICT, WITHOUT ROWID;

-- Devices whose marks another process moved: the running cloud tells their streams.
CREATE TABLE outside_hints (
    device BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What ends the sessions of an account finds them by it.
CREATE INDEX families_account ON families (account);
