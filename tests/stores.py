"""What tests of the store are made of: a clock, alerts, facts, intents."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Literal

from domain.alert import Alert
from domain.facts import ContainerEvent, ContainerFacts
from domain.incident import Attempt, Episode, Event, EventKind, Outcome
from domain.journal import Claimed, Intent
from domain.plain import Plain
from domain.remedy import Effect, Precondition, RemedyName
from domain.target import Target
from memory.store import Store

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
CHANNELS = ("console", "telegram")


class HandClock:
    """A clock that goes when the test says so."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        """The test's time."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Go on at once."""
        self.tick(seconds)

    def tick(self, seconds: float) -> datetime:
        """Let time pass; returns the new time."""
        self.at += timedelta(seconds=seconds)
        return self.at


def alert(
    name: str = "web",
    *,
    status: Literal["firing", "resolved"] = "firing",
    starts_at: datetime = START,
    labels: dict[str, str] | None = None,
) -> Alert:
    """An alert about the container of that name."""
    return Alert(
        fingerprint=f"print-{name}",
        status=status,
        labels=labels or {"alertname": "ContainerDown", "name": name, "severity": "critical"},
        annotations={"summary": f"{name} is down"},
        starts_at=starts_at,
    )


def target(name: str = "web") -> Target:
    """A container on the host `local`."""
    return Target(host="local", id=f"{name}-id", name=name, service=name)


def key(name: str = "web") -> str:
    """The key of that container."""
    return target(name).key


def facts(name: str = "web", *, image: str = "app:1") -> ContainerFacts:
    """A running container."""
    return ContainerFacts(
        target=target(name),
        image=image,
        image_id="sha256:1",
        config_digest="c1",
        status="running",
        exit_code=0,
        oom_killed=False,
        health="none",
        restart_count=0,
        restart_policy="no",
        started_at=START,
        finished_at=None,
        memory_limit=0,
        memswap_limit=0,
        network_mode="bridge",
        networks=[],
        ports=[],
        mounts=[],
        labels={},
    )


def intent(
    incident: str,
    *,
    fence: int,
    at: datetime = START,
    attempt: int = 1,
    position: int = 0,
    name: str = "web",
    remedy: RemedyName = "restart",
    thread: str = "",
) -> Intent:
    """A promise to restart one container."""
    seen = facts(name)
    effect = Effect(verb="restart", target=target(name), precondition=Precondition.of(seen))
    return Intent(
        key=f"{incident}/{attempt}/{position}",
        incident=incident,
        attempt=attempt,
        position=position,
        remedy=remedy,
        effect=effect,
        fence=fence,
        thread=thread or incident,
        seen=seen,
        at=at,
    )


def attempt(
    verdict: Literal["healed", "not_healed", "unknown", "pending"],
    *,
    number: int = 1,
    at: datetime = START,
    name: str = "web",
) -> Attempt:
    """A restart that was done, and what it did."""
    return Attempt(
        number=number,
        remedy="restart",
        target=target(name),
        result="done",
        detail="restarted",
        started_at=at,
        finished_at=at,
        verdict=verdict,
    )


def episode(incident: str, *, service: str = "web", outcome: Outcome = "resolved") -> Episode:
    """What such an incident teaches."""
    return Episode(
        incident=incident,
        alert_name="ContainerDown",
        service=service,
        kind="container",
        cause="crash",
        severity="critical",
        symptom="web is down",
        root_cause="it exited with 1",
        remediation_taken="restart",
        outcome=outcome,
        healed_by="restart",
        failed=[],
        resolution_time=2.5,
        at=START,
    )


def event(kind: EventKind, text: str = "said", data: Plain | None = None) -> Event:
    """A line of a timeline."""
    return Event(kind=kind, at=START, text=text, data=data or {})


def seen(action: str, at: datetime, *, name: str = "web") -> ContainerEvent:
    """One event of the runtime's stream."""
    return ContainerEvent(target_key=key(name), container_id=f"{name}-id", action=action, at=at)


async def opened(store: Store, name: str = "web") -> str:
    """The incident of a new alert."""
    (incident,) = await store.accept([alert(name)])
    return incident


async def claimed(store: Store, incident: str, keys: Sequence[str] = (key(),)) -> int:
    """The fence of its claim, which nobody contests."""
    found = await store.claim(incident, keys)
    assert isinstance(found, Claimed)
    return found.fence


async def kinds(store: Store, incident: str) -> list[EventKind]:
    """The kinds of its events, oldest first."""
    return [line.kind for line in await store.timeline(incident)]


def on_writer(store: Store, pragma: str) -> int:
    """Say `PRAGMA …` on the one connection that writes, outside of any transaction."""
    held = store.database.writing.connections
    with nullcontext(held[0]) if held else store.database.writer.connect() as connection:
        row = connection.connection.cursor().execute(f"PRAGMA {pragma}").fetchone()
    return int(row[0]) if row else 0
