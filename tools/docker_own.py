"""Which container this process runs in, if any. Not here: what follows from it."""

import re
import socket
from pathlib import Path

_ID = r"([0-9a-f]{64})"
_MOUNT = re.compile(
    _ID + r"/(?:userdata/)?(?:hostname|hosts|resolv\.conf) /etc/(?:hostname|hosts|resolv\.conf) "
)
_CGROUP = re.compile(r"[/-]" + _ID + r"(?:\.scope)?$", re.MULTILINE)


def own_container_id(proc: Path = Path("/proc/self"), hostname: str | None = None) -> str | None:
    """The full id of our own container, or its first 12 digits, or None outside of one.

    The control group names it on version 1, the files that Docker mounts over /etc on version 2;
    a hostname of 12 hex digits is Docker's default and the last resort. Compare with
    `facts.target.id.startswith(...)`.
    """
    for file, pattern in (("cgroup", _CGROUP), ("mountinfo", _MOUNT)):
        found = pattern.search(_read(proc / file))
        if found:
            return found.group(1)
    name = socket.gethostname() if hostname is None else hostname
    return name if re.fullmatch(r"[0-9a-f]{12}", name) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
