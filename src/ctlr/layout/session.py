"""Names on the sync disk: a session's folder and the files in it. Pure.

::

    {sync}/{folder}/{node}.mp4            a camera's video; {node}.part2.mp4 and so on for further parts
    {sync}/{folder}/{node}.frames.csv     its frame times, of each part likewise
    {sync}/{folder}/can_raw.csv           the CAN bus
    {sync}/{folder}/checksums.xxh128      once verified
    {sync}/{folder}/manifest.json         appears last: a folder without it is not finished
"""

import re
import unicodedata
from datetime import UTC, datetime

MANIFEST_NAME = "manifest.json"
CHECKSUMS_NAME = "checksums.xxh128"
LONGEST_LABEL_BYTES = 60
CAN_FILE = "can_raw.csv"


def session_folder(
    template: str, uuid: str, started_at_ms: int | None, label: str | None = None
) -> str:
    """Name of a session's folder on the sync disk.

    ``template`` may hold ``{uuid}``, ``{short}`` (the first six characters of the uuid), ``{date}``
    and ``{time}`` (UTC day, hour and minute of the start, ``undated`` and ``0000`` when unknown) and
    ``{label}`` (as far as a file name takes it, ``{short}`` where there is none).
    """
    date, time = "undated", "0000"
    if started_at_ms is not None:
        started = datetime.fromtimestamp(started_at_ms / 1000, UTC)
        date, time = started.strftime("%Y-%m-%d"), started.strftime("%H%M")
    short = uuid[:6]
    return template.format(
        uuid=uuid, short=short, date=date, time=time, label=_in_a_name(label) or short
    )


def session_folder_pattern(template: str, uuid: str) -> str:
    """What the names of a session's folder have in common, whenever it began and whatever it is
    called, as a pattern for ``glob``."""
    anything = {"date": "*", "time": "*", "label": "*"}
    return re.sub(r"\*+", "*", template.format(uuid=uuid, short=uuid[:6], **anything) + "*")


def _in_a_name(label: str | None) -> str:
    """The letters and digits of a label, of any script, with one hyphen for all between."""
    words = "".join(
        letter if letter.isalnum() or letter == "_" else " "
        for letter in unicodedata.normalize("NFC", label or "")
    )
    whole = "-".join(words.split())
    return whole.encode()[:LONGEST_LABEL_BYTES].decode("utf-8", "ignore").rstrip("-")


def video_file(node: str, part: int) -> str:
    """Name of a camera's first, second, ... file."""
    return f"{node}.mp4" if part == 0 else f"{node}.part{part + 1}.mp4"


def frames_file(node: str, part: int) -> str:
    """Name of the frame times beside a camera's first, second, ... file."""
    return video_file(node, part).removesuffix(".mp4") + ".frames.csv"
