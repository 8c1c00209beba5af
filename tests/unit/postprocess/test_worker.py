"""What a worker tells its parent, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ctlr.postprocess.progress import Outcome, Progress
from ctlr.postprocess.worker import ProgressLines, TerminatedError, end_on_sigterm


def test_lines_are_news_only() -> None:
    lines: list[str] = []
    say = ProgressLines(lines.append)
    for done in range(1001):
        say(Progress("u", "join", "cam-a", done, 1000))
    say(Progress("u", "copy", "gps.csv", 1000, 1000))
    say.end(Outcome("u", 3, "made", Path("/x/manifest.json"), 2))
    assert 95 <= len(lines) <= 105
    assert json.loads(lines[-3])["progress"]["bytes_done"] == 1000
    ended = json.loads(lines[-1])["outcome"]
    assert (ended["exit_code"], ended["manifest"], ended["revision"]) == (3, "/x/manifest.json", 2)


def test_sigterm_is_an_exit() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        end_on_sigterm()
        with pytest.raises(TerminatedError) as ended:
            os.kill(os.getpid(), signal.SIGTERM)
        assert ended.value.code == 143
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_worker_is_nice_and_dies_with_its_parent() -> None:
    """The middle process starts a worker and is killed; the worker ends at once."""
    worker = (
        "import os, sys, signal; from ctlr.postprocess.worker import become_background;"
        "become_background(int(sys.argv[1])); print(os.nice(0), os.getpid(), flush=True);"
        "signal.pause()"
    )
    middle = (
        "import os, subprocess, sys, signal;"
        f"subprocess.Popen([sys.executable, '-c', {worker!r}, str(os.getpid())]); signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    nice, _pid = parent.stdout.readline().split()
    assert int(nice) >= 10
    parent.kill()
    parent.wait(10)
    assert parent.stdout.read() == ""  # the pipe closes only when the worker has ended, too
    parent.stdout.close()
