-- CT196's record. Moments are milliseconds since 1970; a fence grows with every claim and is never given twice.
-- An epoch begins with a new ledger and after a restore: what was approved before it is not started.
CREATE TABLE fences (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    fence    INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    epoch_at INTEGER
) STRICT;

INSERT INTO fences (one, fence, epoch) VALUES (1, 0, 1);

CREATE TABLE plans (
    plan        TEXT PRIMARY KEY,
    incident    TEXT NOT NULL,
    digest      TEXT NOT NULL,
    approved    TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('received', 'claimed', 'done')),
    received_at INTEGER NOT NULL,
    fence       INTEGER,
    claimed_at  INTEGER,
    lease_until INTEGER,
    outcome     TEXT,
    CHECK ((state = 'received') = (fence IS NULL AND claimed_at IS NULL)),
    CHECK ((state = 'done') = (outcome IS NOT NULL))
) STRICT;

CREATE INDEX plans_claimed_at ON plans (claimed_at);

-- A nonce is burnt at its first arrival, for the one plan that carried it.
CREATE TABLE nonces (
    nonce  TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) STRICT;

-- One plan per host. A plan that ended 'unknown' keeps its hosts until a human has looked.
CREATE TABLE claimed_hosts (
    host TEXT PRIMARY KEY,
    plan TEXT NOT NULL REFERENCES plans (plan)
) STRICT;
