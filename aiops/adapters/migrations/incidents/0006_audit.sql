-- Appended, never rewritten: each hash is over the one before and the line. No foreign key: it outlives what it tells of.
CREATE TABLE audit (
    n    INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE audit_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    n    INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

-- Plans whose question waits for the end of quiet hours; ``look`` is the sweep that looks again before it is asked.
CREATE TABLE held (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    until    TEXT NOT NULL,
    look     TEXT NOT NULL DEFAULT '',
    looked_at TEXT
) STRICT;
