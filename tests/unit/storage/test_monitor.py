"""In a process of its own: what is opened can be noted, but not for a while only."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path

from ctlr.config import StorageSettings
from ctlr.kernel.clock import SystemClock
from ctlr.storage.monitor import StorageMonitor

folder, opened, changes = Path(sys.argv[1]), [], []
places = {"logging": folder / "logging", "sync": folder / "sync", "require_mounts": True}
monitor = StorageMonitor(
    StorageSettings(**places), "node", folder, SystemClock(),
    on_change=lambda: changes.append(monitor.find_usable()),
)
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
monitor.refresh()
assert len(changes) == 2, changes
assert opened == ["/proc/self/mountinfo"], opened
"""


def test_a_look_reads_the_mount_table_once_though_both_disks_have_changed(tmp_path: Path) -> None:
    """A mount that is under way holds the table; on a busy machine each reading costs the API."""
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], check=True)
