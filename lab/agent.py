"""The agent under test: how it is started, and the little that is asked of it over HTTP.

Not here: Nightshift's own client; this one knows only what is documented for everyone.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

NIGHTSHIFT = "nightshift"
ALWAYS_RESTART = "always-restart"


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A web server that takes Alertmanager's webhook; `module` is run by this Python."""

    name: str
    module: tuple[str, ...]

    def command(self, *, port: int, data: Path) -> list[str]:
        """The arguments; `data` is the directory it may write to."""
        own = ["--host", "127.0.0.1", "--port", str(port), "--data-dir", str(data)]
        return [sys.executable, "-m", *self.module, *own]


AGENTS = {
    NIGHTSHIFT: Agent(name=NIGHTSHIFT, module=("nightshift", "serve")),
    ALWAYS_RESTART: Agent(name=ALWAYS_RESTART, module=("lab.policies", "restart")),
    "reflex": Agent(name="reflex", module=("lab.policies", "start")),
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """An incident as the agent tells it; what is judged by it is only its outcome and its cost."""

    id: str
    status: str
    outcome: str | None
    alert: str
    opened: str
    asked: bool
    waits: bool
    tokens: int
    dollars: float
    detail: dict[str, Any]


class Client:
    """Asks the agent; an answer that does not come counts as no answer."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=5.0, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ready(self) -> bool:
        """Whether it says that it can work."""
        try:
            return (await self._http.get("/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def post(self, payload: Mapping[str, object]) -> None:
        """Deliver an alert. Raises httpx.HTTPError when it is not taken."""
        (await self._http.post("/alert", json=dict(payload))).raise_for_status()

    async def incidents(self) -> list[Report]:
        """All incidents, in detail, oldest first; empty when it does not answer."""
        try:
            listed = _items((await self._http.get("/incidents", params={"limit": 100})).json())
            details = [(await self._http.get(f"/incidents/{one['id']}")).json() for one in listed]
        except (httpx.TransportError, ValueError):
            return []
        return sorted(map(_report, details), key=lambda report: report.opened)

    async def answer(self, incident: str, answer: str) -> bool:
        """Approve or deny what an incident asks; false when that was not possible."""
        try:
            said = await self._http.post(
                f"/incidents/{incident}/{answer}", json={"reason": "the lab says so"}
            )
        except httpx.TransportError:
            return False
        return said.is_success


def _items(body: Any) -> list[dict[str, Any]]:
    found = body.get("incidents", []) if isinstance(body, dict) else body
    return list(found)


def _report(detail: dict[str, Any]) -> Report:
    usage = detail.get("usage") or {}
    timeline = detail.get("timeline") or []
    alert = detail.get("alert") or {}
    name = alert.get("labels", {}).get("alertname", "") if isinstance(alert, dict) else str(alert)
    return Report(
        id=detail["id"],
        status=detail["status"],
        outcome=detail.get("outcome"),
        alert=name,
        opened=str(detail.get("opened_at", "")),
        asked=any(event.get("kind") == "approval_requested" for event in timeline),
        waits=bool(detail.get("approval")),
        tokens=int(usage.get("prompt_tokens", 0)) + int(usage.get("completion_tokens", 0)),
        dollars=float(usage.get("dollars", 0.0)),
        detail=detail,
    )
