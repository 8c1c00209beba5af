"""Five seconds that are recorded to see whether all is well, and thrown away.

::

    rehearsal    records, waits for what is made of it, has it looked at, keeps the verdict
    looking      has them looked at: starts the program, ends it for an eject
    program      looks at the pictures: a child process with the lowest priority
    views        what a picture is like, and whether a camera has moved since another; pure
    verdict      the one verdict, and each check in words; pure

A rehearsal is an ordinary session that lies in the bin from its first instant: nothing of it is made
by other ways than a session's, so what it proves holds for one.
"""
