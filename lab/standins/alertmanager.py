"""A stand-in for Alertmanager: groups the alerts of the stand-in Prometheus and posts webhooks.

Group, repeat and retry behaviour are Alertmanager's. Not here: rules (rules.py).
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote_plus

import httpx

from lab.standins.faults import FaultInjector, Faults
from lab.standins.prometheus import Prometheus
from lab.standins.rules import Active, Rule
from lab.standins.serving import serving
from lab.standins.silences import Silences, alertmanager_api

VERSION = "0.25.0"
_NEVER = "0001-01-01T00:00:00Z"
_FIRST_RETRY_S = 0.5


@dataclass(kw_only=True)
class Timing:
    """Alertmanager's own knobs, in seconds; `tick_s` is how often groups are looked at."""

    group_wait_s: float = 0.0
    group_interval_s: float = 1.0
    repeat_interval_s: float = 3600.0
    webhook_timeout_s: float = 10.0
    tick_s: float = 0.1


@dataclass
class _Group:
    """The alerts that go out in one body, and what was last told of them."""

    labels: dict[str, str]
    due_at: float
    told_firing: frozenset[str] = frozenset()
    told_resolved: frozenset[str] = frozenset()
    told_at: float = 0.0
    flush: "asyncio.Task[None] | None" = None


@dataclass
class Delivery:
    """One post: what was sent and the status that came back (0: none)."""

    body: dict[str, Any]
    status: int
    at: float = field(default_factory=time.time)


class Alertmanager:
    """Posts firing and resolved alerts to `receiver`, as long as the block lasts.

    `async with Alertmanager(prometheus, receiver=url, rules=[...]) as alertmanager:`; the rules
    join those of the Prometheus. `deliveries` holds every post in order.
    """

    def __init__(
        self,
        prometheus: Prometheus,
        *,
        receiver: str,
        rules: Sequence[Rule] = (),
        token: str = "",
        group_by: Sequence[str] = ("alertname",),
        timing: Timing | None = None,
    ) -> None:
        self.faults = Faults()
        self.silences = Silences()
        self.deliveries: list[Delivery] = []
        self.url = ""
        self._prometheus = prometheus
        prometheus.rules.rules.extend(rules)
        self._receiver = receiver
        self._headers = {"User-Agent": f"Alertmanager/{VERSION}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._group_by = tuple(group_by)
        self._timing = timing or Timing()
        self._groups: dict[str, _Group] = {}
        self._done: set[tuple[str, float]] = set()
        self._posted = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Serve the API and start to look at alerts."""
        app = FaultInjector(alertmanager_api(self.silences, self._listed), self.faults)
        self.url = await self._stack.enter_async_context(serving(app))
        client = httpx.AsyncClient(
            timeout=self._timing.webhook_timeout_s, headers=self._headers, trust_env=False
        )
        self._client = await self._stack.enter_async_context(client)
        self._stack.push_async_callback(_end, asyncio.create_task(self._watch()), self._flushes)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; a post under way is cut."""
        await self._stack.aclose()

    async def posted(self, count: int) -> None:
        """Wait until there were that many posts, taken or not."""
        while len(self.deliveries) < count:
            self._posted.clear()
            await self._posted.wait()

    async def _watch(self) -> None:
        while True:
            self._sort()
            now = time.time()
            for key, group in self._groups.items():
                if now >= group.due_at and (group.flush is None or group.flush.done()):
                    group.due_at = now + self._timing.group_interval_s
                    group.flush = asyncio.create_task(self._flush(key, group))
            await asyncio.sleep(self._timing.tick_s)

    def _flushes(self) -> "Iterator[asyncio.Task[None]]":
        return (group.flush for group in self._groups.values() if group.flush is not None)

    def _sort(self) -> None:
        """Open a group for every alert that has none yet."""
        for alert in self._alerts():
            labels = {key: alert.labels[key] for key in self._group_by if key in alert.labels}
            due = time.time() + self._timing.group_wait_s
            self._groups.setdefault(_group_key(labels), _Group(labels, due))

    def _alerts(self) -> list[Active]:
        """What fires, and what has ended and was not told yet."""
        return [
            one
            for one in self._prometheus.rules.alerts("firing", "resolved")
            if (one.fingerprint, one.resolved_at) not in self._done
        ]

    def _listed(self) -> list[dict[str, Any]]:
        """The alerts that fire now, as /api/v2/alerts lists them."""
        return [
            {
                **self._written(one),
                "updatedAt": _stamp(time.time()),
                "receivers": [{"name": "agent"}],
                "status": self.silences.status(one.labels),
            }
            for one in self._prometheus.rules.alerts("firing")
        ]

    async def _flush(self, key: str, group: _Group) -> None:
        """One flush of a group: post if there is news, and again until it is taken."""
        members = [
            one
            for one in self._alerts()
            if group.labels.items() <= one.labels.items() and not self.silences.mute(one.labels)
        ]
        if not members or not self._is_news(group, members):
            return
        if await self._post_until_taken(key, group, members):
            self._note(group, members)

    def _is_news(self, group: _Group, members: list[Active]) -> bool:
        firing, resolved = _by_state(members)
        if not firing and not group.told_firing:
            return False  # it came and went between two flushes
        changed = not firing <= group.told_firing or not resolved <= group.told_resolved
        repeat = time.time() - group.told_at >= self._timing.repeat_interval_s
        return changed or (bool(firing) and repeat)

    def _note(self, group: _Group, members: list[Active]) -> None:
        group.told_firing, group.told_resolved = _by_state(members)
        group.told_at = time.time()
        ended = (one for one in members if one.state == "resolved")
        self._done.update((one.fingerprint, one.resolved_at) for one in ended)

    async def _post_until_taken(self, key: str, group: _Group, members: list[Active]) -> bool:
        """Retry on 5xx and broken connections inside the flush; 3xx and 4xx wait for the next."""
        deadline = time.time() + max(self._timing.group_interval_s, 1.0)
        pause = min(_FIRST_RETRY_S, self._timing.group_interval_s)
        body = self._body(key, group, members)
        while True:
            status = await self._post(body)
            self.deliveries.append(Delivery(body, status))
            self._posted.set()
            if 200 <= status < 300:
                return True
            if 300 <= status < 500 or time.time() + pause >= deadline:
                return False
            await asyncio.sleep(pause)
            pause *= 1.5

    async def _post(self, body: dict[str, Any]) -> int:
        try:
            return (await self._client.post(self._receiver, json=body)).status_code
        except httpx.HTTPError:
            return 0

    def _body(self, key: str, group: _Group, members: list[Active]) -> dict[str, Any]:
        """The webhook's body, payload version 4."""
        alerts = [{"status": one.state, **self._written(one)} for one in members]
        firing = any(one.state == "firing" for one in members)
        return {
            "receiver": "agent",
            "status": "firing" if firing else "resolved",
            "alerts": alerts,
            "groupLabels": group.labels,
            "commonLabels": _common([one.labels for one in members]),
            "commonAnnotations": _common([one.annotations for one in members]),
            "externalURL": self.url,
            "version": "4",
            "groupKey": key,
            "truncatedAlerts": 0,
        }

    def _written(self, one: Active) -> dict[str, Any]:
        expression = quote_plus(one.rule.expr)
        return {
            "labels": one.labels,
            "annotations": one.annotations,
            "startsAt": _stamp(one.fired_at),
            "endsAt": _stamp(one.resolved_at) if one.state == "resolved" else _NEVER,
            "generatorURL": f"{self._prometheus.url}/graph?g0.expr={expression}&g0.tab=1",
            "fingerprint": one.fingerprint,
        }


async def _end(
    watch: "asyncio.Task[None]", flushes: "Callable[[], Iterator[asyncio.Task[None]]]"
) -> None:
    for task in (watch, *flushes()):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _by_state(members: list[Active]) -> tuple[frozenset[str], frozenset[str]]:
    firing = frozenset(one.fingerprint for one in members if one.state == "firing")
    return firing, frozenset(one.fingerprint for one in members if one.state == "resolved")


def _group_key(labels: dict[str, str]) -> str:
    return "{}:{" + ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"


def _common(sets: list[dict[str, str]]) -> dict[str, str]:
    first, *others = sets
    return {
        key: value
        for key, value in first.items()
        if all(other.get(key) == value for other in others)
    }


def _stamp(at: float) -> str:
    """RFC 3339 with milliseconds, as Prometheus stamps alerts."""
    told = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")
