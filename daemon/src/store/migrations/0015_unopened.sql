-- Records as the cloud shows them that don't open here, until they do or it has others in their place.
CREATE TABLE unopened (
    collection TEXT NOT NULL REFERENCES collection (name),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
