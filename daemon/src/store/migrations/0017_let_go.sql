-- Where a version was let go and its record removed then, the version goes first, however many removals wait.
ALTER TABLE arrived ADD COLUMN let_go INTEGER NOT NULL DEFAULT 0 CHECK (let_go IN (0, 1)); -- it is the removal of a version whose record said the same
CREATE INDEX arrived_let_go ON arrived (collection, id) WHERE let_go = 1;
