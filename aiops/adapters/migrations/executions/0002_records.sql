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

-- What was filed about a run that ended: the transcript's place in its repository and its SHA-256.
CREATE TABLE records (
    plan       TEXT PRIMARY KEY REFERENCES plans (plan),
    file       TEXT NOT NULL,
    transcript TEXT NOT NULL,
    filed_at   INTEGER NOT NULL
) STRICT;

-- How the last push went; ``waiting`` commits have not arrived, for ``reason``, since that moment.
CREATE TABLE pushes (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    waiting INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    since   INTEGER NOT NULL
) STRICT;
