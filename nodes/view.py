"""What every look at a target shares: its frame, its deadline, and what is asked of any target.

Not here: looks at containers (observe.py), at guests and nodes (observe_guest.py), or conclusions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from domain.alert import Alert
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.evidence import Evidence, Source, Status
from domain.facts import ContainerFacts
from domain.guests import GuestInventory
from domain.metrics import Metrics
from domain.plain import Plain
from domain.target import Target
from policy.reading import neighbour


@dataclass(frozen=True, kw_only=True)
class View:
    """What every source needs: the target, its surroundings and the time of this round."""

    deps: Deps
    alert: Alert
    round: int
    now: datetime
    target: Target
    everyone: list[ContainerFacts]
    cluster: GuestInventory
    tried: list[str]

    def note(
        self,
        kind: str,
        source: Source,
        query: str,
        summary: str,
        data: Plain | None = None,
        status: Status = "ok",
    ) -> Evidence:
        """One observation of this round."""
        return Evidence(
            id=f"{kind}@{self.round}",
            kind=kind,
            source=source,
            status=status,
            query=query,
            at=self.now,
            summary=summary,
            data=data or {},
        )


V = TypeVar("V", bound=View)


async def in_time(
    view: V, kind: str, source: Source, look: Callable[[V], Awaitable[Evidence]]
) -> Evidence:
    """One look under the deadline; what is silent or broken becomes evidence that says so."""
    try:
        async with asyncio.timeout(view.deps.limits.evidence_deadline_s):
            return await look(view)
    except TimeoutError:
        return view.note(kind, source, kind, "no answer in time", status="error")
    except NightshiftError as error:
        return view.note(kind, source, kind, str(error), status="error")


async def alert_told(view: View) -> Evidence:
    """The alert as it came."""
    alert = view.alert
    source: Source = "alert" if alert.source == "alertmanager" else "ledger"
    data: Plain = {
        "name": alert.name,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "status": alert.status,
        "source": alert.source,
    }
    return view.note("alert", source, "webhook", alert.summary, data)


async def attempts_made(view: View) -> Evidence:
    """What this incident has tried."""
    data: Plain = {"tried": list(view.tried), "count": len(view.tried)}
    summary = f"tried: {', '.join(view.tried) or 'nothing'}"
    return view.note("attempts", "ledger", "attempts of this incident", summary, data)


async def expression_read(view: View) -> Evidence:
    """The alert's own expression, evaluated by our Prometheus."""
    found = await metrics_of(view).expression(view.alert)
    data: Plain = {
        "state": found.state,
        "query": found.query,
        "detail": found.detail,
        "range_s": found.range_s,
    }
    return view.note(
        "expression", "prometheus", found.query, f"{found.state}: {found.detail}", data
    )


async def containers_listed(view: View) -> Evidence:
    """All containers, as policy reads them later."""
    kept = [neighbour(facts, view.deps.limits) for facts in view.everyone]
    data: Plain = {"containers": [facts.plain() for facts in kept]}
    return view.note(
        "inventory", "docker", "containers/json?all=1", f"{len(kept)} containers", data
    )


def metrics_of(view: View) -> Metrics:
    """Our Prometheus. Raises NightshiftError where there is none."""
    if view.deps.metrics is None:
        raise NightshiftError("no PROMETHEUS_URL is set")
    return view.deps.metrics
