"""Numbered migrations of the session database; a released file is never edited."""
