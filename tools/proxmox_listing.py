"""All nodes and guests of a cluster at once. Not here: one guest in depth (proxmox).

A list row is what its node says now; the cluster's own list is seconds old, but also knows guests
whose node does not answer. Calls: three for the cluster and each node, one for each guest.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from domain.errors import NightshiftError, NotFound, Permanent
from domain.guests import GuestFacts, GuestInventory, GuestTask, NodeFacts
from tools import proxmox_facts as read
from tools.proxmox_api import Api, Row
from tools.proxmox_errors import parsing

LISTING_S = 6.0
"""A node that cannot list its guests in this time counts as unreachable (seconds)."""
NODE_TASKS = 200
NEEDED = ("VM.Audit", "VM.PowerMgmt", "VM.Config.Memory", "Sys.Audit")
"""Privileges for all that Nightshift does; without Sys.Audit it sees no tasks but its own."""

Parsed = TypeVar("Parsed")


@dataclass(kw_only=True)
class _Told:
    """What one node tells: its guests, and what failed by name."""

    guests: list[GuestFacts] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """A guest in its node's list, its tasks, and what to say of it where no more is known."""

    row: Row
    tasks: Sequence[GuestTask]
    unread: GuestFacts


async def inventory(api: Api) -> GuestInventory:
    """All nodes and guests that we may see; what fails is named in `unreachable`."""
    failed: dict[str, str] = {}
    try:
        listed, rows = await asyncio.gather(api.rows("list nodes", "nodes"), cluster_rows(api))
        nothing = "" if rows else await _why_nothing(api)
    except NightshiftError as error:
        return GuestInventory(unreachable={api.host: str(error)})
    nodes = _each(api, listed, read.node, failed)
    known = _each(api, rows, read.unread, failed)
    told = await asyncio.gather(*(_ask(api, one, known) for one in nodes))
    failed |= {name: why for one in told for name, why in one.failed.items()}
    names = {one.target.name for one in nodes}
    lost = [facts for facts in known if facts.target.host not in names]
    return GuestInventory(
        nodes=nodes,
        guests=[*(facts for one in told for facts in one.guests), *lost],
        unreachable=failed | ({api.host: nothing} if nothing else {}),
    )


def _each(
    api: Api, rows: Sequence[Row], parse: Callable[[Row], Parsed], failed: dict[str, str]
) -> list[Parsed]:
    """What can be read of a list; a row that cannot is named in `failed` and blinds to no other."""
    found: list[Parsed] = []
    for row in rows:
        name = _name(row) or api.host
        try:
            with parsing(api.prefix(f"understand the row of {name!r}")):
                found.append(parse(row))
        except Permanent as error:
            failed[name] = str(error)
    return found


def _name(row: Row) -> str:
    """How a row is named where it cannot be read: `pve1/101`, or as much of that as it tells."""
    return "/".join(str(row[key]) for key in ("node", "vmid") if row.get(key))


async def cluster_rows(api: Api) -> list[Row]:
    """The cluster's own list of guests, some seconds old. Raises Transient, Permanent.

    Whatever else it lists although guests were asked for (nodes, storage) is left out.
    """
    rows = await api.rows("list guests", "cluster", "resources", type="vm")
    return [row for row in rows if row.get("type") in read.PATH_KINDS.values()]


async def lacking(api: Api) -> list[str]:
    """The privileges of `NEEDED` that we have nowhere. Raises Transient, Permanent."""
    granted = await api.fields("read our privileges", "access", "permissions")
    held = {name for found in granted.values() if isinstance(found, dict) for name in found}
    return [name for name in NEEDED if name not in held]


async def task_rows(api: Api, node: str, *, limit: int, **query: object) -> list[Row]:
    """The tasks of a node, running ones too. Raises Transient, Permanent."""
    path = ("nodes", node, "tasks")
    return await api.rows(f"list tasks of {node!r}", *path, source="all", limit=limit, **query)


async def _why_nothing(api: Api) -> str:
    """Why no guest is listed; empty where there is simply none."""
    if "VM.Audit" not in await lacking(api):
        return ""
    return (
        f"Proxmox {api.host!r}: {api.user!r} sees nothing: it needs VM.Audit on /vms "
        "(a token with privilege separation needs it besides its user)"
    )


async def _ask(api: Api, node: NodeFacts, known: Sequence[GuestFacts]) -> _Told:
    """What a node tells of its guests; what the cluster knows of them where it tells nothing."""
    name = node.target.name
    told = _Told(guests=[facts for facts in known if facts.target.host == name])
    if not node.online:
        return told
    try:
        async with asyncio.timeout(min(LISTING_S, api.timeout_s)):
            return await _live(api, name, {one.target.id: one for one in told.guests})
    except TimeoutError:
        told.failed[name] = f"node {name!r} did not list its guests in {LISTING_S:g} s"
    except NightshiftError as error:
        told.failed[name] = str(error)
    return told


async def _live(api: Api, node: str, known: Mapping[str, GuestFacts]) -> _Told:
    containers, machines, rows = await asyncio.gather(
        api.rows(f"list containers of {node!r}", "nodes", node, "lxc"),
        api.rows(f"list machines of {node!r}", "nodes", node, "qemu", full=1),
        task_rows(api, node, limit=NODE_TASKS),
    )
    tasks, told = _by_guest(rows), _Told()
    full = [
        {**row, "type": kind, "node": node}
        for kind, found in (("lxc", containers), ("qemu", machines))
        for row in found
    ]
    listed = _each(api, full, lambda row: _listed(row, tasks, known), told.failed)
    answers = await asyncio.gather(*(_with_config(api, one, told) for one in listed))
    told.guests = [facts for facts in answers if facts is not None]
    return told


def _listed(
    row: Row, tasks: Mapping[str, Sequence[GuestTask]], known: Mapping[str, GuestFacts]
) -> _Listed:
    """Only the cluster's list has the HA manager's state; all else there is older."""
    vmid = str(row["vmid"])
    state = known[vmid].ha_state if vmid in known else ""
    tags = ";".join(known[vmid].tags) if vmid in known else ""
    full = {**row, "hastate": state, "tags": row.get("tags"), "listed_tags": tags}
    return _Listed(row=full, tasks=tasks.get(vmid, []), unread=read.unread(full))


def _by_guest(rows: Sequence[Row]) -> dict[str, list[GuestTask]]:
    of_guest: dict[str, list[Row]] = {}
    for row in rows:
        of_guest.setdefault(read.owner(row), []).append(row)
    return {vmid: read.tasks(found) for vmid, found in of_guest.items()}


async def _with_config(api: Api, one: _Listed, told: _Told) -> GuestFacts | None:
    """Its facts; None if it vanished since; unknown where its configuration cannot be read."""
    target = one.unread.target
    path = ("nodes", target.host, read.PATH_KINDS[target.kind], target.id, "config")
    what = f"read the configuration of guest {target.id}"
    try:
        config = await api.fields(what, *path, current=1)
        with parsing(api.prefix(what)):
            return read.guest(
                one.row,
                config,
                one.tasks,
                kind=target.kind,
                node=target.host,
                now=datetime.now(UTC),
            )
    except NotFound:
        return None
    except NightshiftError as error:
        told.failed[f"{target.host}/{target.id}"] = str(error)
    return one.unread
