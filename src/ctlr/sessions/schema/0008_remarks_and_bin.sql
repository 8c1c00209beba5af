-- What people say of a session; when somebody threw it into the bin, and what is to go with it.
ALTER TABLE session ADD COLUMN label TEXT;
ALTER TABLE session ADD COLUMN notes TEXT;
ALTER TABLE session ADD COLUMN verdict TEXT CHECK (verdict IN ('good', 'bad'));
ALTER TABLE session ADD COLUMN binned_at_ms INTEGER;
ALTER TABLE session ADD COLUMN bin_scope TEXT CHECK (bin_scope IN ('copy', 'everything'));
