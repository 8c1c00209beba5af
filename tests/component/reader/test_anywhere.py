"""The reader works where no rig does: without a rig's system, and without its libraries."""

import subprocess
import sys
from pathlib import Path

RIG_ONLY = (
    *("aiohttp", "aiomqtt", "aiosqlite", "av", "can", "cantools", "fastapi", "paho", "psutil"),
    *("serial", "structlog", "uvicorn", "zeroconf"),
)
POSIX_ONLY = (
    *("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"),
    *("crypt", "nis", "spwd"),
)
POSIX_CALLS = (
    *("posix_fadvise", "posix_fallocate", "pread", "preadv", "pwrite", "readv", "fchmod"),
    *("fork", "geteuid", "getuid", "chown", "statvfs", "O_DIRECTORY", "getppid", "nice"),
)
HIDE = f"""
import os, sys
for name in {(*RIG_ONLY, *POSIX_ONLY)!r}:
    sys.modules[name] = None
for name in {POSIX_CALLS!r}:
    if hasattr(os, name):
        delattr(os, name)
"""
READ = """
import ctlr
session = ctlr.load(sys.argv[1])
frame = session.cameras["cam-a"].frames[30]
other = session.cameras["cam-b"].frames.nearest(frame.t_s)
row = session.tables["phone/Accelerometer.csv"].nearest(frame.t_s)
print(other.slot, row["x"], session.gaps[0].reason, session.verify().ok)
try:
    frame.picture()
except RuntimeError as error:
    print(error)
"""
LIGHT = """
import sys
import ctlr
heavy = {"numpy", "pydantic", "ctlr.reader", "ctlr.config", "typer"} & sys.modules.keys()
print(sorted(heavy), ctlr.__version__ != "", "load" in dir(ctlr))
"""


def run(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_reads_and_verifies_with_everything_of_a_rig_hidden(drive: Path) -> None:
    said = run(HIDE + READ, drive).splitlines()
    assert said[0] == "50 5.0 missing True"
    assert said[1] == "pictures need PyAV: pip install ctlr[pictures]"


def test_the_command_verifies_likewise(drive: Path) -> None:
    code = HIDE + "from ctlr.cli import main\nsys.argv = ['ctlr', 'verify', sys.argv[1]]\nmain()\n"
    assert "all as they were written" in run(code, drive)


def test_importing_the_package_loads_nothing() -> None:
    """A service, a camera and the reader begin with the same import."""
    assert run(LIGHT).strip() == "[] True True"
