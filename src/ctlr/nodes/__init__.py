"""Camera nodes as the controller sees them: one camera; all cameras at once."""
