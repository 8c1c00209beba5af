-- When a node was told to begin a take of a session that was going on, on the controller's clock.
CREATE TABLE node_start (
    uuid  TEXT NOT NULL REFERENCES session (uuid),
    name  TEXT NOT NULL,
    take  INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (uuid, name, take)
) STRICT, WITHOUT ROWID;
