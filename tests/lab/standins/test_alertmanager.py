"""Webhooks as Alertmanager posts them: shape, grouping, repeats, retries, silences."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.standins.alertmanager import Alertmanager, Timing
from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from lab.standins.rules import Rule
from lab.standins.serving import serving
from tools.prometheus_answers import expression_of

QUICK = Timing(group_interval_s=0.1, tick_s=0.01)
AGAIN = Timing(group_interval_s=0.05, repeat_interval_s=0.1, tick_s=0.01)
RULE = Rule(
    name="Down",
    expr='up{job="a"} == 0',
    labels={"severity": "critical"},
    annotations={"summary": "{{ $labels.name }} is down"},
)


@dataclass
class Receiver:
    """Whoever gets the webhooks; `statuses` are answered first, then 202."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        """One post."""
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.news.set()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 202)

    async def until(self, count: int) -> None:
        """Wait for that many posts."""
        async with asyncio.timeout(10):
            while len(self.bodies) < count:
                self.news.clear()
                await self.news.wait()


@dataclass
class Shop:
    """Services that are down, a Prometheus that sees them and who is told."""

    prometheus: Prometheus
    receiver: Receiver
    down: set[str] = field(default_factory=set)

    def set(self, *names: str) -> None:
        """These are down from now on."""
        self.down = set(names)
        self.prometheus.scrape()

    def alertmanager(self, **changes: Any) -> Alertmanager:
        """It posts to the receiver."""
        known = {"receiver": self.receiver.url, "rules": [RULE], "timing": QUICK}
        return Alertmanager(self.prometheus, **{**known, **changes})


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """All well."""
    receiver = Receiver()
    routes = [Route("/alert", receiver.take, methods=["POST"])]
    async with serving(Starlette(routes=routes)) as url, Prometheus(interval_s=60) as prometheus:
        receiver.url = f"{url}/alert"
        made = Shop(prometheus, receiver)
        prometheus.watch(
            lambda: [
                Sample(name="up", labels={"name": n, "job": "a"}, value=float(n not in made.down))
                for n in ("web", "db")
            ]
        )
        yield made


def states(body: dict[str, Any]) -> dict[str, str]:
    """By name, the status of each alert of a post."""
    return {one["labels"]["name"]: one["status"] for one in body["alerts"]}


async def test_a_post_has_the_recorded_shape(shop: Shop, data: Path) -> None:
    """Every field of version 4, and the expression in the link."""
    recorded = json.loads((data / "webhook/ContainerKilled_firing.json").read_text())
    shop.set("web")

    async with shop.alertmanager(token="secret"):
        shop.set("web")
        await shop.receiver.until(1)

    (body,), (headers,) = shop.receiver.bodies, shop.receiver.headers
    assert body.keys() == recorded.keys()
    assert body["alerts"][0].keys() == recorded["alerts"][0].keys()
    assert body["groupKey"] == '{}:{alertname="Down"}'
    assert expression_of(body["alerts"][0]["generatorURL"]) == RULE.expr
    assert headers["authorization"] == "Bearer secret"


async def test_firing_joining_and_resolving_are_told_in_one_group(shop: Shop) -> None:
    """Each post holds the whole group; what is resolved is told once."""
    async with shop.alertmanager():
        shop.set("web")
        await shop.receiver.until(1)
        shop.set("web", "db")
        await shop.receiver.until(2)
        shop.set("db")
        await shop.receiver.until(3)
        shop.set()
        await shop.receiver.until(4)

    assert [states(body) for body in shop.receiver.bodies] == [
        {"web": "firing"},
        {"web": "firing", "db": "firing"},
        {"web": "resolved", "db": "firing"},
        {"db": "resolved"},
    ]
    assert [body["status"] for body in shop.receiver.bodies][2:] == ["firing", "resolved"]


async def test_an_episode_keeps_its_start(shop: Shop) -> None:
    """Identity is fingerprint and startsAt, on every delivery."""
    async with shop.alertmanager(timing=AGAIN):
        shop.set("web")
        await shop.receiver.until(2)

    first, second = (body["alerts"][0] for body in shop.receiver.bodies[:2])
    assert first == second
    assert first["endsAt"] == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize("status", [503, 400])
async def test_what_was_not_taken_is_posted_again(shop: Shop, status: int) -> None:
    """5xx inside the flush, 4xx at the next interval: a receiver cannot lose an alert so."""
    shop.receiver.statuses = [status, status]
    async with shop.alertmanager() as alertmanager:
        shop.set("web")
        await shop.receiver.until(3)
        await alertmanager.posted(3)

    assert [one.status for one in alertmanager.deliveries] == [status, status, 202]
    assert shop.receiver.bodies[0] == shop.receiver.bodies[2]


async def test_a_receiver_that_is_down_is_tried_again(shop: Shop) -> None:
    """Nobody listens: status 0, and no giving up."""
    async with shop.alertmanager(receiver="http://127.0.0.1:1/alert") as alertmanager:
        shop.set("web")
        await alertmanager.posted(3)

    assert {one.status for one in alertmanager.deliveries} == {0}


async def test_what_comes_and_goes_between_flushes_is_not_told(shop: Shop) -> None:
    """A group that has told of nothing has nothing to resolve."""
    async with shop.alertmanager(timing=Timing(group_wait_s=0.3, tick_s=0.01)):
        shop.set("web")
        shop.set()
        await asyncio.sleep(0.5)

    assert shop.receiver.bodies == []


def silence(name: str, **changes: Any) -> dict[str, Any]:
    """An hour's silence for one container."""
    now = datetime.now(UTC)
    matcher = {"name": "name", "value": name, "isRegex": False, "isEqual": True}
    return {
        "matchers": [matcher],
        "startsAt": (now - timedelta(seconds=1)).isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "somebody",
        "comment": "working on it",
        **changes,
    }


async def test_a_silenced_alert_is_listed_and_not_posted(shop: Shop) -> None:
    """Until the silence ends."""
    async with shop.alertmanager() as alertmanager:
        number = alertmanager.silences.add(silence("web"))
        shop.set("web", "db")
        await shop.receiver.until(1)
        async with httpx.AsyncClient(base_url=alertmanager.url) as client:
            listed = (await client.get("/api/v2/alerts")).json()
            await client.delete(f"/api/v2/silence/{number}")
        await shop.receiver.until(2)

    state = {one["labels"]["name"]: one["status"]["state"] for one in listed}
    assert state == {"web": "suppressed", "db": "active"}
    assert [states(body).keys() for body in shop.receiver.bodies] == [{"db"}, {"web", "db"}]


async def test_silences_are_kept_by_the_api(shop: Shop) -> None:
    """Posted, listed, read, expired; a malformed one is refused."""
    async with (
        shop.alertmanager() as alertmanager,
        httpx.AsyncClient(base_url=f"{alertmanager.url}/api/v2") as client,
    ):
        pattern = [{"name": "name", "value": "w.*", "isRegex": True, "isEqual": False}]
        made = await client.post("/silences", json=silence("web", matchers=pattern))
        number = made.json()["silenceID"]
        (listed,) = (await client.get("/silences")).json()
        await client.delete(f"/silence/{number}")
        read = (await client.get(f"/silence/{number}")).json()
        bad = await client.post("/silences", json=silence("web", matchers=[]))

    assert (listed["id"], listed["status"]["state"]) == (number, "active")
    assert read["status"]["state"] == "expired"
    assert bad.status_code == 400


async def test_a_silence_matches_by_pattern_and_by_difference(shop: Shop) -> None:
    """Regular expressions are anchored, and may be turned round."""
    silences = shop.alertmanager().silences
    silences.add(
        silence("", matchers=[{"name": "name", "value": "we", "isRegex": True, "isEqual": False}])
    )
    silences.add(silence("db", startsAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat()))

    assert len(silences.mute({"name": "web"})) == 1
    assert silences.mute({"name": "we"}) == []


async def test_status_and_listed_alerts_have_the_recorded_fields(shop: Shop, data: Path) -> None:
    """What doctors and truncated webhooks ask for."""
    recorded = json.loads((data / "alertmanager/alerts.json").read_text())
    async with shop.alertmanager() as alertmanager:
        shop.set("web")
        async with httpx.AsyncClient(base_url=alertmanager.url) as client:
            (listed,) = (await client.get("/api/v2/alerts")).json()
            status = (await client.get("/api/v2/status")).json()

    assert listed.keys() >= recorded[0].keys()
    assert status["versionInfo"]["version"]
