"""Proxmox VE behind the port `Guests`.

Here: one cluster and one guest of it in depth. Not here: the client (proxmox_api), parsing
(proxmox_facts), all guests at once (proxmox_listing), verbs (proxmox_effects).
"""

import asyncio
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from domain.errors import NightshiftError, NotFound, Permanent, Transient
from domain.guests import GuestFacts, GuestInventory
from domain.ports import Performed
from domain.remedy import Effect
from domain.target import Target
from tools import proxmox_effects, proxmox_facts, proxmox_listing
from tools.proxmox_api import Api, Row
from tools.proxmox_errors import Offline, parsing
from tools.proxmox_facts import PATH_KINDS

_GUEST_TASKS = 20
_LOG_LINES = 500
_NODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_VMID = re.compile(r"[1-9][0-9]{2,8}")
_STARTS = {"vzstart", "vzreboot"}


class ProxmoxCluster:
    """The guests of one cluster, asked through one of its nodes.

    `verify` is True, or the path of the CA file; `timeout_s` bounds every call and
    `task_timeout_s` the wait for a task's end. `user` may carry the token's name
    (`agent@pve!nightshift`). Raises BadConfiguration.
    """

    def __init__(
        self,
        host: str,
        user: str,
        *,
        password: str | None = None,
        token_name: str | None = None,
        token_value: str | None = None,
        verify: bool | str = True,
        timeout_s: float = 30.0,
        task_timeout_s: float = 120.0,
    ) -> None:
        self._api = Api(
            host,
            user,
            password=password,
            token_name=token_name,
            token_value=token_value,
            verify=verify,
            timeout_s=timeout_s,
        )
        self._task_timeout_s = task_timeout_s

    @property
    def user(self) -> str:
        """Whom our tasks belong to in Proxmox' log: `user@realm`, with `!token` where it is one."""
        return self._api.user

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        self._api.close()

    async def inventory(self) -> GuestInventory:
        """All nodes and guests that we may see.

        A guest of which its node does not tell, because it is offline or fails, has the status
        `unknown`. `unreachable` holds what failed by name, but not nodes that the cluster itself
        calls offline: their facts say so.
        """
        return await proxmox_listing.inventory(self._api)

    async def guest(self, target: Target) -> GuestFacts:
        """One guest by node and vmid, its lock and last tasks included.

        On a node that does not answer its status is `unknown`. Raises NotFound, saying where it
        lives now if it moved; Transient, Permanent.
        """
        _check(target)
        try:
            return await self._read(target)
        except Offline as error:
            reason, offline = str(error), True
        except NotFound as error:
            reason, offline = str(error), False
        return await self._elsewhere(target, reason, offline=offline)

    async def perform(self, effect: Effect) -> Performed:
        """Do one effect, once, and wait for its task's end.

        Conflict, before anything is sent, where a lock or a running task says hands off. Raises
        NotFound, Conflict, Permanent with Proxmox' reason; Transient when it is unknown whether
        it took place: it is never sent a second time.
        """
        return await proxmox_effects.perform(
            self._api, self.guest, effect, within_s=self._task_timeout_s
        )

    async def lacking(self) -> list[str]:
        """The privileges that Nightshift needs and has nowhere. Raises Transient, Permanent."""
        return await proxmox_listing.lacking(self._api)

    async def _read(self, target: Target) -> GuestFacts:
        path = ("nodes", target.host, PATH_KINDS[target.kind], target.id)
        name, api = f"guest {target.id} on {target.host!r}", self._api
        row, config, tasks, listed = await asyncio.gather(
            api.fields(f"read the status of {name}", *path, "status", "current"),
            api.fields(f"read the configuration of {name}", *path, "config", current=1),
            proxmox_listing.task_rows(api, target.host, limit=_GUEST_TASKS, vmid=int(target.id)),
            self._tags(target),
        )
        # that the list was asked for one guest's tasks does not make them all its own
        own = [task for task in tasks if proxmox_facts.owner(task) == target.id]
        with parsing(api.prefix(f"understand {name}")):
            found = proxmox_facts.guest(
                {**row, "vmid": target.id, "listed_tags": listed},
                config,
                proxmox_facts.tasks(own),
                kind=target.kind,
                node=target.host,
                now=datetime.now(UTC),
            )
        return found.model_copy(update={"oom_events": await self._oom_events(found)})

    async def _tags(self, target: Target) -> object:
        """What the cluster's list says: some clusters tell tags nowhere else."""
        try:
            rows = await proxmox_listing.cluster_rows(self._api)
        except NightshiftError:
            return ""  # then the guest's own word has to do
        return next((row.get("tags") for row in rows if _is(row, target)), "")

    async def _oom_events(self, facts: GuestFacts) -> int:
        """What the log of a container's last start says, if that start did not go well."""
        last = next((one for one in facts.tasks if one.kind in _STARTS and one.ended_at), None)
        if facts.target.kind != "lxc" or last is None or last.exit == "OK":
            return 0
        path = ("nodes", facts.target.host, "tasks", last.upid, "log")
        log = await self._api.rows(f"read the log of {last.upid}", *path, limit=_LOG_LINES)
        return proxmox_facts.oom_events(log)

    async def _elsewhere(self, target: Target, reason: str, *, offline: bool) -> GuestFacts:
        """What the cluster knows of a guest that its node does not tell of."""
        rows = await proxmox_listing.cluster_rows(self._api)
        row = next((row for row in rows if str(row.get("vmid")) == target.id), None)
        if row is not None and row.get("node") != target.host:
            raise NotFound(f"{reason}; guest {target.id} is on node {row.get('node')!r} now")
        if not offline:
            raise NotFound(reason)
        if row is None:
            raise Transient(reason)
        with parsing(self._api.prefix("understand the list of guests")):
            return proxmox_facts.unread(row)


def _is(row: Row, target: Target) -> bool:
    return (str(row.get("vmid")), row.get("node")) == (target.id, target.host)


def _check(target: Target) -> None:
    """Only a node's name and a vmid can name a guest; neither may be a path."""
    if target.kind not in PATH_KINDS:
        raise Permanent(f"{target.name!r} is a {target.kind}, not a guest of Proxmox")
    if not _VMID.fullmatch(target.id) or not _NODE.fullmatch(target.host):
        raise Permanent(f"{target.host!r}, {target.id!r} name no node and vmid; nothing was asked")
