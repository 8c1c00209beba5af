"""Whether a file system is one of ours."""

import pytest

from ctlr.storage.identity import Expectation, identity_file, judge_identity

OURS = identity_file("logging", "one", "ctlr")
OTHER = identity_file("logging", "two", "ctlr")
SYNC = identity_file("sync", "one", "ctlr")
UNKNOWN = Expectation("logging")
KNOWN = Expectation("logging", ("one", "old"))
BY_UUID = Expectation("logging", ("one",), certain=True)
ADOPTING = Expectation("logging", ("old",), adopt=True)
FIRST_USE = (None, None)


@pytest.mark.parametrize(
    ("content", "expected", "identity", "foreign"),
    [
        (None, UNKNOWN, *FIRST_USE),
        (OTHER, UNKNOWN, "two", None),
        (OURS, KNOWN, "one", None),
        (OTHER, KNOWN, None, "another drive"),
        (None, KNOWN, None, "no mark"),
        (b"garbage", KNOWN, None, "no mark"),
        (None, BY_UUID, *FIRST_USE),
        (b"\x00" * 100, BY_UUID, *FIRST_USE),
        (b'{"ctlr": "volume"}', BY_UUID, *FIRST_USE),
        (OTHER, BY_UUID, "two", None),
        (SYNC, BY_UUID, None, "the sync volume"),
        (SYNC, UNKNOWN, None, "the sync volume"),
        (SYNC, ADOPTING, None, "the sync volume"),
        (OTHER, ADOPTING, "two", None),
        (None, ADOPTING, *FIRST_USE),
        (b"[" * 4000, BY_UUID, *FIRST_USE),
    ],
)
def test_each_case(
    content: bytes | None, expected: Expectation, identity: str | None, foreign: str | None
) -> None:
    judgement = judge_identity(content, expected)
    assert judgement.identity == identity
    assert (foreign or "") in (judgement.foreign or "")
    assert (foreign is None) == (judgement.foreign is None)
