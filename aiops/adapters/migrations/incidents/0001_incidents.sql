CREATE TABLE incidents (
    id         TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    severity   TEXT NOT NULL,
    title      TEXT NOT NULL,
    hosts      TEXT NOT NULL,
    opened_at  TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    resolved_at TEXT,
    record     TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_by_state ON incidents (state, opened_at);

CREATE TABLE findings (
    incident    TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    gone_at     TEXT,
    PRIMARY KEY (incident, fingerprint)
) STRICT;
CREATE INDEX findings_by_fingerprint ON findings (fingerprint);

CREATE TABLE timeline (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    entry    TEXT NOT NULL
) STRICT;
CREATE INDEX timeline_by_incident ON timeline (incident, n);

CREATE TABLE verdicts (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    verdict  TEXT NOT NULL
) STRICT;

CREATE TABLE plans (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    incident   TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    digest     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    plan       TEXT NOT NULL
) STRICT;
CREATE INDEX plans_by_incident ON plans (incident, n);

CREATE TABLE approvals (
    plan        TEXT PRIMARY KEY REFERENCES plans (id) ON DELETE CASCADE,
    nonce       TEXT NOT NULL UNIQUE,
    approved_at TEXT NOT NULL,
    approval    TEXT NOT NULL
) STRICT;

CREATE TABLE outcomes (
    plan    TEXT PRIMARY KEY REFERENCES plans (id) ON DELETE CASCADE,
    status  TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;

CREATE TABLE sweeps (
    sweep       TEXT NOT NULL,
    shard       INTEGER NOT NULL,
    finished_at TEXT NOT NULL,
    correlated  INTEGER NOT NULL DEFAULT 0,
    record      TEXT NOT NULL,
    PRIMARY KEY (sweep, shard)
) STRICT;
CREATE INDEX sweeps_by_time ON sweeps (finished_at);

CREATE TABLE last_sweeps (
    detector    TEXT PRIMARY KEY,
    finished_at TEXT NOT NULL
) STRICT;

CREATE TABLE blindness (
    host     TEXT NOT NULL,
    detector TEXT NOT NULL,
    probe    TEXT NOT NULL,
    streak   INTEGER NOT NULL,
    PRIMARY KEY (host, detector, probe)
) STRICT;

CREATE TABLE occurrences (
    fingerprint TEXT PRIMARY KEY,
    seen_at     TEXT NOT NULL
) STRICT;

CREATE TABLE freeze (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    who  TEXT NOT NULL,
    why  TEXT NOT NULL,
    at   TEXT NOT NULL
) STRICT;
