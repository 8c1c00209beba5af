"""What the rig's account counts, on made-up observations."""

from pathlib import Path

import pytest
from rig.account import Account, newest_of, take_probes
from rig.prober import Prober
from rig.report import Row, document, note, read, table
from rig.scenario import Outcome

LINES = [
    "100.000 /health 2.0 200",
    "100.500 /api/status 30.0 200",
    "101.000 /health 900.0 0",  # sent before the pause, without an answer when it began
    "102.000 /health 3.0 0",
    "104.000 /api/status 4.0 200",
    "104.2",  # cut off as it was written
]


def probed(tmp_path: Path, left_out: list[tuple[float, float]]) -> Prober:
    (tmp_path / "log").write_text("\n".join(LINES))
    return Prober("10.77.0.2", 8000, tmp_path / "log", left_out)


def test_what_was_meant_to_be_off_is_not_held_against_it(tmp_path: Path) -> None:
    probes = probed(tmp_path, [(101.5, 103.0)]).stop()
    assert [probe.sent_at for probe in probes] == [100.0, 100.5, 104.0]
    account = Account()
    take_probes(probes, 100.0, account)
    assert (account.problems, account.late) == ([], [])
    assert (account.worst_ms, account.probes) == (30.0, 3)


@pytest.mark.parametrize(("limit_ms", "slow"), [(100.0, 1), (25.0, 2)])
def test_missing_answers_are_problems_and_slow_ones_late(
    tmp_path: Path, limit_ms: float, slow: int
) -> None:
    account = Account()
    take_probes(probed(tmp_path, []).stop(), limit_ms, account)
    assert [text.split(";")[0] for text in account.problems] == ["2 of 5 requests failed"]
    assert [text.split(";")[0] for text in account.late] == [
        f"{slow} of 5 answers took longer than {limit_ms:g} ms"
    ]


def test_without_a_probe_nothing_is_proven() -> None:
    account = Account()
    take_probes([], 100.0, account)
    assert account.problems == ["the API was not probed"]


def test_a_segment_that_was_written_again_replaces_the_old() -> None:
    seen = {
        "/w/u1.seg_0000.mp4.17": "old",
        "/w/u1.seg_0000.mp4.100": "new",
        "/w/u1.seg_0001.mp4.18": "other",
    }
    assert newest_of(seen) == {"u1.seg_0000.mp4": "new", "u1.seg_0001.mp4": "other"}


def test_the_table_shows_the_worst_and_counts_what_failed() -> None:
    good = Outcome(Account(finished=8, worst_ms=20.0), [2.0], [0.25])
    bad = Outcome(Account(["lost"], ["slow"], finished=4, lost=1, worst_ms=80.0), [5.0], [0.75])
    rows = [Row("pulled", [good, bad], ["did not get to its end"]), Row("quiet", [good])]
    lines = table(rows).splitlines()
    assert (
        lines[2]
        == "| pulled | 3 | 12 | 1 | 0.75 s | 5.0 s, at most 5.0 s | 80 ms | 2 problems, 1 late |"
    )
    page = document(rows, "a machine")
    assert "- pulled: lost\n" in page
    assert "- pulled: did not get to its end\n" in page
    assert "What did not hold" not in document(rows[1:], "a machine")
    assert lines[3] == "| quiet | 1 | 8 | 0 | 0.25 s | 2.0 s | 20 ms | ok |"


def test_the_table_of_a_log_is_that_of_all_runs(tmp_path: Path) -> None:
    account = Account(finished=8, worst_ms=20.0, manifests={"a": {"complete": True}})
    note(Row("pulled", [Outcome(account, [2.0])]), tmp_path / "log")
    note(Row("quiet", [Outcome(Account())]), tmp_path / "log")
    note(Row("pulled", [], ["did not get to its end"]), tmp_path / "log")
    pulled, quiet = read(tmp_path / "log")
    assert (pulled.name, quiet.name) == ("pulled", "quiet")
    assert pulled.failures == ["did not get to its end"]
    assert (pulled.outcomes[0].account.finished, pulled.outcomes[0].recover_s) == (8, [2.0])
