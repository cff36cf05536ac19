-- An account whose keys were lost goes on with others, by which its records have other ids.
ALTER TABLE collection ADD COLUMN named BLOB; -- the collection's id by the keys that its records have their ids by; NULL: nobody has looked; empty: they are getting others
