from pathlib import Path

from ctlr.storage.identity import Expectation
from ctlr.storage.known_volumes import NAME, KnownVolumes

TAGS = {"logging": "LABEL=raw", "sync": "UUID=ABCD-1234"}


def test_what_was_in_use_is_known_also_after_a_restart(tmp_path: Path) -> None:
    KnownVolumes(tmp_path, TAGS).remember("logging", "one")
    KnownVolumes(tmp_path, TAGS).remember("logging", "two")
    again = KnownVolumes(tmp_path, TAGS)
    again.remember("logging", "one")
    assert again.expectation("logging") == Expectation("logging", ("one", "two"))
    assert again.expectation("sync") == Expectation("sync", certain=True)


def test_adopting_holds_for_one_volume(tmp_path: Path) -> None:
    known = KnownVolumes(tmp_path, TAGS)
    known.remember("logging", "one")
    known.adopt_next("logging")
    assert known.expectation("logging").adopt
    known.remember("logging", "two")
    assert known.expectation("logging") == Expectation("logging", ("one", "two"))


def test_d12_a_torn_memory_is_as_good_as_none(tmp_path: Path) -> None:
    known = KnownVolumes(tmp_path, TAGS)
    for content in ("", "{", "[]", '{"logging": 7}'):
        (tmp_path / NAME).write_text(content)
        assert known.expectation("logging") == Expectation("logging")
    known.remember("logging", "one")
    assert known.expectation("logging").known == ("one",)
