"""Which options the rsync of a camera may ask this machine for. Pure.

The daemon's ``refuse options`` know names and no values, and rrsync lets through what deletes, so
both ways in (the daemon's ``pre-xfer exec``, the forced command of a camera's key) ask here, and
what is not listed is refused: it may be an option that a later rsync has. A ``partial-dir`` is
among those that need a look at their value: rsync takes a file there as what has arrived before,
and deletes it when the transfer has ended, so with another's folder it would read and delete.

Source of the names: rsync(1), and what ``server_options`` in rsync's options.c sends.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from ctlr.kernel.ids import RESERVED_NODE_NAMES

_FLAGS = frozenset("avlogDtprnRWzcCdHikLmNOJqsSuUxEh")
"""Short options without a value. Not here: I K B T b f y A X F M, and P, which no client sends."""
_WITH_VALUE = frozenset("e@")
"""What follows is their value: the client's capabilities, a width of times."""
_LONG = frozenset(
    {
        "server",
        "archive",
        "bwlimit",
        "checksum",
        "checksum-choice",
        "compress",
        "compress-choice",
        "compress-level",
        "compress-threads",
        "copy-links",
        "copy-unsafe-links",
        "delay-updates",
        "devices",
        "dirs",
        "dry-run",
        "existing",
        "fsync",
        "group",
        "hard-links",
        "iconv",
        "ignore-existing",
        "ignore-non-existing",
        "inc-recursive",
        "links",
        "log-format",
        "max-size",
        "min-size",
        "mkpath",
        "modify-window",
        "msgs2stderr",
        "munge-links",
        "new-compress",
        "numeric-ids",
        "old-compress",
        "omit-dir-times",
        "omit-link-times",
        "one-file-system",
        "open-noatime",
        "out-format",
        "owner",
        "partial",
        "partial-dir",
        "perms",
        "preallocate",
        "prune-empty-dirs",
        "recursive",
        "relative",
        "remove-sent-files",
        "remove-source-files",
        "safe-links",
        "secluded-args",
        "size-only",
        "skip-compress",
        "sparse",
        "specials",
        "stats",
        "stderr",
        "stop-after",
        "stop-at",
        "time-limit",
        "timeout",
        "times",
        "trust-sender",
        "update",
        "use-qsort",
        "verbose",
        "whole-file",
    }
)
_TALK = frozenset({"debug", "info"})
_FOLDER = re.compile(r"[A-Za-z0-9_~.][A-Za-z0-9_~.-]{0,31}")
"""Too short for a name with a session's id in it."""
_NOT_A_CAMERAS = frozenset({".", "..", ".takes", "lost+found", *RESERVED_NODE_NAMES})


def find_refused(arguments: Sequence[str]) -> str | None:
    """The first option that is refused, as it was given; None where all may pass.

    ``arguments`` are those of the server's command line, without the program's own name.
    """
    words = iter(arguments)
    for word in words:
        if not word.startswith("-") or word == "-":
            continue
        refused = _judge_long(word, words) if word.startswith("--") else _judge_short(word)
        if refused:
            return refused
    return None


def arguments_of(environment: Mapping[str, str]) -> list[str] | None:
    """The server's arguments as the daemon tells its ``pre-xfer exec`` of them; None where this
    is none."""
    if "RSYNC_ARG0" not in environment:
        return None
    found: list[str] = []
    while (value := environment.get(f"RSYNC_ARG{len(found) + 1}")) is not None:
        found.append(value)
    return found


def _judge_short(word: str) -> str | None:
    for letter in word[1:]:
        if letter in _WITH_VALUE:
            return None
        if letter not in _FLAGS:
            return f"-{letter}"
    return None


def _judge_long(word: str, following: Iterator[str]) -> str | None:
    name, equals, value = word[2:].partition("=")
    plain = name.removeprefix("no-")
    if name == "partial-dir":
        value = value if equals else next(following, "")
        return None if _is_plain_folder(value) else f"--partial-dir={value}"
    if plain in _LONG or plain in _TALK or (name.startswith("no-") and _is_short_name(plain)):
        return None
    return f"--{name}"


def _is_short_name(name: str) -> bool:
    """``--no-W`` and the like: what is switched off does nothing."""
    return len(name) == 1 or name in {"i-r", "implied-dirs", "super", "motd"}


def _is_plain_folder(value: str) -> bool:
    """A folder beside the file itself, which holds nothing else."""
    name = value.rstrip("/")
    return _FOLDER.fullmatch(name) is not None and name not in _NOT_A_CAMERAS
