"""A program that gives way does so whatever it has inherited."""

import os
import subprocess
import sys

SHOW = """
import os
from ctlr.kernel.priority import give_way
give_way()
print(os.getpriority(os.PRIO_PROCESS, 0), open("/proc/self/oom_score_adj").read())
"""


def test_it_is_last_in_all_things() -> None:
    inherited = ["nice", "-n", "-10"] if os.geteuid() == 0 else ["nice", "-n", "5"]
    done = subprocess.run(
        [*inherited, sys.executable, "-c", SHOW], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["19", "900"]
