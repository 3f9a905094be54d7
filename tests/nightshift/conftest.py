"""A service made of lists, for the tests of the faces."""

# ruff: noqa: D102  # the ports that these doubles stand for carry the docstrings

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from domain.alert import Alert
from domain.decision import Approval
from domain.errors import Conflict, NotFound, NotStored
from domain.evidence import Evidence
from domain.incident import Event, EventKind, Incident, IncidentStatus
from domain.journal import Latch
from domain.plain import Plain
from domain.store import Job, Stats, TimelineEvent
from nightshift.metrics import Live
from nightshift.settings import Settings
from server import create_app

T0 = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@dataclass
class ListBooks:
    """The store's ports over lists."""

    rows: dict[str, Incident] = field(default_factory=dict)
    events: list[tuple[str, TimelineEvent]] = field(default_factory=list)
    requests: dict[str, Plain] = field(default_factory=dict)
    answers: list[tuple[str, Approval]] = field(default_factory=list)
    accepted: list[Alert] = field(default_factory=list)
    broken: bool = False
    reason: str = ""

    async def deliver(self, alerts: Sequence[Alert]) -> None:
        await self.accept(alerts)

    async def catch_up(self) -> None:
        return None

    async def accept(self, alerts: Sequence[Alert]) -> list[str]:
        if self.broken:
            raise NotStored("the database does not answer")
        self.accepted += alerts
        ids = [a.incident_id(tenant="default", occurrence=1) for a in alerts]
        for key, alert in zip(ids, alerts, strict=True):
            self.rows.setdefault(key, incident(key, alert=alert))
        return list(dict.fromkeys(ids))

    async def take(self) -> Job | None:
        return None

    async def done(self, job: Job) -> None:
        raise NotImplementedError

    async def give_back(self, job: Job) -> None:
        raise NotImplementedError

    async def wake(self, incident: str, *, why: str, at: datetime) -> None:
        raise NotImplementedError

    async def next_due(self) -> datetime | None:
        return None

    async def recover(self) -> int:
        return 0

    async def incident(self, incident: str) -> Incident:
        if incident not in self.rows:
            raise NotFound(f"there is no incident {incident!r}")
        return self.rows[incident]

    async def incidents(
        self, *, limit: int, status: IncidentStatus | None = None
    ) -> list[Incident]:
        return [row for row in self.rows.values() if status in {None, row.status}][:limit]

    async def timeline(self, incident: str, *, after: int = 0) -> list[TimelineEvent]:
        return [event for key, event in self.events if key == incident and event.seq > after]

    async def story(self, incident: str) -> tuple[Incident, list[TimelineEvent]]:
        return await self.incident(incident), await self.timeline(incident)

    async def changes(self, *, after: int, limit: int) -> list[tuple[str, TimelineEvent]]:
        return [pair for pair in self.events if pair[1].seq > after][:limit]

    async def evidence(self, incident: str, ids: Sequence[str]) -> list[Evidence]:
        return [evidence(key) for key in ids]

    async def stats(self) -> Stats:
        return Stats(
            incidents=len(self.rows),
            by_status={"done": 2},
            by_outcome={"resolved": 2},
            by_severity={"critical": 2},
            actions={"restart": 3},
            refused={"paused": 1},
            avg_resolution_s=4.5,
            outbox_behind=1,
            queue_depth=7,
            paused=self.reason,
        )

    async def pending_approval(self, incident: str) -> Plain | None:
        return self.requests.get(incident)

    async def decide(self, incident: str, approval: Approval) -> None:
        await self.incident(incident)
        if self.requests.get(incident, {}).get("digest") != approval.digest:
            raise Conflict("nobody is asked, or that request was replaced by another one")
        self.answers.append((incident, approval))

    async def unlatch(self, name: str, *, by: str, reason: str = "") -> Latch:
        if name != "web":
            raise NotFound(f"nothing called {name!r} is latched")
        return Latch(target_key=name, incident="a", reason=by, since=T0, seen_at=T0)

    async def pause(self, reason: str, *, by: str) -> None:
        self.reason = reason

    async def resume(self, *, by: str) -> None:
        self.reason = ""

    async def paused(self) -> str:
        return self.reason

    def tell(self, key: str, kind: EventKind, text: str) -> None:
        """Add one event."""
        seq = len(self.events) + 1
        event = Event(kind=kind, at=T0, text=text)
        self.events.append((key, TimelineEvent(seq=seq, **event.model_dump())))


@dataclass
class ListService:
    """The service's face over `ListBooks`; `news` runs at each wait, so that streams move."""

    settings: Settings
    store: ListBooks
    ready: bool = True
    news: Callable[[], None] = lambda: None
    lost: list[tuple[str, str]] = field(default_factory=list)

    async def delivery_lost(self, kind: str, sentence: str) -> None:
        if self.store.broken:
            raise NotStored("the database does not answer")
        self.lost.append((kind, sentence))

    async def check_now(self) -> Plain:
        return {"raised": ["x"], "looked_at": 5, "problems": {}}

    def readiness(self) -> Plain:
        reasons: Plain = {} if self.ready else {"docker": "no answer"}
        return {"ready": self.ready, "degraded": reasons, "components": {}}

    def live(self) -> Live:
        return Live(ready=self.ready, components={"docker": "ok" if self.ready else "no answer"})

    change_count: int = 0

    async def wait_change(self, after: int, timeout: float) -> None:  # noqa: ASYNC109  # the port's word
        self.news()
        await asyncio.sleep(0)


def alert(**changes: Any) -> Alert:
    """A critical ContainerDown of `web`."""
    labels = {"alertname": "ContainerDown", "name": "web", "severity": "critical"}
    known = {"fingerprint": "f1", "status": "firing", "labels": labels, "starts_at": T0}
    return Alert(**(known | changes))


def incident(key: str, **changes: Any) -> Incident:
    """An open incident."""
    known = {"id": key, "alert": alert(), "occurrence": 1, "status": "open", "opened_at": T0}
    return Incident(**(known | changes))


def evidence(key: str) -> Evidence:
    """One observation with a secret in its raw data."""
    return Evidence(
        id=key,
        kind="logs",
        source="docker",
        status="ok",
        query="GET /logs",
        at=T0,
        summary="the last line says why",
        data={"lines": ["password=hunter2"]},
    )


@pytest.fixture
def books() -> ListBooks:
    """An empty store."""
    return ListBooks()


@pytest.fixture
def make_incident() -> Callable[..., Incident]:
    """`make_incident(id, **changes)`."""
    return incident


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    """`make_alert(**changes)`."""
    return alert


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, a data directory of its own and no `.env`."""
    return Settings(_env_file=None, nightshift_data_dir=tmp_path)


@pytest.fixture
def service(settings: Settings, books: ListBooks) -> ListService:
    """A service over the store."""
    return ListService(settings=settings, store=books)


@pytest.fixture
def client(service: ListService) -> Iterator[TestClient]:
    """A client of the whole application, with the service opened by its lifespan."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[ListService]:
        yield service

    with TestClient(
        create_app(opening), base_url="http://localhost", raise_server_exceptions=False
    ) as started:
        yield started
