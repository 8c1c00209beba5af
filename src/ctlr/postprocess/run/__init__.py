"""One session in one process: what lies there is planned, made and published."""
