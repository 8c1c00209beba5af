-- What a session's folder on the sync drive was last seen to hold, as its manifest says. The drive
-- is often elsewhere when somebody asks.
CREATE TABLE session_copy (
    uuid           TEXT PRIMARY KEY REFERENCES session (uuid),
    revision       INTEGER NOT NULL,
    complete       INTEGER NOT NULL,
    verified_at_ms INTEGER,
    damaged        INTEGER NOT NULL,
    missing        TEXT NOT NULL,  -- JSON: cameras of which nothing is in it
    faults         TEXT NOT NULL,  -- JSON: by source, what is wrong with it in words
    segments       TEXT NOT NULL   -- JSON: by camera, how many segments are in it
) STRICT, WITHOUT ROWID;
