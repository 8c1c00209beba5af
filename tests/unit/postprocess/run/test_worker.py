"""What a worker tells its parent, and how it ends."""

import json
import os
import signal
from pathlib import Path

import pytest

from ctlr.postprocess.manifest.progress import Progress, RunResult
from ctlr.postprocess.run.worker import ProgressLines, TerminatedError, end_on_sigterm


def test_lines_are_news_only() -> None:
    lines: list[str] = []
    say = ProgressLines(lines.append)
    for done in range(1001):
        say(Progress("u", "join", "cam-a", done, 1000))
    say(Progress("u", "copy", "gps.csv", 1000, 1000))
    say.end(RunResult("u", 3, "made", Path("/x/manifest.json"), 2))
    assert 95 <= len(lines) <= 105
    assert json.loads(lines[-3])["progress"]["bytes_done"] == 1000
    ended = json.loads(lines[-1])["outcome"]
    assert (ended["exit_code"], ended["manifest"], ended["revision"]) == (3, "/x/manifest.json", 2)


def test_slow_work_is_heard_of_between_two_percents() -> None:
    """The parent ends a worker that it does not hear of for some minutes."""
    lines: list[str] = []
    now_s = 0.0
    say = ProgressLines(lines.append, lambda: now_s)
    for second in range(600):
        now_s = float(second)
        say(Progress("u", "verify", "cam-a.mp4", second, 10**6))
    assert 100 <= len(lines) <= 130
    lines.clear()
    for _ in range(1000):
        say(Progress("u", "join", "cam-a", 10, 10))
    assert len(lines) == 1, "what says the same at once is no news"


def test_sigterm_is_an_exit() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        end_on_sigterm()
        with pytest.raises(TerminatedError) as ended:
            os.kill(os.getpid(), signal.SIGTERM)
        assert ended.value.code == 143
    finally:
        signal.signal(signal.SIGTERM, before)
