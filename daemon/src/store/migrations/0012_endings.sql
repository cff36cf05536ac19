-- The cloud forgets a removal half a year after it got it: from then on it needn't be told once more.
ALTER TABLE record ADD COLUMN ended INTEGER NOT NULL DEFAULT 0; -- since when the cloud is known to have its removal, s since the epoch; 0: it isn't
CREATE INDEX record_ending ON record (collection) WHERE removed = 1 AND pending = 0 AND ended = 0;
