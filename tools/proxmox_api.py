"""One Proxmox API: its client, its threads, its time limits. Not here: what answers mean.

proxmoxer blocks and retries nothing; every call runs in a thread of its own under a time-out.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import proxmoxer.core
from proxmoxer import ProxmoxAPI
from proxmoxer.backends import https

from domain.errors import BadConfiguration, NightshiftError, Permanent, Transient
from tools.proxmox_errors import FAILURES, SignedOut, Unnamed, explained

Row = dict[str, Any]
"""A JSON object of the API; only proxmox_facts and proxmox_tasks look inside one."""

THREADS = 8
CONNECT_S = 5.0
_MARGIN_S = 0.5
_TALKATIVE = (proxmoxer.core.__name__, https.__name__, "urllib3")
"""Loggers that would write down what is sent and answered, tickets included."""
_UPID = re.compile(
    r"UPID:[A-Za-z0-9-]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s/]+:[^:\s/]*:[^:\s/]+:",
    re.IGNORECASE,
)


class Api:
    """The paths of `https://host:8006/api2/json`, by token or by password.

    Raises BadConfiguration where the credentials are incomplete or the CA file is missing.
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
    ) -> None:
        self.host = _bare(host)
        account, _, in_user = user.partition("!")
        name = token_name or in_user
        self.user = f"{account}!{name}" if name else account
        self.timeout_s = timeout_s
        _check(self.host, account, name, password, token_value, verify)
        self._verify = verify
        self._secrets = (
            {"token_name": name, "token_value": token_value} if name else {"password": password}
        )
        self._client: Any = None
        self._signing_in = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="proxmox")
        for logger in _TALKATIVE:
            logging.getLogger(logger).setLevel(logging.CRITICAL)

    async def rows(self, what: str, *path: str, **query: object) -> list[Row]:
        """GET a list. Raises Transient, Permanent; `what` says in the message what failed."""
        answer = await self._call(what, lambda client: client.get(*path, **query))
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise Permanent(f"{self.prefix(what)}: its answer is not what Proxmox' API gives")
        return answer

    async def fields(self, what: str, *path: str, **query: object) -> Row:
        """GET an object. Raises Transient, Permanent."""
        answer = await self._call(what, lambda client: client.get(*path, **query))
        garbled = isinstance(answer, dict) and isinstance(answer.get("errors"), bytes)
        if garbled or not isinstance(answer, dict):
            raise Permanent(f"{self.prefix(what)}: its answer is not what Proxmox' API gives")
        return answer

    async def begin(self, what: str, *path: str, **form: object) -> str:
        """POST what becomes a task; returns its UPID. Raises Transient where that is unknown.

        Unnamed where it was accepted, and what came back names no task that can be asked about.
        """
        answer = await self._call(what, lambda client: client.post(*path, **form))
        if not isinstance(answer, str) or not _UPID.fullmatch(answer):
            raise Unnamed(f"{self.prefix(what)}: it named no task; whether one runs is unknown")
        return answer

    async def put(self, what: str, *path: str, **form: object) -> None:
        """PUT; done when it returns. Raises Transient where the answer is no answer."""
        answer = await self._call(what, lambda client: client.put(*path, **form))
        if answer is not None:
            raise Transient(f"{self.prefix(what)}: its answer is not what Proxmox' API gives")

    def prefix(self, what: str) -> str:
        """How a sentence about a failure begins."""
        return f"Proxmox {self.host!r}: could not {what}"

    def close(self) -> None:
        """Let the threads end; a call in flight ends with its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            threading.Thread(target=_hang_up, args=(self._client,), daemon=True).start()

    async def _call(self, what: str, work: Callable[[Any], Any]) -> Any:
        """Run `work` in a thread; one that is still queued when time is up is never run."""
        loop, limit = asyncio.get_running_loop(), self.timeout_s + _MARGIN_S
        try:
            async with asyncio.timeout(limit):
                return await loop.run_in_executor(self._threads, self._run, what, work)
        except TimeoutError:
            raise Transient(f"{self.prefix(what)}: no answer in {limit:g} s") from None

    def _run(self, what: str, work: Callable[[Any], Any]) -> Any:
        """Do it; where a ticket has expired sign in once more, since nothing was done then."""
        used = self._client
        answer = self._attempt(what, work)
        if isinstance(answer, SignedOut) and used is not None and "password" in self._secrets:
            self._sign_out(used)
            answer = self._attempt(what, work)
        if isinstance(answer, NightshiftError):
            raise answer
        return answer

    def _attempt(self, what: str, work: Callable[[Any], Any]) -> Any:
        """The answer, or the error to raise: raised in here it would hold on to the request."""
        try:
            return work(self._signed_in())
        except FAILURES as error:
            return explained(error, self.prefix(what))

    def _signed_in(self) -> Any:
        """The client, made at first use: with a password that asks for a ticket."""
        with self._signing_in:
            if self._client is None:
                self._client = ProxmoxAPI(
                    self.host,
                    user=self.user.partition("!")[0],
                    verify_ssl=self._verify,
                    timeout=(min(CONNECT_S, self.timeout_s), self.timeout_s),
                    **self._secrets,
                )
            return self._client

    def _sign_out(self, used: Any) -> None:
        with self._signing_in:
            if self._client is used:
                self._client = None
                _hang_up(used)


def _hang_up(client: Any) -> None:
    """Close the connections now; the session alone would leave that to the garbage collector."""
    session = client._store["session"]
    for adapter in session.adapters.values():
        pools = adapter.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118  # not a dict: it cannot be iterated
            pools[key].close()
    session.close()


def _bare(host: str) -> str:
    """`host` or `host:port` of what may be a URL."""
    return host.strip().partition("://")[2].partition("/")[0] or host.strip().partition("/")[0]


def _check(
    host: str,
    account: str,
    name: str | None,
    password: str | None,
    token_value: str | None,
    verify: bool | str,
) -> None:
    """Refuse a set-up that cannot work. No secret is repeated."""
    if not host:
        raise BadConfiguration("PROXMOX_HOST is empty; give the name or address of a node")
    if "@" not in account:
        raise BadConfiguration(f"PROXMOX_USER {account!r} has no realm; write it as user@pve")
    if bool(name) != bool(token_value):
        raise BadConfiguration("PROXMOX_TOKEN_NAME and PROXMOX_TOKEN_VALUE belong together")
    if not name and not password:
        raise BadConfiguration("PROXMOX_USER has neither a token nor a PROXMOX_PASSWORD")
    if isinstance(verify, str) and not Path(verify).exists():
        raise BadConfiguration(f"the CA file {verify!r} does not exist; PROXMOX_CA names it")
