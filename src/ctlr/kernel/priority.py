"""Gives way to everything else on the machine, for a program whose work may wait.

A service of ours runs before others and is spared when memory is short, and its children would
inherit both. So the lowest priority is set, not subtracted, and such a program is the first that the
kernel ends for want of memory.
"""

import os
import resource

LOWEST = 19
ENDED_FIRST = 900
MOST_BYTES = 768 << 20


def give_way() -> None:
    """Of this process, for good."""
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MOST_BYTES if hard == resource.RLIM_INFINITY else min(hard, MOST_BYTES)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(ENDED_FIRST))
