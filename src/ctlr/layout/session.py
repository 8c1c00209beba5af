"""Names on the sync disk: a session's folder and the files in it. Pure.

::

    {sync}/{folder}/{node}.mp4            a camera's video; {node}.part2.mp4 and so on for further parts
    {sync}/{folder}/{node}.frames.csv     its frame times, of each part likewise
    {sync}/{folder}/can_raw.csv           the CAN bus
    {sync}/{folder}/manifest.json         appears last: a folder without it is not finished
"""

from datetime import UTC, datetime

MANIFEST_NAME = "manifest.json"
CAN_FILE = "can_raw.csv"


def session_folder(template: str, uuid: str, started_at_ms: int | None) -> str:
    """Name of a session's folder on the sync disk.

    ``template`` may hold ``{uuid}``, ``{short}`` (the first six characters of the uuid) and
    ``{date}`` (UTC day of the start, ``undated`` when unknown).
    """
    if started_at_ms is None:
        date = "undated"
    else:
        date = datetime.fromtimestamp(started_at_ms / 1000, UTC).strftime("%Y-%m-%d")
    return template.format(uuid=uuid, short=uuid[:6], date=date)


def video_file(node: str, part: int) -> str:
    """Name of a camera's first, second, ... file."""
    return f"{node}.mp4" if part == 0 else f"{node}.part{part + 1}.mp4"


def frames_file(node: str, part: int) -> str:
    """Name of the frame times beside a camera's first, second, ... file."""
    return video_file(node, part).removesuffix(".mp4") + ".frames.csv"
