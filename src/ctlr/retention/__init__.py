"""Making room for new data: the only room that deletes raw data. Off by default."""
