-- Nobody read it: how long a camera has been silent is measured on the monotonic clock.
ALTER TABLE session_node DROP COLUMN last_report_at_ms;

-- A file that came in the place of another of its size and time is another inode.
ALTER TABLE delivered_file ADD COLUMN inode INTEGER;

-- Segments that were durable here, and whose bytes were found to be nowhere on the drive any more
-- while another file had their name.
CREATE TABLE lost_file (
    uuid   TEXT NOT NULL,
    node   TEXT NOT NULL,
    name   TEXT NOT NULL,
    size   INTEGER NOT NULL,
    xxh128 TEXT NOT NULL,
    PRIMARY KEY (uuid, node, name, xxh128)
) STRICT, WITHOUT ROWID;
