-- When a node was told the stop that it then confirmed, on the controller's clock.
ALTER TABLE session_node ADD COLUMN stopped_at_ms INTEGER;
