-- How far each source's clock was off, as measured over the session.
CREATE TABLE clock_sample (
    uuid           TEXT NOT NULL REFERENCES session (uuid),
    source         TEXT NOT NULL,
    at_ms          INTEGER NOT NULL,
    offset_ms      REAL NOT NULL,
    uncertainty_ms REAL NOT NULL,
    method         TEXT NOT NULL,
    PRIMARY KEY (uuid, source, at_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_mark (
    id    INTEGER PRIMARY KEY,
    uuid  TEXT NOT NULL REFERENCES session (uuid),
    at_ms INTEGER NOT NULL,
    label TEXT
) STRICT;

CREATE INDEX session_mark_by_session ON session_mark (uuid);
