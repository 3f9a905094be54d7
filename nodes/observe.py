"""Gathering evidence from all sources at once, for monitor and for verify's next round.

Not here: conclusions. A source that is silent, slow or broken becomes evidence that says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

from domain.alert import Alert
from domain.deps import Deps
from domain.evidence import Evidence, Source, Status
from domain.facts import ContainerFacts
from domain.guests import GuestInventory
from domain.plain import Plain
from domain.target import Target
from nodes.observe_custom import custom_looks
from nodes.observe_guest import observe_guest
from nodes.observe_host import host_below, http_answer
from nodes.observe_stop import our_times, whose_doing
from nodes.silenced import silences_read
from nodes.view import (
    View,
    alert_told,
    attempts_made,
    containers_listed,
    expression_read,
    in_time,
    metrics_of,
)
from policy import reading
from policy.desired import Stop
from policy.ladder import Scene
from policy.relations import at_rest, dependencies, dependents

TREND_WINDOW = timedelta(minutes=5)
TREND_STEP_S = 5.0
GLANCE = ("container", "stop", "events", "probe", "expression")
"""What tells whether it is still broken (policy/triage.py), and nothing of why."""


@dataclass(frozen=True, kw_only=True)
class ContainerView(View):
    """A container and what it stands on."""

    scene: Scene


Look = Callable[[ContainerView], Awaitable[Evidence]]


async def observe(
    deps: Deps,
    *,
    alert: Alert,
    target: Target,
    everyone: list[ContainerFacts],
    round_: int,
    tried: list[str],
    cluster: GuestInventory | None = None,
    only: Collection[str] = (),
) -> list[Evidence]:
    """All observations of one round, in parallel, each under the same deadline.

    Of a container, `only` these kinds where any are named. `tried` are the remedies that this
    incident has seen done so far.
    """
    frame = View(
        deps=deps,
        alert=alert,
        round=round_,
        now=deps.clock.now(),
        target=target,
        everyone=everyone,
        cluster=cluster or GuestInventory(),
        tried=tried,
    )
    if target.kind != "container":
        return await observe_guest(frame)
    facts = next(one for one in everyone if one.target == target)
    scene = Scene(
        facts=facts,
        dependencies=dependencies(facts, everyone),
        dependents=dependents(facts, everyone),
        last_healthy=await deps.ledger.last_healthy(target.key),
    )
    view = ContainerView(scene=scene, **vars(frame))
    looks = [(kind, source, look) for kind, source, look in LOOKS if _applies(kind, view)]
    if only:
        wanted = (one for one in looks if one[0] in only)
        return list(await asyncio.gather(*(in_time(view, *one) for one in wanted)))
    own = (in_time(view, *one) for one in custom_looks(view))
    return list(await asyncio.gather(*(in_time(view, *one) for one in looks), *own))


async def observe_alert(deps: Deps, alert: Alert, round_: int) -> list[Evidence]:
    """What can be observed without a target: the alert, and what its expression says now."""
    nobody = Target(host="", id="", name="", service="")
    frame = View(
        deps=deps,
        alert=alert,
        round=round_,
        now=deps.clock.now(),
        target=nobody,
        everyone=[],
        cluster=GuestInventory(),
        tried=[],
    )
    return [
        await in_time(frame, "alert", "alert", alert_told),
        await in_time(frame, "expression", "prometheus", expression_read),
    ]


def _applies(kind: str, view: ContainerView) -> bool:
    if kind in ("stats", "memory_trend"):
        return view.scene.facts.running
    return kind != "silences" or view.deps.silences is not None


async def _scene(view: ContainerView) -> Evidence:
    query = f"inspect {view.target.id}"
    return view.note("scene", "docker", query, view.scene.facts.status, view.scene.plain())


async def _container(view: ContainerView) -> Evidence:
    scene = view.scene
    data = reading.container_data(
        scene.facts, last=scene.last_healthy, needed=bool(scene.dependents), now=view.now
    )
    summary = f"{scene.facts.status}, health {scene.facts.health}, exit {scene.facts.exit_code}"
    return view.note("container", "docker", f"inspect {view.target.id}", summary, data)


async def _stop(view: ContainerView) -> Evidence:
    facts = view.scene.facts
    stop = await whose_doing(view, facts, view.scene.last_healthy)
    return view.note("stop", "ledger", f"events of {facts.target.key}", stop.detail, stop.plain())


async def _stops(view: ContainerView) -> Evidence:
    """The same of everything else that a remedy could touch, by target key."""
    others = [*view.scene.dependencies, *view.scene.dependents]
    found = await asyncio.gather(*(_told_apart(view, facts) for facts in others))
    data: Plain = {"targets": {key: stop.plain() for key, stop in found}}
    summary = f"{sum(stop.by != 'none' for _, stop in found)} of {len(found)} were stopped or fell"
    return view.note("stops", "ledger", "events of its relations", summary, data)


async def _told_apart(view: ContainerView, facts: ContainerFacts) -> tuple[str, Stop]:
    key = facts.target.key
    return key, await whose_doing(view, facts, await view.deps.ledger.last_healthy(key))


async def _events(view: ContainerView) -> Evidence:
    events = await view.deps.ledger.stop_story(view.target.key)
    data = reading.events_data(events, ours=await our_times(view, view.target.key), now=view.now)
    summary = f"{data['starts']} starts, {data['dies']} deaths, {data['ooms']} OOM in 10 min"
    return view.note("events", "ledger", f"events of {view.target.key}", summary, data)


async def _logs(view: ContainerView) -> Evidence:
    lines = view.deps.limits.log_lines
    tail = await view.deps.containers.logs(view.target, lines=lines)
    names = [facts.target.service for facts in view.scene.dependencies]
    data = reading.logs_data(tail.lines, names=names)
    return view.note("logs", "docker", f"logs tail={lines}", str(data["last"])[:200], data)


async def _stats(view: ContainerView) -> Evidence:
    stats = await view.deps.containers.stats(view.target)
    if stats is None:
        return view.note("stats", "docker", "stats", "not running", status="no_data")
    data = reading.stats_data(stats)
    return view.note("stats", "docker", "stats", f"{stats.memory_usage} bytes in use", data)


async def _dependencies(view: ContainerView) -> Evidence:
    resting = [await _told_apart(view, one) for one in view.scene.dependencies if at_rest(one)]
    stopped = [key for key, stop in resting if stop.by == "person"]
    data = reading.relations_data(view.scene.dependencies, stopped=stopped)
    return view.note("dependencies", "docker", "labels", f"not well: {data['unwell']}", data)


async def _dependents(view: ContainerView) -> Evidence:
    data = reading.relations_data(view.scene.dependents)
    return view.note("dependents", "docker", "labels", f"not well: {data['unwell']}", data)


async def _probe(view: ContainerView) -> Evidence:
    probe = await metrics_of(view).probe(view.scene.facts)
    data: Plain = {"state": probe.state, "detail": probe.detail}
    status: Status = "no_data" if probe.state == "absent" else "ok"
    return view.note("probe", "prometheus", probe.query, probe.detail, data, status)


async def _volumes(view: ContainerView) -> Evidence:
    answer = await metrics_of(view).volumes(view.scene.facts)
    free = {one.labels.get("mountpoint", ""): one.value for one in answer.samples}
    if not free:
        return view.note("volumes", "prometheus", answer.query, "no data", status="no_data")
    data = reading.volumes_data(free)
    return view.note("volumes", "prometheus", answer.query, f"full: {data['full']}", data)


async def _trend(view: ContainerView) -> Evidence:
    name = view.target.name.replace("\\", "\\\\").replace('"', '\\"')
    query = f'container_memory_working_set_bytes{{name="{name}"}}'
    answer = await metrics_of(view).range(
        query, start=view.now - TREND_WINDOW, end=view.now, step_s=TREND_STEP_S
    )
    born = view.scene.facts.started_at or view.now - TREND_WINDOW
    values = [one.value for one in sorted(answer.samples, key=lambda s: s.at) if one.at >= born]
    if not values:
        return view.note("memory_trend", "prometheus", query, "no data", status="no_data")
    limit = view.scene.facts.memory_limit
    data = reading.trend_data(values, limit=limit, step_s=TREND_STEP_S)
    return view.note("memory_trend", "prometheus", query, f"climbing: {data['climbing']}", data)


LOOKS: tuple[tuple[str, Source, Look], ...] = (
    ("alert", "alert", alert_told),
    ("scene", "docker", _scene),
    ("inventory", "docker", containers_listed),
    ("container", "docker", _container),
    ("stop", "ledger", _stop),
    ("stops", "ledger", _stops),
    ("silences", "alertmanager", silences_read),
    ("events", "ledger", _events),
    ("attempts", "ledger", attempts_made),
    ("logs", "docker", _logs),
    ("stats", "docker", _stats),
    ("dependencies", "docker", _dependencies),
    ("dependents", "docker", _dependents),
    ("probe", "prometheus", _probe),
    ("expression", "prometheus", expression_read),
    ("http", "prometheus", http_answer),
    ("host", "proxmox", host_below),
    ("volumes", "prometheus", _volumes),
    ("memory_trend", "prometheus", _trend),
)
