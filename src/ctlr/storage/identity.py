"""Whether a file system is one of ours, by the file that the project writes on first use. Pure.

A UUID or label in the configuration says which file system is meant; the file says that it is
the one that has been in use. Without a UUID (a label, or nothing) only a volume that is known is
taken, so that a drive that merely looks alike is never written to. Standard library only: the
probe imports it at each start.
"""

import json
from dataclasses import dataclass

FILE_NAME = ".ctlr-volume.json"
MAX_BYTES = 4096


@dataclass(frozen=True)
class Expectation:
    """What is known beforehand. ``certain``: the configuration names the file system by a UUID.
    ``known``: ids of volumes that were in use here. ``adopt``: a person has said that the next
    one is to be taken."""

    volume: str
    known: tuple[str, ...] = ()
    certain: bool = False
    adopt: bool = False


@dataclass(frozen=True)
class Judgement:
    """``identity`` of one of ours; None where it is to be given one, unless ``foreign`` says why
    it is not one of ours."""

    identity: str | None = None
    foreign: str | None = None


def judge_identity(content: bytes | None, expected: Expectation) -> Judgement:
    """Judge a file system by its identity file; None: it has none."""
    volume, identity = _parse(content)
    if volume is not None and volume != expected.volume:
        return Judgement(foreign=f"it is the {volume} volume, not the {expected.volume} volume")
    may_be_taken = expected.certain or expected.adopt or not expected.known
    if identity is None:
        reason = "it has no mark of this rig; adopt it to use it"
        return Judgement() if may_be_taken else Judgement(foreign=reason)
    if identity in expected.known or may_be_taken:
        return Judgement(identity)
    return Judgement(foreign="it is marked as another drive; adopt it to use it")


def identity_file(volume: str, identity: str, node: str) -> bytes:
    """The content of a new identity file."""
    content = {"ctlr": "volume", "volume": volume, "id": identity, "node": node}
    return json.dumps(content).encode() + b"\n"


def _parse(content: bytes | None) -> tuple[str | None, str | None]:
    """Volume and id; a file that cannot be read is as good as none."""
    try:
        values = json.loads(content or b"")
        if values["ctlr"] == "volume":
            return str(values["volume"]), str(values["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None, None
