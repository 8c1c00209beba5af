CREATE TABLE session (
    uuid                 TEXT PRIMARY KEY,
    state                TEXT NOT NULL CHECK (state IN (
        'arming', 'recording', 'stopping', 'collecting', 'processing', 'done', 'failed')),
    created_at_ms        INTEGER NOT NULL,
    start_at_ms          INTEGER,
    stop_requested_at_ms INTEGER,
    stopped_at_ms        INTEGER,
    processed_at         TEXT,
    folder               TEXT,
    error                TEXT,
    start_answer         TEXT,
    stop_answer          TEXT
) STRICT;

-- Two active sessions are refused by the database itself, whatever the code believes.
CREATE UNIQUE INDEX one_active_session ON session ((1))
    WHERE state IN ('arming', 'recording', 'stopping');

CREATE INDEX session_by_age ON session (created_at_ms);

CREATE TABLE session_node (
    uuid              TEXT NOT NULL REFERENCES session (uuid),
    name              TEXT NOT NULL,
    started           INTEGER NOT NULL DEFAULT 0,
    start_at_ms       INTEGER,
    error             TEXT,
    stop_acknowledged INTEGER NOT NULL DEFAULT 0,
    segments_total    INTEGER,
    complete          INTEGER NOT NULL DEFAULT 0,
    remaining         INTEGER,
    last_report_at_ms INTEGER,
    PRIMARY KEY (uuid, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_event (
    id    INTEGER PRIMARY KEY,
    uuid  TEXT NOT NULL REFERENCES session (uuid),
    at_ms INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    text  TEXT NOT NULL
) STRICT;

CREATE INDEX session_event_by_session ON session_event (uuid);

-- What a delivered file hashed to when it was read back from the drive. A row holds as long as
-- size and mtime do, so a restart does not read a day's footage again.
CREATE TABLE delivered_file (
    uuid     TEXT NOT NULL,
    node     TEXT NOT NULL,
    name     TEXT NOT NULL,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    xxh128   TEXT NOT NULL,
    PRIMARY KEY (uuid, node, name)
) STRICT, WITHOUT ROWID;
