"""Files of a session's folder for whoever asks over the network: one, a part of one, or all as a zip.

::

    folder       which files there are, and reading a piece of one
    ranges       which part of a file a request wants
    zip_format   a zip's bytes around files that are stored as they are
    sending      pieces one after the other, slowly while something is recorded

``ranges`` and ``zip_format`` are pure. A file is opened for each piece and closed after it: an eject
never waits for a phone that reads slowly.
"""
