"""What works, what does not and how to mend it: one finding a line. Not here: layout.

Every check is read-only and bounded in time; none of them needs the service to run.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from domain.errors import BadConfiguration, NightshiftError
from domain.plain import Record
from nightshift.settings import Settings

State = Literal["ok", "warning", "failed", "misconfigured", "unreachable"]
EXIT_CODES: dict[State, int] = {"misconfigured": 3, "unreachable": 4, "failed": 1}
"""Which exit code a finding asks for; the first that occurs, in this order, wins."""
LEAST_FREE = 200 * 1024**2
CHECK_S = 20.0
MAX_CLOCK_SKEW_S = 5.0


class Finding(Record):
    """One check's result: what was seen, and how to mend it unless all is well."""

    name: str
    state: State
    detail: str
    mend: str = ""


Check = Callable[[Settings], Awaitable[Sequence[Finding]]]


async def examine(settings: Settings) -> list[Finding]:
    """Run all checks side by side, and give their findings in a fixed order."""
    from nightshift import doctor_peers as peers
    from nightshift import doctor_remote as remote
    from nightshift import doctor_store as store

    checks: list[Check] = [
        listening,
        data_directory,
        store.database,
        store.memory_index,
        store.service,
        runbooks,
        peers.docker_hosts,
        peers.prometheus,
        peers.alertmanager,
        peers.telegram,
        remote.qdrant,
        remote.proxmox,
        remote.model,
        remote.embeddings,
        remote.heartbeat,
    ]
    groups = await asyncio.gather(*(_bounded(check, settings) for check in checks))
    return [finding for group in groups for finding in group]


def exit_code(findings: Sequence[Finding]) -> int:
    """0 when all is well or only worth a warning."""
    states = {finding.state for finding in findings}
    return next((code for state, code in EXIT_CODES.items() if state in states), 0)


def unreachable(name: str, error: object, mend: str) -> Finding:
    """The other side did not answer."""
    said = str(error) or type(error).__name__
    return Finding(name=name, state="unreachable", detail=said, mend=mend)


async def _bounded(check: Check, settings: Settings) -> Sequence[Finding]:
    name = getattr(check, "__name__", "check").replace("_", " ")
    try:
        async with asyncio.timeout(CHECK_S):
            return await check(settings)
    except TimeoutError:
        return [unreachable(name, f"no answer in {CHECK_S:g} s", "see whether it hangs")]
    except BadConfiguration as error:
        mend = "correct the setting that is named"
        return [Finding(name=name, state="misconfigured", detail=str(error), mend=mend)]
    except NightshiftError as error:
        return [Finding(name=name, state="failed", detail=str(error), mend="see the message")]


async def listening(settings: Settings) -> list[Finding]:
    """Whether the address and its credentials fit together."""
    from nightshift.web.auth import TOKEN_FILE, is_loopback

    where = f"{settings.nightshift_host}:{settings.nightshift_port}"
    kept = settings.nightshift_data_dir / TOKEN_FILE
    if settings.nightshift_token or settings.nightshift_basic_auth:
        return [Finding(name="settings", state="ok", detail=f"{where}, credentials are set")]
    if is_loopback(settings.nightshift_host):
        return [Finding(name="settings", state="ok", detail=f"{where}, this machine only")]
    detail = f"{where}, token in {kept}" if kept.exists() else f"{where}, no token yet"
    mend = "" if kept.exists() else "the first start makes one; or set NIGHTSHIFT_TOKEN"
    state: State = "ok" if kept.exists() else "warning"
    return [Finding(name="settings", state=state, detail=detail, mend=mend)]


async def data_directory(settings: Settings) -> list[Finding]:
    """Whether we can write there, with room, and others cannot read it."""
    name, folder = "data directory", settings.nightshift_data_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        mend = "set NIGHTSHIFT_DATA_DIR to a directory this user owns"
        detail = f"{existing} cannot be written"
        return [Finding(name=name, state="misconfigured", detail=detail, mend=mend)]
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE:
        mend = "free some space: alerts are refused when they cannot be written down"
        detail = f"{folder}: only {free / 1024**2:.0f} MiB free"
        return [Finding(name=name, state="failed", detail=detail, mend=mend)]
    if existing == folder and folder.stat().st_mode & 0o007:
        detail, mend = f"{folder} is open to everybody", f"chmod 700 {folder}"
        return [Finding(name=name, state="warning", detail=detail, mend=mend)]
    return [Finding(name=name, state="ok", detail=f"{folder}, {free / 1024**3:.1f} GiB free")]


async def runbooks(settings: Settings) -> list[Finding]:
    """Whether every runbook, ours and the operator's, can be used."""
    from nightshift.own_tools import own_kinds
    from tools.runbooks import load, validate

    try:
        own = own_kinds(settings)
    except BadConfiguration as error:
        mend = "correct what NIGHTSHIFT_TOOLS or NIGHTSHIFT_MCP names"
        return [Finding(name="tools", state="misconfigured", detail=str(error), mend=mend)]
    folders = {None, settings.nightshift_runbooks}
    problems = [problem for folder in folders for problem in validate(folder, own)]
    if problems:
        mend = "correct the line that is named"
        return [
            Finding(name="runbooks", state="misconfigured", detail=str(one), mend=mend)
            for one in problems
        ]
    count = len(load(settings.nightshift_runbooks, own).runbooks)
    return [Finding(name="runbooks", state="ok", detail=f"{count} usable")]
