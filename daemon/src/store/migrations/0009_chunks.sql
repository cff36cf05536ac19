-- Whether the cloud still has the chunks of what is here is asked again now and then.
ALTER TABLE collection ADD COLUMN checked INTEGER NOT NULL DEFAULT 0; -- when that was asked of all of them, s since the epoch; 0: not since they are counted
ALTER TABLE collection ADD COLUMN checking INTEGER;                   -- it is asked of those after this position; NULL: of none
-- What is longer than a record's body has chunks.
CREATE INDEX record_long ON record (collection, position) WHERE removed = 0 AND bytes > 262144;
CREATE INDEX record_lacking ON record (collection, position) WHERE removed = 0 AND stuck = 1;
