"""Small tools without domain words: errors, ids, clock, tasks, processes, database, atomic files."""
