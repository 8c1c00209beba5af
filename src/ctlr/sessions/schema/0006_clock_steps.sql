-- Which boot's clock a session's times are on: its wall clock minus its monotonic one.
CREATE TABLE session_clock (
    uuid      TEXT PRIMARY KEY REFERENCES session (uuid),
    boot_id   TEXT NOT NULL,
    offset_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When that clock was set while a session lasted, and how far; at_ms is on the clock as set.
CREATE TABLE clock_step (
    id      INTEGER PRIMARY KEY,
    uuid    TEXT NOT NULL REFERENCES session (uuid),
    at_ms   INTEGER NOT NULL,
    step_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX clock_step_by_session ON clock_step (uuid);
