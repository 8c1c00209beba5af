"""What the manifest says of the CAN bus: its source ``can``. Pure.

Part of the manifest's committed schema. ``file`` and ``frames`` are what installed tools read.
"""

from ctlr.postprocess.manifest.inside import Inside
from ctlr.postprocess.manifest.shape import Shape


class CanProblem(Shape):
    """Something that a reader should know; no frame is lost by it."""

    code: str
    text: str
    harms: bool = False


class CanMessage(Shape):
    """The frames of one message of a database, decoded in ``file``.

    ``wrong_length`` of them have another number of data bytes than the database says; signals
    that this leaves out are empty. ``signals`` has their units, by the headings of their columns.
    ``ids`` has the frames of each identifier where those of several are of the message: a
    parameter group of SAE J1939, whoever sends it.
    """

    message: str
    file: Inside
    id: str
    frames: int
    wrong_length: int = 0
    ids: dict[str, int] = {}
    signals: dict[str, str]


class CanSignals(Shape):
    """What the configured databases made of the frames.

    ``unknown`` has the frames of identifiers that none of them knows, the most frequent first;
    ``unknown_frames`` is how many those are in all. ``error_frames`` are rows whose identifier has
    the flag of one. ``parquet`` has every value; null where that
    could not be written, see the problems.
    """

    databases: tuple[str, ...]
    messages: tuple[CanMessage, ...] = ()
    unknown: dict[str, int] = {}
    unknown_frames: int = 0
    remote_frames: int = 0
    error_frames: int = 0
    malformed_rows: int = 0
    parquet: str | None = None
    inputs: str


class CanSource(Shape):
    """The frames of the session's time, ``first_ms`` to ``last_ms`` (Unix milliseconds).

    ``arrival_file`` says when they arrived, null where nobody knows. ``by_arrival`` of them are
    there because they arrived then, though their own times say otherwise. ``buses`` has the
    frames of each bus, as far as their arrival is known. Frames that arrived up to ``until_ms``
    have been looked at.
    """

    file: Inside
    frames: int
    arrival_file: Inside | None = None
    by_arrival: int = 0
    buses: dict[str, int] = {}
    first_ms: int | None = None
    last_ms: int | None = None
    until_ms: int | None = None
    signals: CanSignals | None = None
    problems: tuple[CanProblem, ...] = ()
