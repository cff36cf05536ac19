-- Times are milliseconds since 1970. "sealed" columns open only with the server key, "mac" columns are
-- HMACs under it: this file alone names no address, no device and no password to guess at.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Proofs of a device key that were used, until their nonce is too old anyway.
CREATE TABLE proofs (
    id    BLOB PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Proofs of work that were used, until they are over anyway.
CREATE TABLE spent_work (
    id    BLOB PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers by Idempotency-Key. An answer with tokens is not kept: its row has a marker instead.
CREATE TABLE answers (
    scope  BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    status INTEGER,
    answer BLOB,
    marker BLOB,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What budgets count: sends, wrong codes.
CREATE TABLE events (
    counter BLOB NOT NULL,
    at      INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT;
CREATE INDEX events_counter ON events (counter, at);

CREATE TABLE verifications (
    id           BLOB PRIMARY KEY,
    thumbprint   BLOB NOT NULL,     -- the DPoP key that opened it
    channel      TEXT NOT NULL,
    lookup       BLOB NOT NULL,     -- mac of the address
    address      BLOB NOT NULL,     -- sealed
    device_name  BLOB NOT NULL,     -- sealed
    language     TEXT NOT NULL,
    opened_at    INTEGER NOT NULL,
    sent_at      INTEGER NOT NULL,
    code         BLOB NOT NULL,     -- mac; empty with sms-out
    tries_left   INTEGER NOT NULL,
    link         BLOB UNIQUE,       -- mac of the link's or the outgoing message's token
    confirmed_at INTEGER,
    used_at      INTEGER,
    until        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id          BLOB PRIMARY KEY,
    owner       BLOB NOT NULL,      -- public key
    credentials BLOB NOT NULL,      -- sealed
    keyring     BLOB NOT NULL,
    profile     BLOB NOT NULL,      -- sealed
    memory_kib  INTEGER NOT NULL,
    iterations  INTEGER NOT NULL,
    parallelism INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How often each set of Argon2id parameters is in use; invented ones are drawn like these.
CREATE TABLE parameter_sets (
    memory_kib  INTEGER NOT NULL,
    iterations  INTEGER NOT NULL,
    parallelism INTEGER NOT NULL,
    accounts    INTEGER NOT NULL,
    PRIMARY KEY (memory_kib, iterations, parallelism)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER accounts_parameters AFTER INSERT ON accounts BEGIN
    INSERT INTO parameter_sets VALUES (new.memory_kib, new.iterations, new.parallelism, 1)
    ON CONFLICT DO UPDATE SET accounts = accounts + 1;
END;

-- The cloud's share of the wrap key, apart from the accounts.
CREATE TABLE shares (
    account BLOB PRIMARY KEY REFERENCES accounts (id),
    share   BLOB NOT NULL           -- sealed
) STRICT, WITHOUT ROWID;

CREATE TABLE identifiers (
    id          BLOB PRIMARY KEY,
    account     BLOB NOT NULL REFERENCES accounts (id),
    position    INTEGER NOT NULL,   -- 0 is the login that is shown
    lookup      BLOB NOT NULL UNIQUE, -- mac of the address
    address     BLOB NOT NULL,      -- sealed
    verified_at INTEGER NOT NULL,
    UNIQUE (account, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX identifiers_lookup ON identifiers (lookup, account);

CREATE TABLE devices (
    id          BLOB PRIMARY KEY,
    account     BLOB NOT NULL REFERENCES accounts (id),
    thumbprint  BLOB NOT NULL,      -- of the device key
    warden      BLOB NOT NULL,      -- public key
    epoch       BLOB NOT NULL,
    hardware    BLOB NOT NULL,      -- mac
    locked      INTEGER NOT NULL,   -- whether the hardware id has an unprinted part
    certificate BLOB NOT NULL,      -- sealed
    name        BLOB NOT NULL,      -- sealed
    state       TEXT NOT NULL CHECK (state IN ('active', 'released', 'superseded')),
    bound_at    INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX devices_lock ON devices (hardware) WHERE state = 'active' AND locked = 1;
CREATE INDEX devices_hardware ON devices (hardware, state);
CREATE INDEX devices_key ON devices (thumbprint, state);
CREATE INDEX devices_account ON devices (account, state);

-- A family of refresh tokens. The tokens themselves are derived from id and counter, and stored nowhere.
CREATE TABLE families (
    id         BLOB PRIMARY KEY,
    account    BLOB NOT NULL REFERENCES accounts (id),
    thumbprint BLOB NOT NULL,
    counter    INTEGER NOT NULL,    -- of the newest token given out
    revoked_at INTEGER,
    until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX families_thumbprint ON families (thumbprint);

CREATE TABLE login_nonces (
    id    BLOB PRIMARY KEY,         -- mac
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Failed sign-ins by subject: an account, or an identifier that has none.
CREATE TABLE throttles (
    subject       BLOB PRIMARY KEY, -- mac
    failures      INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    until         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages on their way out.
CREATE TABLE messages (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    body     BLOB NOT NULL,         -- sealed
    attempts INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT;
