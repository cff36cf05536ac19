-- A removal is asked about also where the cloud turned out not to have the record that it had: what is kept of it here is the last
-- there is.
DROP TRIGGER record_asked;
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
UPDATE collection SET unasked_set = random(), unasked = (
    SELECT count(*) FROM record
    WHERE collection = collection.name AND pending = 1 AND stuck = 0 AND removed = 1 AND agreed = 0
        AND (base IS NOT NULL OR common IS NOT NULL)
)
WHERE EXISTS (
    SELECT 1 FROM record
    WHERE collection = collection.name AND pending = 1 AND stuck = 0 AND removed = 1 AND agreed = 0
        AND base IS NULL AND common IS NOT NULL
);
