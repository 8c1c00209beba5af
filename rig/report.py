"""The table of a run, for the terminal and for ``docs/reference/rig-results.md``.

A full run takes two hours, so each telling can be noted in a log, one JSON line each, and the table
made of all that have been noted.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rig.account import Account
from rig.scenario import Outcome


@dataclass
class Row:
    """One scenario with all its repetitions; ``failures`` are those that did not get to an end."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        found = [problem for outcome in self.outcomes for problem in outcome.account.problems]
        return [*self.failures, *found]

    @property
    def late(self) -> int:
        """How many tellings took too long."""
        return sum(bool(outcome.account.late) for outcome in self.outcomes)

    def add(self, other: "Row") -> None:
        """Take in more tellings of the same scenario."""
        self.outcomes += other.outcomes
        self.failures += other.failures


def merged(rows: Iterable[Row]) -> list[Row]:
    """One row a scenario, in the order in which they came first."""
    by_name: dict[str, Row] = {}
    for row in rows:
        by_name.setdefault(row.name, Row(row.name)).add(row)
    return list(by_name.values())


def note(row: Row, log: Path) -> None:
    """Add a row to a log."""
    told = asdict(row)
    for outcome in told["outcomes"]:
        del outcome["account"]["manifests"]
    with open(log, "a") as file:
        file.write(json.dumps(told) + "\n")


def read(log: Path) -> list[Row]:
    """What a log holds, one row a scenario."""
    return merged(_row(**json.loads(line)) for line in log.read_text().splitlines())


def _row(name: str, outcomes: list[dict[str, Any]], failures: list[str]) -> Row:
    known = [Outcome(**{**told, "account": Account(**told["account"])}) for told in outcomes]
    return Row(name, known, failures)


HEAD = (
    "scenario",
    "times",
    "segments finished",
    "lost",
    "video lost at worst",
    "time to recover",
    "slowest answer",
    "result",
)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


_DOCUMENT = """# What the rig has seen

Written by `sudo .venv/bin/python -m rig --log FILE --write docs/reference/rig-results.md` on {machine}. Each
scenario ends with the account of [run the rig](../how-to/run-the-rig.md), taken from the disks;
*ok* means that all of it held. *Late* is what missed a limit of time alone; it was told again at once and counts as a problem if it was late again.

{table}
{problems}
- **lost**: finished segments that are neither on the drive nor on their camera with the SHA-256 that they had. It must be 0.
- **video lost at worst**: of the video that was not yet finished, for one interruption: from the last frame that is still there to the cut, or gaps that the manifest names. At most 1 s.
- **time to recover**: from the end of the disturbance until the drive is in use again, or all cameras record again.
- **slowest answer** of `/health` and `/api/status`, asked ten times a second from outside, leaving out only the time in which the controller itself was off.
"""


def document(rows: Sequence[Row], machine: str) -> str:
    """The table as a page of the documentation, with what did not hold."""
    problems = [f"- {row.name}: {problem}" for row in rows for problem in row.problems]
    found = "\n".join(["", "What did not hold:", "", *problems, ""]) if problems else ""
    return _DOCUMENT.format(machine=machine, table=table(rows), problems=found)


def _cells(row: Row) -> list[str]:
    accounts = [outcome.account for outcome in row.outcomes]
    lost_s = [value for outcome in row.outcomes for value in outcome.lost_video_s]
    recover_s = [value for outcome in row.outcomes for value in outcome.recover_s]
    worst_ms = max((account.worst_ms for account in accounts), default=None)
    return [
        row.name,
        str(len(row.outcomes) + len(row.failures)),
        str(sum(account.finished for account in accounts)),
        str(sum(account.lost for account in accounts)),
        f"{max(lost_s):.2f} s" if lost_s else "-",
        _span(recover_s),
        "-" if worst_ms is None else f"{worst_ms:.0f} ms",
        ", ".join(_result(row)),
    ]


def _result(row: Row) -> list[str]:
    late = [f"{row.late} late"] if row.late else []
    return [f"{len(row.problems)} problems" if row.problems else "ok", *late]


def _span(values: Sequence[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.1f} s"
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.1f} s, at most {ordered[-1]:.1f} s"
