"""Waiting for a Proxmox task's end and telling how it ended. Not here: starting one."""

import asyncio
import re

from domain.errors import Conflict, NightshiftError, NotFound, Permanent, Transient
from tools.proxmox_api import Api
from tools.proxmox_errors import brief, refusal

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
_FINE = re.compile(r"OK|WARNINGS: \d+")
_UNTOLD = {"", "unexpected status"}


def node_of(upid: str) -> str:
    """The node that runs the task: it alone can be asked about it."""
    return upid.split(":")[1]


async def ended(api: Api, upid: str, *, what: str, until: float) -> str:
    """Poll with growing pauses and return the exit text of a task that went well.

    `until` is a time of the running loop's clock. Raises NotFound, Conflict or Permanent with
    Proxmox' words where it failed; Transient where it has not ended by then, or cannot be told.
    """
    loop, pause, why = asyncio.get_running_loop(), FIRST_PAUSE_S, "it still runs"
    while True:
        try:
            status = await api.fields(
                f"ask how the task to {what} ended", "nodes", node_of(upid), "tasks", upid, "status"
            )
        except NightshiftError as error:
            why = str(error)
        else:
            if status.get("status") == "stopped":
                return _judged(api, what, brief(status.get("exitstatus")))
            why = "it still runs"
        left = until - loop.time()
        if left <= 0:
            raise Transient(f"{api.prefix(what)}: the end of {upid} is unknown: {why}")
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE_S)


def _judged(api: Api, what: str, exit_text: str) -> str:
    if _FINE.fullmatch(exit_text):
        return exit_text
    if exit_text in _UNTOLD:
        raise Transient(f"{api.prefix(what)}: Proxmox does not know how the task ended")
    kind: type[NotFound | Conflict | Permanent] = refusal(exit_text) or Permanent
    raise kind(f"{api.prefix(what)}: the task failed: {exit_text}")
