-- Deleted accounts of which records are left are found without reading the others.
CREATE INDEX accounts_gone ON accounts (id) WHERE deleted_at IS NOT NULL;
