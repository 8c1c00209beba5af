"""Errors that a person is meant to read.

A ``Refusal`` is a request that was understood and turned down: it carries a stable
``code`` that programs match on and one plain ``detail`` sentence that an app can show.
Which HTTP status belongs to a code is decided in one table, ``ctlr.api.errors``.
A ``ConfigError`` ends a command with exit code 2.
"""


class Refusal(Exception):
    """A request turned down for a reason that the caller can act on.

    ``code`` is stable and lower_snake_case; ``detail`` is one sentence: what happened,
    what it means for the recording, what to do. ``extra`` holds further JSON members.
    """

    def __init__(self, code: str, detail: str, **extra: object) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.extra = extra


class ConfigError(Exception):
    """A setting is unknown or has a bad value; the message is one line and names the key."""
