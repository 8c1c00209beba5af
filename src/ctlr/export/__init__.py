"""A finished session in the forms that other tools read: each an extra, each whole or not there.

``jobs`` finds the sessions, decides what is to be made, and lets it appear; ``mcap`` and the others
make one session each. They read by ``ctlr.reader`` and never write into a session's folder.
"""
