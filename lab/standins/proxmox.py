"""A Proxmox VE that is none: its API over a simulated cluster, by real HTTPS.

Here: signing in, dispatch, refusals. Not here: paths (proxmox_routes), JSON objects
(proxmox_json), privileges (proxmox_access), certificates (proxmox_tls), behaviour (lab/cluster.py).
"""

import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from lab.cluster import Cluster
from lab.cluster_parts import ClusterRefusal
from lab.standins.faults import FaultInjector, Faults
from lab.standins.proxmox_access import Access, Account
from lab.standins.proxmox_routes import ENDPOINTS, Call, Endpoint
from lab.standins.proxmox_tls import (
    REASON,
    Certificates,
    ReasonProtocol,
    Reasons,
    make_certificates,
)
from lab.standins.serving import serving

__all__ = ["ProxmoxStandin", "Served", "running"]

ROOT = "/api2/json"
_VMID_MIN = 100
_MUTE = {401, 595, 596, 599}
"""Refusals that come before there is a body."""

Twist = Callable[[Any], Any]
"""Makes something else of an answer's data."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where it listens: `host:port` for PROXMOX_HOST, and the CA file to trust."""

    host: str
    ca: str


class ProxmoxStandin:
    """An ASGI app: `ProxmoxStandin(cluster)`; `faults` makes its paths slow, broken or mute.

    Without `accounts` there is one token that may do everything (`proxmox_access.TOKEN`).
    `twist` makes answers deviate, as other versions and gateways do.
    """

    def __init__(self, cluster: Cluster, accounts: Sequence[Account] | None = None) -> None:
        self.cluster = cluster
        self.faults = Faults()
        self.access = Access(accounts or [Account()])
        self._twists: list[tuple[re.Pattern[str], Twist]] = []
        self._app = Reasons(FaultInjector(self._answer, self.faults))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    def twist(self, path: str, change: Twist) -> None:
        """Change the data of what is answered on paths that match (searched), after the work."""
        self._twists.append((re.compile(path), change))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            data = self._dispatch(request, await _asked(request))
        except ClusterRefusal as refusal:
            answer = _refused(refusal)
        else:
            for pattern, change in self._twists:
                data = change(data) if pattern.search(request.url.path) else data
            answer = JSONResponse({"data": data})
        await answer(scope, receive, send)

    def _dispatch(self, request: Request, asked: Mapping[str, str]) -> Any:
        """In Proxmox' order: who asks, which path, may they, is the node there, what is asked."""
        path = request.url.path.removeprefix(ROOT)
        if (request.method, path) == ("POST", "/access/ticket"):
            return self.access.sign_in(asked.get("username", ""), asked.get("password", ""))
        account = self.access.who(request.headers, request.method)
        endpoint, words = _find(request.method, path)
        call = Call(cluster=self.cluster, account=account, path=words, asked=asked)
        if not endpoint.changes:
            return self._checked(endpoint, call)
        name = self._name(words)
        try:
            answer = self._checked(endpoint, call)
        except ClusterRefusal as refusal:
            self.cluster.note(endpoint.changes, name, refusal.status, refusal.message)
            raise
        self.cluster.note(endpoint.changes, name, 200, account.user)
        return answer

    def _checked(self, endpoint: Endpoint, call: Call) -> Any:
        if endpoint.privileges:
            place = endpoint.on.format(**call.path)
            call.account.check(place, endpoint.privileges, one_of=endpoint.one_of)
        self._reach(call.path.get("node"))
        _verify(endpoint, call)
        return endpoint.answer(call)

    def _reach(self, node: str | None) -> None:
        """Other nodes are asked by proxy, which fails where they are offline."""
        if node is None:
            return
        if node not in self.cluster.nodes:
            raise ClusterRefusal(500, f"hostname lookup '{node}' failed - no such node")
        if not self.cluster.nodes[node].online:
            raise ClusterRefusal(595, "No route to host")

    def _name(self, words: Mapping[str, str]) -> str:
        guest = self.cluster.guests.get(int(words["vmid"])) if words["vmid"].isdigit() else None
        return guest.name if guest else words["vmid"]


@contextlib.asynccontextmanager
async def running(
    standin: ProxmoxStandin, certificates: Certificates | None = None
) -> AsyncIterator[Served]:
    """Serve it over TLS until the block ends, by default with a fresh authority.

    Raises NoCertificate.
    """
    with tempfile.TemporaryDirectory(prefix="proxmox-standin-") as folder:
        made = certificates or await make_certificates(Path(folder))
        served = serving(
            standin,
            http=ReasonProtocol,
            ssl_certfile=made.certificate,
            ssl_keyfile=made.key,
        )
        async with served as url:
            yield Served(host=url.removeprefix("https://"), ca=made.ca)


async def _asked(request: Request) -> dict[str, str]:
    body = (await request.body()).decode()
    return {**request.query_params, **dict(parse_qsl(body, keep_blank_values=True))}


def _find(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    for pattern, endpoint in _PATTERNS:
        found = pattern.fullmatch(f"{method} {path}")
        if found:
            return endpoint, found.groupdict()
    raise ClusterRefusal(501, f"Method '{method} {path}' not implemented")


_PATTERNS = [
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)), endpoint)
    for template, endpoint in ENDPOINTS.items()
]


class _Invalid(ClusterRefusal):
    """Parameters that the schema does not allow."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(400, "Parameter verification failed.")
        self.errors = dict(errors)


def _verify(endpoint: Endpoint, call: Call) -> None:
    wrong = {
        name: reason
        for name, value in call.asked.items()
        if (reason := _wrong(endpoint.params.get(name), value))
    }
    vmid = call.path.get("vmid", str(_VMID_MIN))
    if not vmid.isdigit() or int(vmid) < _VMID_MIN:
        wrong["vmid"] = f"invalid format - value does not look like a valid VM ID ({vmid})"
    if wrong:
        raise _Invalid(wrong)


def _wrong(kind: str | None, value: str) -> str:
    if kind is None:
        return (
            "property is not defined in schema and the schema does not allow additional properties"
        )
    if kind == "boolean" and value not in {"0", "1"}:
        return f"type check ('boolean') failed - got '{value}'"
    if kind == "integer" and not value.isdigit():
        return f"type check ('integer') failed - got '{value}'"
    return ""


def _refused(refusal: ClusterRefusal) -> Response:
    if refusal.status in _MUTE:
        reason = refusal.message.encode("latin-1")
        return Response(b"", refusal.status, headers={REASON.decode(): reason.decode("latin-1")})
    body: dict[str, Any] = {"data": None, "message": f"{refusal.message}\n"}
    if isinstance(refusal, _Invalid):
        body["errors"] = refusal.errors
    return JSONResponse(body, refusal.status)
