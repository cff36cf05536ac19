-- What was removed is listed page by page, as what is there. A removal is never another version's (`sibling`): with these words the
-- index serves that list alone, and whoever looks for a few removals goes on with the smaller one that was made for it.
CREATE INDEX record_removed ON record (collection, position) WHERE removed = 1 AND sibling = 0;
