import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.can.status import MAX_BYTES, STALE_AFTER_S, CanStatus, parse_can_status, read_can_status

GOOD = {"connected": True, "file_size_bytes": 100012653, "frame_count": 121497}
UNKNOWN = CanStatus()


def write(path: Path, content: bytes, age_s: float = 0) -> float:
    """Unix time at which the file is ``age_s`` old."""
    path.write_bytes(content)
    return path.stat().st_mtime + age_s


def test_what_the_listener_says(tmp_path: Path) -> None:
    file = tmp_path / "can_status.json"
    now = write(file, json.dumps(GOOD).encode())
    assert read_can_status(file, now) == CanStatus(
        connected=True, file_size_bytes=100012653, frame_count=121497, stale=False
    )


def test_what_our_listener_says_beyond_that(tmp_path: Path) -> None:
    bus = {"name": "can0", "problem": "No such device"}
    refused = {"error frame": 2, "odd": "x"}
    more = {
        "fps": 310,
        "errors": 2,
        "refused": refused,
        "lost": 1,
        "last_frame_at": 1776313714000,
        "buses": [bus],
    }
    file = tmp_path / "can_status.json"
    now = write(file, json.dumps(GOOD | more | {"problem": None}).encode())
    said = read_can_status(file, now)
    assert (said.fps, said.errors, said.lost) == (310, 2, 1)
    assert said.refused == {"error frame": 2, "odd": 0}
    assert (said.last_frame_at, said.problem) == (1776313714000, "can0: No such device")
    now = write(file, json.dumps(GOOD | more | {"problem": "not mounted" * 100}).encode())
    assert (read_can_status(file, now).problem or "").startswith("not mounted")
    old = read_can_status(file, now + STALE_AFTER_S + 1)
    assert (old.fps, old.problem, old.frame_count, old.stale) == (0, None, 121497, True)


@pytest.mark.parametrize("buses", [{}, [[]], [None], [{"problem": 7}], "x", [{"problem": {}}]])
def test_odd_buses_are_none(buses: object) -> None:
    content = json.dumps({"buses": buses, "problem": []}).encode()
    assert parse_can_status(content, fresh=True).problem is None


def test_an_old_word_counts_but_does_not_connect(tmp_path: Path) -> None:
    file = tmp_path / "can_status.json"
    now = write(file, json.dumps(GOOD).encode(), STALE_AFTER_S + 1)
    stale = read_can_status(file, now)
    assert (stale.connected, stale.frame_count) == (False, 121497)


def test_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    assert read_can_status(tmp_path / "absent", 0) == UNKNOWN
    assert read_can_status(tmp_path, 0) == UNKNOWN
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert read_can_status(fifo, 0) == UNKNOWN
    link = tmp_path / "link"
    write(tmp_path / "real", json.dumps(GOOD).encode())
    link.symlink_to(tmp_path / "real")
    assert read_can_status(link, 0) == UNKNOWN


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "can_status.json"
    now = write(file, json.dumps(GOOD).encode() + b" " * MAX_BYTES)
    assert read_can_status(file, now) == UNKNOWN
    with open(file, "r+b") as stream:
        stream.truncate(1 << 40)
    assert read_can_status(file, now) == UNKNOWN


@pytest.mark.parametrize(
    "content",
    [b"", b'{"connected": tr', b"[]", b"null", b"\xff", b"[" * 30_000, b"1" * 5000],
    ids=["empty", "half", "list", "null", "bytes", "deep", "long number"],
)
def test_what_cannot_be_used(content: bytes) -> None:
    assert parse_can_status(content, fresh=True) == UNKNOWN


@pytest.mark.parametrize("wrong", [-1, 1.5, "7", None, True, 10**400])
def test_a_count_of_a_wrong_kind_is_none(wrong: object) -> None:
    counts = ("frame_count", "file_size_bytes", "fps", "errors", "lost", "last_frame_at")
    values = {"connected": "yes"} | dict.fromkeys(counts, wrong)
    found = parse_can_status(json.dumps(values).encode(), fresh=True)
    assert found == CanStatus(stale=False)


@given(st.binary(max_size=200))
def test_no_content_raises(content: bytes) -> None:
    parse_can_status(content, fresh=True)
