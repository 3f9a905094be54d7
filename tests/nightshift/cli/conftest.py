"""A command line over a real store with two incidents in it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from domain.alert import Alert
from domain.diagnosis import Diagnosis
from domain.incident import Episode, Event
from memory.store import open_store
from nightshift.cli import app
from nightshift.clock import SystemClock

Run = Callable[..., Result]
T0 = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
CAUSE = Diagnosis(
    cause="crashed", summary="it [red]died[/red]\x1b[2J", evidence=[], decided_by="runbook"
)


def _alert(name: str) -> Alert:
    labels = {"alertname": "ContainerDown", "name": name, "severity": "critical"}
    return Alert(fingerprint=name, status="firing", labels=labels, starts_at=T0)


def _episode(incident: str) -> Episode:
    return Episode(
        incident=incident,
        alert_name="ContainerDown",
        service="web",
        kind="container",
        cause="crashed",
        severity="critical",
        symptom="Container Down; web; container; exited with 1",
        root_cause="it crashed",
        remediation_taken="start",
        outcome="resolved",
        healed_by="start",
        failed=[],
        resolution_time=4.5,
        at=T0,
    )


async def _seed(folder: Path) -> dict[str, str]:
    async with open_store(folder, clock=SystemClock(), channels=("console",)) as store:
        done, asking = await store.accept([_alert("web"), _alert("db")])
        await store.update(done, diagnosis=CAUSE)
        await store.record(done, Event(kind="diagnosis", at=T0, text="it died\x1b[2J"))
        await store.finish(done, "resolved", "all checks are good", _episode(done))
        await store.ask(asking, digest="d1", request={"name": "restart"}, expires_at=_later())
    return {"done": done, "asking": asking}


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def seeded(tmp_path: Path) -> dict[str, str]:
    """Ids by name: `done` is resolved, `asking` waits for an answer."""
    return asyncio.run(_seed(tmp_path))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("incidents", "list")` in an empty directory, with the seeded store's data directory."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def call(*words: str, **more: Any) -> Result:
        monkeypatch.setenv("NIGHTSHIFT_DATA_DIR", str(tmp_path))
        return CliRunner().invoke(app, list(words), **more)

    return call
