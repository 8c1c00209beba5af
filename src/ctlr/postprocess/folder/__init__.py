"""How a finished session folder appears, is kept and is proved."""
