-- The nightly backups: one row a run, its steps, and the hosts that it has. A run's id is its nonce.
CREATE TABLE backups (
    run         TEXT PRIMARY KEY,
    ordered     TEXT NOT NULL,
    scope       TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    stop        TEXT NOT NULL DEFAULT '',
    owner       TEXT NOT NULL DEFAULT '',
    fence       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    result      TEXT,
    said        INTEGER NOT NULL DEFAULT 0,
    file        TEXT
) STRICT;

CREATE UNIQUE INDEX one_backup_at_a_time ON backups ((result IS NULL)) WHERE result IS NULL;

CREATE TABLE backup_steps (
    run  TEXT NOT NULL REFERENCES backups (run),
    key  TEXT NOT NULL,
    n    INTEGER NOT NULL,
    step TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT;

CREATE TABLE backup_hosts (
    host TEXT PRIMARY KEY,
    run  TEXT NOT NULL REFERENCES backups (run)
) STRICT;
