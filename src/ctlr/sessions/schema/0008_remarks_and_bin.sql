-- What people say of a session, and when somebody threw it into the bin.
ALTER TABLE session ADD COLUMN label TEXT;
ALTER TABLE session ADD COLUMN notes TEXT;
ALTER TABLE session ADD COLUMN verdict TEXT CHECK (verdict IN ('good', 'bad'));
ALTER TABLE session ADD COLUMN binned_at_ms INTEGER;
