ALTER TABLE findings ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE findings ADD COLUMN first_seen_at TEXT NOT NULL DEFAULT '';
ALTER TABLE findings ADD COLUMN last_seen_at TEXT NOT NULL DEFAULT '';

CREATE INDEX incidents_by_opening ON incidents (opened_at);
CREATE INDEX occurrences_by_time ON occurrences (seen_at);

CREATE TABLE muted (
    by            TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    reason        TEXT NOT NULL,
    finding       TEXT NOT NULL,
    count         INTEGER NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at  TEXT NOT NULL,
    PRIMARY KEY (by, fingerprint)
) STRICT;
CREATE INDEX muted_by_fingerprint ON muted (fingerprint);
CREATE INDEX muted_by_time ON muted (last_seen_at);

CREATE TABLE silences (
    id      TEXT PRIMARY KEY,
    ends_at TEXT NOT NULL,
    silence TEXT NOT NULL
) STRICT;
CREATE INDEX silences_by_end ON silences (ends_at);

CREATE TABLE acks (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    at       TEXT NOT NULL
) STRICT;

CREATE TABLE storm (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at   TEXT NOT NULL
) STRICT;
