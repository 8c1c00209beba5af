"""Two ways to do the same thing, measured side by side.

A time alone says as much about the machine as about the code, and a machine that somebody else
also uses changes from minute to minute. So a candidate is run against a named reference in the
same minute, in pairs whose order alternates, and what counts is the median of the pairs'
ratios. Nothing here asserts: a figure is printed for people to read, with the machine it is of.
"""

import math
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROUNDS = 5


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall time and of CPU (children included), and peak memory in MiB.

    Linux counts a child's peak from before its program is loaded, so that of a small program
    shows as this process's own.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float = 0.0


@dataclass(frozen=True)
class Pair:
    """All rounds of a candidate and its reference, in the order they were run."""

    reference: tuple[Sample, ...]
    candidate: tuple[Sample, ...]

    @property
    def wall_ratio(self) -> float:
        return _median_ratio([(c.wall_s, r.wall_s) for c, r in self._rounds()])

    @property
    def cpu_ratio(self) -> float:
        return _median_ratio([(c.cpu_s, r.cpu_s) for c, r in self._rounds()])

    def _rounds(self) -> Sequence[tuple[Sample, Sample]]:
        return list(zip(self.candidate, self.reference, strict=True))


def compare(
    reference: Callable[[], Sample], candidate: Callable[[], Sample], rounds: int = ROUNDS
) -> Pair:
    """Run both in turn after one unmeasured round; every second pair begins with the candidate."""
    reference()
    candidate()
    references, candidates = [], []
    for number in range(rounds):
        if number % 2:
            candidates.append(candidate())
            references.append(reference())
        else:
            references.append(reference())
            candidates.append(candidate())
    return Pair(tuple(references), tuple(candidates))


def run_command(command: Sequence[str], stdout: int = subprocess.DEVNULL) -> Sample:
    """Run a program to its end. Raises ``CalledProcessError`` when it fails."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout)
    _, status, used = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(command))
    return Sample(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def run_here(work: Callable[[], object]) -> Sample:
    """Call a function in this process; peak memory would be that of all before it, so it is 0."""
    cpu, began = _cpu_s(), time.perf_counter()
    work()
    return Sample(time.perf_counter() - began, _cpu_s() - cpu)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def show(title: str, pairs: dict[str, Pair]) -> None:
    """Print medians of both and the ratio of each pair, below a line about the machine."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "wall", "reference", "ratio", "CPU", "reference", "ratio", "peak"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, pair in pairs.items():
        wall, wall_ref = _medians(pair, "wall_s")
        cpu, cpu_ref = _medians(pair, "cpu_s")
        table.add_row(
            name,
            *(f"{wall:.3f} s", f"{wall_ref:.3f} s", f"{pair.wall_ratio:.2f}x"),
            *(f"{cpu:.3f} s", f"{cpu_ref:.3f} s", f"{pair.cpu_ratio:.2f}x"),
            f"{max(sample.peak_mib for sample in pair.candidate):.0f} MiB",
        )
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    console.print(table)


def machine() -> str:
    """What the figures were taken on: processor, cores, kernel, Python."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith(("model name", "Model"))
    ]
    cores = len(os.sched_getaffinity(0))
    processor = names[0] if names else platform.machine()
    return f"{processor}, {cores} cores, Linux {platform.release()}, Python {platform.python_version()}"


def _medians(pair: Pair, field: str) -> tuple[float, float]:
    candidate = statistics.median(getattr(sample, field) for sample in pair.candidate)
    return candidate, statistics.median(getattr(sample, field) for sample in pair.reference)


def _median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(candidate / reference for candidate, reference in pairs)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
