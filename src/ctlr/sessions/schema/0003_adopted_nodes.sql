-- Cameras that a person took into the rig while it ran. Those of the configuration are not here.
CREATE TABLE adopted_node (
    name          TEXT PRIMARY KEY,
    address       TEXT NOT NULL,
    adopted_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
