CREATE TABLE lessons (
    name     TEXT PRIMARY KEY,
    standing TEXT NOT NULL CHECK (standing IN ('draft', 'approved', 'rejected', 'demoted')),
    record   TEXT NOT NULL
) STRICT;
