-- Keys that were drawn for a pairing, from before an accessory is given one until it is known whether it took it.
-- `sealed` holds address and key; each address is there once.
CREATE TABLE accessory_pairing (
    id      BLOB PRIMARY KEY CHECK (length(id) = 16),
    account BLOB NOT NULL CHECK (length(account) = 16),
    begun   INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The counter of the newest encrypted frame that was heard of a sensor: an older one is somebody's recording. It goes
-- with its accessory.
CREATE TABLE accessory_counter (
    accessory BLOB    PRIMARY KEY CHECK (length(accessory) = 16),
    counter   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER accessory_counter_end AFTER DELETE ON accessory
BEGIN
    DELETE FROM accessory_counter WHERE accessory = old.id;
END;
