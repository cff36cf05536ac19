-- What the owner has switched on for an accessory, on this device alone: bit 0 calls, 1 messages, 2 notifications, 3 the
-- heart rate without pause. It goes with its accessory.
CREATE TABLE accessory_wishes (
    accessory BLOB    PRIMARY KEY CHECK (length(accessory) = 16),
    bits      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER accessory_wishes_end AFTER DELETE ON accessory
BEGIN
    DELETE FROM accessory_wishes WHERE accessory = old.id;
END;
