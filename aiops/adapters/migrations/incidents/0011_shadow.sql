-- Which guardians a human took over from the old system, and what would have been said or done in shadow.
CREATE TABLE takeovers (
    guardian TEXT PRIMARY KEY,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    at       TEXT NOT NULL
) STRICT;

CREATE TABLE shadowed (
    at       TEXT NOT NULL,
    what     TEXT NOT NULL,
    severity TEXT NOT NULL,
    text     TEXT NOT NULL,
    incident TEXT NOT NULL
) STRICT;
CREATE INDEX shadowed_by_time ON shadowed (at);
