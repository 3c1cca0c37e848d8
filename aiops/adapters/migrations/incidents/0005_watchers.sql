CREATE TABLE looks (
    detector TEXT NOT NULL,
    host     TEXT NOT NULL,
    at       TEXT NOT NULL,
    record   TEXT NOT NULL,
    PRIMARY KEY (detector, host)
) STRICT;

CREATE TABLE first_looks (
    host  TEXT NOT NULL,
    kind  TEXT NOT NULL,
    sweep TEXT NOT NULL,
    PRIMARY KEY (host, kind)
) STRICT;
CREATE INDEX first_looks_by_sweep ON first_looks (sweep);

CREATE TABLE baseline (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    severity TEXT NOT NULL,
    at       TEXT NOT NULL,
    told_at  TEXT,
    decided  INTEGER NOT NULL DEFAULT 0
) STRICT;
