CREATE TRIGGER accessory_counter_end AFTER DELETE ON accessory
BEGIN
    DELETE FROM accessory_counter WHERE accessory = old.id;
END;
CREATE TRIGGER accessory_wishes_end AFTER DELETE ON accessory
BEGIN
    DELETE FROM accessory_wishes WHERE accessory = old.id;
END;
CREATE TRIGGER arrived_added AFTER INSERT ON arrived
WHEN EXISTS (SELECT 1 FROM record WHERE collection = NEW.collection AND id = NEW.id AND removed = 0)
BEGIN
    UPDATE collection SET arrived_set = random(), arrived = arrived + 1 WHERE name = NEW.collection;
END;
CREATE TRIGGER arrived_gone AFTER DELETE ON arrived
WHEN EXISTS (SELECT 1 FROM record WHERE collection = OLD.collection AND id = OLD.id AND removed = 0)
BEGIN
    UPDATE collection SET arrived_set = random(), arrived = arrived - 1 WHERE name = OLD.collection;
END;
CREATE TRIGGER record_added AFTER INSERT ON record BEGIN
    UPDATE collection SET
        records = records + (NEW.removed = 0), bytes = bytes + NEW.bytes,
        pending = pending + NEW.pending, conflicts = conflicts + NEW.sibling
    WHERE name = NEW.collection;
END;
CREATE TRIGGER record_arrived AFTER UPDATE OF removed ON record
WHEN OLD.removed <> NEW.removed
    AND EXISTS (SELECT 1 FROM arrived WHERE collection = NEW.collection AND id = NEW.id)
BEGIN
    UPDATE collection SET arrived_set = random(), arrived = arrived + OLD.removed - NEW.removed WHERE name = NEW.collection;
END;
CREATE TRIGGER record_asked AFTER UPDATE OF pending, stuck, removed, agreed, base, common ON record
WHEN (OLD.pending = 1 AND OLD.stuck = 0 AND OLD.removed = 1 AND OLD.agreed = 0 AND (OLD.base IS NOT NULL OR OLD.common IS NOT NULL))
    <> (NEW.pending = 1 AND NEW.stuck = 0 AND NEW.removed = 1 AND NEW.agreed = 0 AND (NEW.base IS NOT NULL OR NEW.common IS NOT NULL))
BEGIN
    UPDATE collection SET
        unasked_set = random(),
        unasked = unasked + CASE
            WHEN NEW.pending = 1 AND NEW.stuck = 0 AND NEW.removed = 1 AND NEW.agreed = 0
                AND (NEW.base IS NOT NULL OR NEW.common IS NOT NULL) THEN 1 ELSE -1 END
    WHERE name = NEW.collection;
END;
CREATE TRIGGER record_changed AFTER UPDATE OF removed, bytes, pending, sibling ON record BEGIN
    UPDATE collection SET
        records = records + (NEW.removed = 0) - (OLD.removed = 0), bytes = bytes + NEW.bytes - OLD.bytes,
        pending = pending + NEW.pending - OLD.pending, conflicts = conflicts + NEW.sibling - OLD.sibling
    WHERE name = NEW.collection;
END;
CREATE TRIGGER record_gone AFTER DELETE ON record BEGIN
    UPDATE collection SET
        records = records - (OLD.removed = 0), bytes = bytes - OLD.bytes,
        pending = pending - OLD.pending, conflicts = conflicts - OLD.sibling
    WHERE name = OLD.collection;
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
CREATE TABLE arrived (
    collection TEXT NOT NULL REFERENCES collection (name),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    revision   BLOB NOT NULL,              -- the cloud's
    content    BLOB NOT NULL, let_go INTEGER NOT NULL DEFAULT 0 CHECK (let_go IN (0, 1)),              -- sealed
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE collection (
    name      TEXT PRIMARY KEY,
    enabled   INTEGER NOT NULL DEFAULT 0,
    cursor    TEXT,                        -- NULL: nothing was fetched yet
    unread    INTEGER NOT NULL DEFAULT 0,  -- what didn't open may with keys of this epoch; 0: all of it did
    records   INTEGER NOT NULL DEFAULT 0,  -- those that are there; the triggers below count
    bytes     INTEGER NOT NULL DEFAULT 0,
    pending   INTEGER NOT NULL DEFAULT 0,
    conflicts INTEGER NOT NULL DEFAULT 0,
    unasked     INTEGER NOT NULL DEFAULT 0, -- removals of what the cloud has, about which the owner wasn't asked
    unasked_set INTEGER NOT NULL DEFAULT 0, -- another number for other ones
    arrived     INTEGER NOT NULL DEFAULT 0, -- removals from the cloud of records that are there
    arrived_set INTEGER NOT NULL DEFAULT 0,
    asked_here  INTEGER, -- a question about the one or the other stands, since when so many had gone without one; NULL: none
    asked_cloud INTEGER
, checked INTEGER NOT NULL DEFAULT 0, checking INTEGER, named BLOB) STRICT, WITHOUT ROWID;
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
CREATE TABLE health_heard (
    record    BLOB    PRIMARY KEY CHECK (length(record) = 16),
    accessory BLOB    NOT NULL CHECK (length(accessory) = 16),
    day       INTEGER NOT NULL,
    what      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE health_shared (
    accessory BLOB    NOT NULL CHECK (length(accessory) = 16),
    day       INTEGER NOT NULL,
    what      TEXT    NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (accessory, day, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
    position    INTEGER PRIMARY KEY,
    collection  TEXT NOT NULL REFERENCES collection (name),
    id          BLOB NOT NULL CHECK (length(id) = 16),
    revision    INTEGER NOT NULL,          -- counts the states it had on this device
    pending     INTEGER NOT NULL CHECK (pending IN (0, 1)),
    removed     INTEGER NOT NULL CHECK (removed IN (0, 1)),
    sibling     INTEGER NOT NULL CHECK (sibling IN (0, 1)),
    bytes       INTEGER NOT NULL,
    base        BLOB,                      -- the cloud's revision, when it was last seen
    base_number INTEGER NOT NULL,
    sent        BLOB,                      -- a push's revision, before it was answered
    sent_number INTEGER NOT NULL DEFAULT 0,
    stuck       INTEGER NOT NULL DEFAULT 0 CHECK (stuck IN (0, 1, 2, 3)), -- 1: the cloud lacks its chunks; 2: it won't have it; 3: it can't be read here
    agreed      INTEGER NOT NULL DEFAULT 0 CHECK (agreed IN (0, 1)),   -- the owner was asked about its removal
    gone        INTEGER NOT NULL DEFAULT 0, -- when its removal went without a question, s since the epoch; 0: it didn't
    unseen      INTEGER NOT NULL DEFAULT 0 CHECK (unseen IN (0, 1)),   -- the listing that runs hasn't shown it
    content     BLOB NOT NULL,             -- sealed; last, so that what is long keeps nobody from the rest
    common      BLOB,                      -- sealed: before it was changed here
    last        BLOB, known BLOB, origin BLOB, ended INTEGER NOT NULL DEFAULT 0, offered BLOB, offer BLOB,                      -- sealed, of a removal: what the owner last had, where that is another
    UNIQUE (collection, id)
) STRICT;
CREATE TABLE release_outbox (
    device   BLOB    NOT NULL CHECK (length(device) = 16),
    epoch    BLOB    NOT NULL CHECK (length(epoch) = 16),
    release  BLOB    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE unopened (
    collection TEXT NOT NULL REFERENCES collection (name),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX arrived_let_go ON arrived (collection, id) WHERE let_go = 1;
CREATE INDEX health_heard_day ON health_heard (accessory, what, day);
CREATE INDEX record_ending ON record (collection) WHERE removed = 1 AND pending = 0 AND ended = 0;
CREATE INDEX record_going ON record (collection, position) WHERE pending = 1 AND removed = 1;
CREATE INDEX record_gone ON record (collection, gone) WHERE removed = 1 AND gone > 0;
CREATE INDEX record_lacking ON record (collection, position) WHERE removed = 0 AND stuck = 1;
CREATE INDEX record_long ON record (collection, position) WHERE removed = 0 AND bytes > 262144;
CREATE INDEX record_pending ON record (collection, position) WHERE pending = 1;
CREATE INDEX record_removed ON record (collection, position) WHERE removed = 1 AND sibling = 0;
CREATE INDEX record_stuck ON record (collection, stuck) WHERE stuck > 0;
CREATE INDEX record_there ON record (collection, position) WHERE removed = 0;
CREATE INDEX record_unanswered ON record (collection, position) WHERE sent IS NOT NULL;
CREATE INDEX record_unseen ON record (collection, position) WHERE unseen = 1;
