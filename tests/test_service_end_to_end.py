"""The whole service over real HTTP: server, graph, store, adapters; the others are stand-ins."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from domain.incident import Incident
from lab.standins.docker import DockerStandin, running
from lab.standins.prometheus import Prometheus
from lab.standins.series import world_series
from lab.standins.serving import serving
from lab.standins.telegram import Telegram
from lab.world import Service as Spec
from lab.world import World
from memory.opening import FILE
from nightshift.service import Service
from nightshift.settings import Settings
from nightshift.web import intake
from nightshift.wiring import open_service
from server import create_app
from tests.stores import on_writer

SCOPE = {"nightshift.enable": "true"}


@dataclass(kw_only=True)
class Shop:
    """`web` stands on `db`, which has no health check; who watches it and who is told."""

    world: World
    docker: DockerStandin
    telegram: Telegram
    settings: Settings

    def verbs(self) -> list[str]:
        """What was changed through Docker's API, as `verb name`."""
        return [f"{one.verb} {one.name}" for one in self.world.actions]

    async def chat(self, good: Callable[[str], bool]) -> str:
        """The newest message, as soon as it reads so."""
        async with asyncio.timeout(20):
            while not (self.telegram.chat and good(self.telegram.chat[-1].text)):  # noqa: ASYNC110  # edits wake nobody
                await asyncio.sleep(0.02)
        return self.telegram.chat[-1].text


@dataclass(kw_only=True)
class Running:
    """A served service and a client of its."""

    service: Service
    http: httpx.AsyncClient

    async def post(self, alertname: str, name: str, **more: Any) -> httpx.Response:
        """What Alertmanager sends."""
        return await self.http.post("/alert", json=delivery(alertname, name, **more))

    async def accepted(self, alertname: str, name: str) -> str:
        """The incident of an alert that is posted now."""
        answer = await self.post(alertname, name)
        return await self.sorted(answer)

    async def sorted(self, answer: httpx.Response) -> str:
        """The newest incident of the alert that was posted and accepted."""
        assert answer.status_code == 202, answer.text
        await self.service.store.catch_up()
        (sent,) = json.loads(answer.request.content)["alerts"]
        rows = await self.service.store.incidents(limit=99)
        return next(row.id for row in rows if row.alert.fingerprint == sent["fingerprint"])

    async def until(self, incident: str, good: Callable[[Incident], bool]) -> Incident:
        """The incident as soon as it is so."""
        async with asyncio.timeout(25):
            while True:
                seen = self.service.store.change_count
                row = await self.service.store.incident(incident)
                if good(row):
                    return row
                await self.service.store.wait_change(seen, timeout=1)

    async def end(self, incident: str) -> Incident:
        """The incident when it is done."""
        return await self.until(incident, lambda row: row.status == "done")

    async def asked(self, incident: str) -> None:
        """Return when a person is asked."""
        async with asyncio.timeout(25):
            while not await self.service.store.pending_approval(incident):
                await self.service.store.wait_change(None, timeout=0.2)

    async def says(self, incident: str, word: str) -> None:
        """A person answers over HTTP."""
        said = {"by": "ann", "reason": "maintenance is over"}
        answer = await self.http.post(f"/incidents/{incident}/{word}", json=said)
        assert answer.status_code == 200, answer.text


STARTED = datetime.now(UTC)


def delivery(alertname: str, name: str, *, note: str = "") -> dict[str, Any]:
    """A webhook of version 4 with one firing alert; the same each time it is repeated."""
    labels = {"alertname": alertname, "name": name, "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{name}: {alertname}", "note": note},
        "startsAt": STARTED.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": f"{alertname}-{name}",
    }
    group = {"groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}}
    head = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "nightshift"}
    return {**head, **group, "externalURL": "", "truncatedAlerts": 0, "alerts": [alert]}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """Everything around the service."""
    world = World()
    world.add(Spec(name="db", health=False, labels=SCOPE, restart="unless-stopped"))
    world.add(Spec(name="web", labels=SCOPE, depends_on=["db"], without_deps="unhealthy"))
    docker = DockerStandin(world)
    async with running(docker) as url, Telegram() as telegram, Prometheus() as prometheus:
        prometheus.watch(world_series(world))
        settings = Settings(
            _env_file=None,
            nightshift_data_dir=tmp_path,
            nightshift_workers=2,
            nightshift_check_every_s=0,
            nightshift_stable_for_s=0.1,
            nightshift_verify_for_s=2,
            nightshift_settle_s=1,
            docker_hosts={"demo": url},
            docker_scope=SCOPE,
            prometheus_url=prometheus.url,
            telegram_bot_token=SecretStr(telegram.token),
            telegram_chat_id=telegram.chat_id,
            telegram_base_url=telegram.base_url,
        )
        yield Shop(world=world, docker=docker, telegram=telegram, settings=settings)
    await world.aclose()


@asynccontextmanager
async def opened(shop: Shop) -> AsyncIterator[Running]:
    """The service at work, listening on a loopback port."""
    async with open_service(shop.settings) as service:

        @asynccontextmanager
        async def given() -> AsyncIterator[Service]:
            yield service

        application = create_app(given)
        async with application.router.lifespan_context(application) as state:

            async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
                await application({**scope, "state": dict(state or {})}, receive, send)

            async with serving(with_state) as url, httpx.AsyncClient(base_url=url) as http:
                while service.readiness()["degraded"]:
                    await asyncio.sleep(0.01)
                    await service.look()
                yield Running(service=service, http=http)


async def test_a_crash_is_healed_and_told(shop: Shop) -> None:
    """One start, proved; one message, written once and brought up to date without a sound."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "crash")
        row = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))
        said = await shop.chat(lambda words: "Fixed" in words)

    assert (row.outcome, shop.verbs()) == ("resolved", ["start web"])
    assert shop.world.is_well("web")
    assert (len(shop.telegram.chat), shop.telegram.sent, shop.telegram.sounds) == (1, 1, [])
    assert "web" in said


async def test_a_locked_database_is_told_before_alertmanager_gives_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 within the bound, whoever holds the lock; sent again, it is one incident."""
    monkeypatch.setattr(intake, "STORE_S", 0.2)
    async with opened(shop) as nightshift:
        other = sqlite3.connect(shop.settings.nightshift_data_dir / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        refused = await nightshift.post("ContainerDown", "web")
        other.close()
        async with asyncio.timeout(10):
            while (again := await nightshift.post("ContainerDown", "web")).status_code == 503:
                pass
        incident = await nightshift.sorted(again)
        known = (await nightshift.http.get("/incidents")).json()["incidents"]

    assert (refused.status_code, refused.elapsed < timedelta(seconds=1.5)) == (503, True)
    assert [one["id"] for one in known] == [incident]


async def test_a_secret_in_a_log_goes_nowhere(shop: Shop) -> None:
    """Not into what HTTP shows, a message, the ledger, a checkpoint or what is remembered."""
    secrets = ("hunter2secret", "Tr0ub4dor", "k-99-key")
    line = "FATAL postgres://app:hunter2secret@db:5432 password=Tr0ub4dor&3 api_key: k-99-key"
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "crash")
        shop.world.stage.log(shop.world.get("web"), line)
        incident = await nightshift.accepted("ContainerDown", "web")
        await nightshift.end(incident)
        shown = (await nightshift.http.get(f"/incidents/{incident}")).text
        told = await shop.chat(lambda words: "Fixed" in words)
        folder = shop.settings.nightshift_data_dir
        kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())

    assert b"FATAL postgres://***@db:5432 password=*** api_key: ***" in kept
    assert not [one for one in secrets if one in shown + told or one.encode() in kept]


async def test_a_refused_delivery_is_told_as_what_it_is(shop: Shop) -> None:
    """The message says what was lost and how to mend it, and speaks of no container."""
    async with opened(shop) as nightshift:
        answer = await nightshift.http.post("/alert", content=b" " * (intake.MAX_BODY + 1))
        said = await shop.chat(lambda words: "max_alerts" in words)

    assert answer.status_code == 413
    assert "1048576 bytes" in said
    assert "container" not in said


async def test_the_story_can_be_followed(shop: Shop) -> None:
    """As a stream while it happens, and as one object afterwards."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "crash")
        incident = await nightshift.accepted("ContainerDown", "web")
        stream = await nightshift.http.get(f"/incidents/{incident}/events", timeout=20)
        shown = (await nightshift.http.get(f"/incidents/{incident}")).json()
        stats = (await nightshift.http.get("/stats")).json()
    kinds = [line[7:] for line in stream.text.splitlines() if line.startswith("event: ")]

    assert kinds[0] == "received"
    assert kinds[-1] == "end"
    assert [kind for kind in ("intent", "effect", "verdict", "outcome") if kind in kinds] == [
        "intent", "effect", "verdict", "outcome",
    ]  # fmt: skip
    assert shown["outcome"] == "resolved"
    assert stats["by_outcome"] == {"resolved": 1}


async def hangs(shop: Shop) -> None:
    """The database hangs, which shows only in the website's health."""
    await shop.world.break_("db", "hung")
    with shop.world.subscribe() as events:
        while shop.world.get("web").health != "unhealthy":
            await events.get()


async def test_what_hangs_below_is_found_and_remembered(shop: Shop) -> None:
    """First the victim, then what it stands on; the second time straight to the cause."""
    async with opened(shop) as nightshift:
        await hangs(shop)
        first = await nightshift.end(await nightshift.accepted("ContainerUnhealthy", "web"))
        before = shop.verbs()
        await hangs(shop)
        second = await nightshift.end(await nightshift.accepted("ContainerUnhealthy", "web"))

    assert (first.outcome, before) == ("resolved", ["restart web", "restart db"])
    assert (second.outcome, shop.verbs()[2:]) == ("resolved", ["restart db"])
    assert shop.world.is_well("web")


async def test_a_paused_one_is_unpaused_when_a_person_says_so(shop: Shop) -> None:
    """Somebody paused it, so somebody is asked, audibly; the yes over HTTP heals it."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "paused")
        incident = await nightshift.accepted("ContainerPaused", "web")
        await nightshift.asked(incident)
        await shop.chat(lambda words: bool(shop.telegram.sounds))
        before = shop.verbs()
        await nightshift.says(incident, "approve")
        row = await nightshift.end(incident)

    assert before == []
    assert (row.outcome, shop.verbs()) == ("resolved", ["unpause web"])
    assert len(shop.telegram.sounds) == 1


async def test_a_no_is_a_no(shop: Shop) -> None:
    """Denied: nothing is done, the reason is kept, and a second answer comes too late."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "paused")
        incident = await nightshift.accepted("ContainerPaused", "web")
        await nightshift.asked(incident)
        await nightshift.says(incident, "deny")
        row = await nightshift.end(incident)
        late = await nightshift.http.post(f"/incidents/{incident}/approve")

    assert (row.outcome, row.reason) == ("denied", "denied by ann: maintenance is over")
    assert shop.verbs() == []
    assert late.status_code in {404, 409}


async def test_the_pause_switch_stops_everything(shop: Shop) -> None:
    """Alerts are taken and told, nothing is done; lifted, the alert's next post is healed."""
    async with opened(shop) as nightshift:
        await nightshift.service.store.pause("moving the rack", by="ann")
        await shop.world.break_("web", "crash")
        first = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))
        before = shop.verbs()
        await nightshift.service.store.resume(by="ann")
        second = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))

    assert (first.outcome, before) == ("escalated", [])
    assert "moving the rack" in first.reason
    assert (second.outcome, second.occurrence) == ("resolved", 2)
    assert shop.verbs() == ["start web"]


def room(nightshift: Running, pages: int) -> int:
    """Let the store's file grow to so many pages, and no further; returns what it has."""
    has = on_writer(nightshift.service.store, "page_count")
    on_writer(nightshift.service.store, f"max_page_count = {pages or has}")
    return has


async def test_what_cannot_be_stored_is_not_acknowledged(shop: Shop) -> None:
    """The disk is full: 503, so that Alertmanager comes again; it does, and it is healed."""
    async with opened(shop) as nightshift:
        room(nightshift, 0)
        await shop.world.break_("web", "crash")
        refused = await nightshift.post("ContainerDown", "web", note="x" * 200_000)
        none = await nightshift.service.store.incidents(limit=9)
        room(nightshift, 1_000_000)
        again = await nightshift.post("ContainerDown", "web", note="x" * 200_000)
        row = await nightshift.end(await nightshift.sorted(again))

    assert (refused.status_code, none) == (503, [])
    assert "full" in refused.json()["error"]
    assert (again.status_code, row.outcome) == (202, "resolved")


async def test_a_repeated_post_is_the_same_incident(shop: Shop) -> None:
    """Alertmanager's time-out makes it post twice; one incident, one start."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "crash")
        posts = [nightshift.accepted("ContainerDown", "web") for _ in range(5)]
        ids = set(await asyncio.gather(*posts))
        (incident,) = ids
        await nightshift.end(incident)

    assert shop.verbs() == ["start web"]


async def test_a_restart_in_between_loses_nothing(shop: Shop) -> None:
    """Asked before, answered after: the same question, the same message, one act."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "paused")
        incident = await nightshift.accepted("ContainerPaused", "web")
        await nightshift.asked(incident)
        await shop.chat(lambda words: bool(shop.telegram.sounds))
    async with opened(shop) as nightshift:
        waiting = await nightshift.service.store.incident(incident)
        await nightshift.says(incident, "approve")
        row = await nightshift.end(incident)
        await shop.chat(lambda words: "Fixed" in words)

    assert waiting.status == "waiting"
    assert (row.outcome, shop.verbs()) == ("resolved", ["unpause web"])
    assert (len(shop.telegram.chat), len(shop.telegram.sounds)) == (1, 1)


async def test_a_restart_during_a_look_goes_on(shop: Shop) -> None:
    """Stopped while it gathered evidence: the segment ends first, nothing is done twice."""
    async with opened(shop) as nightshift:
        web = shop.world.get("web").id
        shop.docker.faults.add(f"/{web}/logs", delay_s=0.3, times=1)
        await shop.world.break_("web", "crash")
        incident = await nightshift.accepted("ContainerDown", "web")
        await shop.docker.faults.arrived(f"/{web}/logs")
    async with opened(shop) as nightshift:
        row = await nightshift.end(incident)

    assert (row.outcome, shop.verbs()) == ("resolved", ["start web"])


async def test_what_nobody_alerted_is_found_and_told(shop: Shop) -> None:
    """The check raises it once and it is diagnosed; on Docker's word alone nothing is done."""
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "crash")
        found = (await nightshift.http.post("/trigger-health-check")).json()
        (incident,) = found["raised"]
        row = await nightshift.end(incident)
        again = (await nightshift.http.post("/trigger-health-check")).json()

    assert (found["status"], found["looked_at"], found["problems"]) == ("checked", 2, {})
    assert row.diagnosis
    assert (row.diagnosis.cause, row.outcome, again["raised"]) == ("crashed", "escalated", [])


async def test_a_telegram_that_is_down_hinders_nobody(shop: Shop) -> None:
    """The incident is healed; the message follows when the channel is back."""
    shop.telegram.faults.add("/bot", status=502, times=2)
    async with opened(shop) as nightshift:
        await shop.world.break_("web", "crash")
        row = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))
        await shop.chat(lambda words: "Fixed" in words)

    assert (row.outcome, shop.telegram.sent) == ("resolved", 1)
