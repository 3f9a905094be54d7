"""All threads of a process on one core. Not here: which threads there are.

Python's threads take turns however many cores there are, and turns that change the core cost more
than a second core gains: an incident took 125 to 137 ms of CPU on two, and 78 to 95 on one
(docs/adr/0013-what-an-incident-costs.md).
"""

import os
from pathlib import Path

_PROCESSOR = 36
"""Where /proc/PID/stat has it, counted from the state (proc_pid_stat(5): field 39)."""


def stay_on_this_core() -> int | None:
    """Keep this thread, and those that it starts, to the core that it is on; its number.

    None where that cannot be asked for, or there is but one. The kernel has had the time of the
    imports to choose it, and moves others away from it where a core is free.
    """
    try:
        core = int(
            Path("/proc/thread-self/stat").read_text().rpartition(")")[2].split()[_PROCESSOR]
        )
        if os.sched_getaffinity(0) <= {core}:
            return None
        os.sched_setaffinity(0, {core})
    except (OSError, AttributeError, ValueError, IndexError):
        return None
    return core
