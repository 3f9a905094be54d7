"""What asking a model costs, over all faults of the simulated world. Not here: printing.

Two passes, both with LLM_MODE=always: with the shipped runbooks, where the model may only narrow
their choice, and without any, where it decides alone and looks at probes first. The stand-in asks
for probes whenever there are any, so the second pass is the dearest that there is.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import get_args

from domain.alert import Alert
from domain.incident import Incident
from domain.plain import Record
from lab.standins.docker import DockerStandin, running
from lab.standins.openai import OpenAI
from lab.standins.openai_turns import probing
from lab.standins.prometheus import Prometheus
from lab.standins.series import world_series
from lab.world import Fault, Service, World
from nightshift.service import Service as Nightshift
from nightshift.settings import Settings
from nightshift.testing import FixedRulebook
from nightshift.wiring import open_service

SCOPE = {"nightshift.enable": "true"}
FAULTS: tuple[Fault, ...] = get_args(Fault)
PATIENCE_S = 30.0
ENDS = ("waiting", "done")
"""An incident that waits for a person has asked the model all that it will ask."""


class Row(Record):
    """One incident; `runbooks` tells the pass."""

    fault: str
    runbooks: bool
    decided_by: str
    outcome: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float


class ModelReport(Record):
    """The most that an incident took, and 100 times the mean of the dearer pass."""

    calls: int
    prompt_tokens: int
    dollars_per_100: float
    asked: int
    mean_calls: float
    mean_prompt_tokens: float
    incidents: list[Row]


async def measure(progress: Callable[[str], None]) -> ModelReport:
    """Break everything there is, twice. Takes some minutes."""
    rows: list[Row] = []
    for runbooks in (True, False):
        async with played() as (world, service, _):
            if not runbooks:
                service.deps.rulebook = FixedRulebook()
            for fault in FAULTS:
                progress(f"{fault}, {'with' if runbooks else 'without'} runbooks")
                rows.append(_row(fault, runbooks, await incident_of(world, service, fault)))
    return report(rows)


@asynccontextmanager
async def played() -> AsyncIterator[tuple[World, Nightshift, OpenAI]]:
    """The real service over a simulated world, with a model that wants to see everything."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        world = World()
        stack.push_async_callback(world.aclose)
        docker = await enter(running(DockerStandin(world)))
        prometheus = await enter(Prometheus(rules=[]))
        prometheus.watch(world_series(world))
        model = await enter(OpenAI(probing))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-bench-")))
        service = await enter(open_service(_settings(folder, docker, prometheus.url, model.url)))
        yield world, service, model


def _settings(folder: Path, docker: str, prometheus: str, model: str) -> Settings:
    return Settings.model_validate(
        {
            "nightshift_data_dir": folder,
            "nightshift_check_every_s": 0,
            "nightshift_stable_for_s": 0.5,
            "nightshift_verify_for_s": 2,
            "nightshift_max_actions_per_hour": 1000,
            "docker_hosts": {"bench": docker},
            "docker_scope": SCOPE,
            "prometheus_url": prometheus,
            "telegram_bot_token": None,
            "openai_api_key": None,
            "llm_base_url": model,
            "llm_mode": "always",
        }
    )


async def incident_of(world: World, service: Nightshift, fault: Fault) -> Incident:
    """One service with a database breaks; the incident as it is when nothing more is asked."""
    database, name = f"{fault}-db", f"{fault}-app"
    world.add(Service(name=database, labels=SCOPE))
    once = fault == "finished"
    needs = () if once else (database,)
    world.add(Service(name=name, labels=SCOPE, depends_on=needs, health=not once, port=None))
    await asyncio.sleep(1.0)
    await world.break_(name, fault)
    await asyncio.sleep(1.0)
    (incident,) = await service.store.accept([_alert(name)])
    found = await _ended(service, incident)
    world.remove(name)
    world.remove(database)
    return found


def _alert(name: str) -> Alert:
    labels = {"alertname": "ServiceDown", "name": name, "severity": "critical"}
    said = {"summary": f"{name} does not answer", "description": "No answer for 30 s."}
    now = datetime.now(UTC)
    return Alert(fingerprint=name, status="firing", labels=labels, annotations=said, starts_at=now)


async def _ended(service: Nightshift, incident: str) -> Incident:
    """The incident when it is over, waits for a person, or time is up."""
    seen = service.store.change_count
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (found := await service.store.incident(incident)).status not in ENDS:
                seen = await service.store.wait_change(seen, timeout=1.0)
            return found
    except TimeoutError:
        return await service.store.incident(incident)


def _row(fault: Fault, runbooks: bool, incident: Incident) -> Row:
    used = incident.usage
    return Row(
        fault=fault,
        runbooks=runbooks,
        decided_by=incident.diagnosis.decided_by if incident.diagnosis else "",
        outcome=incident.outcome or incident.status,
        calls=used.model_calls,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        dollars=used.dollars,
    )


def report(rows: list[Row]) -> ModelReport:
    """The summary of these incidents."""
    asked = [row for row in rows if row.calls]
    passes = [[row.dollars for row in asked if row.runbooks == one] for one in (True, False)]
    return ModelReport(
        calls=max((row.calls for row in asked), default=0),
        prompt_tokens=max((row.prompt_tokens for row in asked), default=0),
        dollars_per_100=round(100 * max((mean(one) for one in passes if one), default=0.0), 4),
        asked=len(asked),
        mean_calls=round(mean(row.calls for row in asked), 2) if asked else 0.0,
        mean_prompt_tokens=round(mean(row.prompt_tokens for row in asked)) if asked else 0.0,
        incidents=rows,
    )
