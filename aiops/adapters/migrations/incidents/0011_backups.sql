-- What the operator allowed once and for all, what was ordered for a night, and what came of it.
CREATE TABLE standing_approvals (
    id   TEXT PRIMARY KEY,
    at   TEXT NOT NULL,
    kept TEXT NOT NULL
) STRICT;

CREATE TABLE ordered_backups (
    run     TEXT PRIMARY KEY,
    at      TEXT NOT NULL,
    ordered TEXT NOT NULL
) STRICT;

CREATE TABLE freeze_backups (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    who  TEXT NOT NULL,
    why  TEXT NOT NULL,
    at   TEXT NOT NULL
) STRICT;
