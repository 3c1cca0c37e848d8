CREATE TABLE told_items (
    key     TEXT PRIMARY KEY,
    told_at INTEGER NOT NULL
) STRICT;
CREATE INDEX told_items_by_time ON told_items (told_at);

CREATE TABLE kept (
    name  TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    value TEXT NOT NULL
) STRICT;
