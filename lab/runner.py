"""Plays one scenario in a lab of its own and has it judged. Not here: what is right (judge.py)."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from docker.errors import DockerException
from requests.exceptions import RequestException

from lab.agent import AGENTS, Agent, Report
from lab.attribution import actions, foreign
from lab.faults import Breaker
from lab.judge import Deed, Judgement, Observed, judge
from lab.observation import Watcher, differences, portrait
from lab.person import Person
from lab.processes import NotReady
from lab.scenario import Policy, Scenario
from lab.site import Site
from lab.stack import Stack, new_id

_QUIET_S = 2.5
_STEADY_S = 1.5
_LOOK_EVERY_S = 0.4
_NOTHING_S = 8.0
_LAB_ERRORS = (NotReady, DockerException, RequestException, httpx.HTTPError, OSError)


async def play(
    scenario: Scenario,
    *,
    agent: Agent = AGENTS["nightshift"],
    env: Mapping[str, str] = MappingProxyType({}),
    logs: Path | None = None,
) -> Judgement:
    """Bring it up, break it, watch, judge, tear it down. `env` are more settings of the agent.

    What keeps the lab itself from running is a judgement too: not right, and why. With `logs`
    the output of every process is kept in a folder of the scenario's name there.
    """
    begun = time.monotonic()
    try:
        judgement = await _in_lab(scenario, agent, env, logs)
    except _LAB_ERRORS as error:
        judgement = judge(scenario, Observed(begun=0)).model_copy(
            update={"right": False, "outcome": None, "why": f"the lab could not run it: {error}"}
        )
    return judgement.model_copy(update={"took_s": round(time.monotonic() - begun, 1)})


def settings(policy: Policy) -> dict[str, str]:
    """A scenario's policy as settings of Nightshift."""
    modes = ",".join(f"{name}={mode}" for name, mode in policy.modes.items())
    given = {"NIGHTSHIFT_MODE": policy.mode, "NIGHTSHIFT_MODES": modes}
    return {**{key: value for key, value in given.items() if value}, **policy.env}


async def _in_lab(
    scenario: Scenario, agent: Agent, env: Mapping[str, str], logs: Path | None
) -> Judgement:
    site = Site(scenario.cluster, scenario.docker_on) if scenario.cluster else None
    stack = Stack(
        new_id(),
        rules=scenario.alerts.active,
        agent=agent,
        env={**settings(scenario.policy), **env},
        site=site,
        group_wait_s=scenario.alerts.group_wait_s,
    )
    async with stack:
        try:
            await stack.up(scenario.services)
            show = Show(scenario, stack)
            judgement = await show.run()
            keep(stack, logs, scenario.id, judgement, show.reports)
        except NotReady:
            keep(stack, logs, scenario.id, None, [])
            raise
    return judgement


def keep(
    stack: Stack,
    logs: Path | None,
    name: str,
    judgement: Judgement | None,
    reports: Sequence[Report],
) -> None:
    """Copy the lab's logs, the agent's data, and what it and Docker told, to look at later."""
    if logs is None:
        return
    folder = logs / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in stack.directory.glob("*.log"):
        (folder / path.name).write_bytes(path.read_bytes())
    shutil.copytree(stack.directory / "data", folder / "data", dirs_exist_ok=True)
    for service, placed in stack.fleet.placed.items():
        with suppress(DockerException):
            said = stack.client.api.logs(placed.id, timestamps=True, tail=200)
            (folder / f"{service}.service.log").write_bytes(said)
    ours = {placed.id for placed in stack.fleet.placed.values()}
    seen = [one for one in stack.recorder.seen if one.container in ours]
    story: dict[str, Any] = {
        "judgement": judgement.model_dump() if judgement else None,
        "incidents": [report.detail for report in reports],
        "events": [one.__dict__ for one in seen if not one.action.startswith("exec")],
        "calls": [call.__dict__ for call in stack.recorder.calls],
        "guests": [deed.__dict__ for deed in stack.site.deeds()] if stack.site else [],
    }
    (folder / "story.json").write_text(json.dumps(story, indent=1))


class Show:
    """One run of a scenario in a lab that is up."""

    def __init__(self, scenario: Scenario, stack: Stack) -> None:
        self.reports: list[Report] = []
        self._scenario = scenario
        self._stack = stack
        self._person = Person(scenario.person, stack.agent)
        self._begun = time.time()
        self._guests = [*scenario.cluster.names] if scenario.cluster else []
        self._before: dict[str, dict[str, Any]] = {}
        self._known: set[str] = set()
        self._names = {one.id: name for name, one in stack.fleet.placed.items()}

    async def run(self) -> Judgement:
        """Break it and watch until it is right and quiet, or the time is over."""
        expect = self._scenario.expect
        stack = self._stack
        breaker = Breaker(stack.fleet, stack.recorder, stack.agent.post, stack.site)
        for _ in range(self._scenario.memory.rehearsals):
            await self._rehearse(breaker)
        self._before = await self._portraits()
        async with Watcher(stack.fleet, [*self._names.values()], self._looks()) as watcher:
            self._begun = await breaker.run(self._scenario.fault)
            return await self._watch(watcher, time.time(), expect.within_s)

    async def _rehearse(self, breaker: Breaker) -> None:
        """Let the agent live through it once; what happens now is not judged.

        Raises NotReady when the services do not become well or the incidents do not end.
        """
        await breaker.run(self._scenario.fault)
        until = time.monotonic() + self._scenario.expect.within_s
        while not (reports := await self._news()) or any(r.status != "done" for r in reports):
            if time.monotonic() > until:
                raise NotReady("the rehearsal did not come to an end")
            await self._person.look(reports)
            await asyncio.sleep(_LOOK_EVERY_S)
        for name in self._scenario.expect.healthy:
            if name not in self._guests:
                await self._stack.fleet.wait_until(name, "well")
        await asyncio.sleep(_QUIET_S)
        self._known = {report.id for report in await self._stack.agent.incidents()}
        self._person.answered = None

    async def _news(self) -> list[Report]:
        """The incidents that the judged part of the run brought."""
        found = await self._stack.agent.incidents()
        return [report for report in found if report.id not in self._known]

    async def _watch(self, watcher: Watcher, broken_at: float, within_s: float) -> Judgement:
        last, still_since = "", time.time()
        while True:
            self.reports = await self._news()
            await self._person.look(self.reports)
            verdict = judge(self._scenario, await self._observe(watcher))
            if (state := self._state(verdict)) != last:
                last, still_since = state, time.time()
            now = time.time()
            patience = _QUIET_S if verdict.right else 2 * _QUIET_S
            quiet = now - still_since >= patience and now - broken_at >= self._least()
            decided = verdict.right or verdict.harm
            if (decided and quiet and self._finished()) or now - broken_at >= within_s:
                return self._unfinished(verdict)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _least(self) -> float:
        """How long to look at least: where nothing may happen, nothing tells that it is over."""
        expect = self._scenario.expect
        nothing = not self.reports and "nothing" in expect.outcome
        return max(expect.watch_s, min(_NOTHING_S, expect.within_s) if nothing else 0)

    def _finished(self) -> bool:
        return all(report.status == "done" for report in self.reports)

    def _unfinished(self, verdict: Judgement) -> Judgement:
        """The last word, with what was still open."""
        broken = self._stack.recorder.broken
        still = [report.alert for report in self.reports if report.status != "done"]
        faults = [f"still open: {', '.join(still)}"] if still else []
        faults += [broken] if broken else []
        why = "; ".join([*([verdict.why] if verdict.why else []), *faults])
        return verdict.model_copy(update={"right": not why, "why": why})

    def _state(self, verdict: Judgement) -> str:
        """What has to stand still before the run is over."""
        statuses = [(report.id, report.status, report.outcome) for report in self.reports]
        return f"{statuses}{len(verdict.actions)}{verdict.why}"

    async def _observe(self, watcher: Watcher) -> Observed:
        expect = self._scenario.expect
        now = time.time()
        everyone = [*self._names.values(), *self._guests]
        since = {name: watcher.well_since(name) for name in everyone}
        healthy = [at for name in expect.healthy if (at := since[name]) is not None]
        return Observed(
            begun=self._begun,
            deeds=self._deeds(),
            reports=self.reports,
            well={name: at is not None and now - at >= _STEADY_S for name, at in since.items()},
            broken={name: watcher.was_broken(name) for name in everyone},
            well_since=max(healthy, default=None),
            changed=await self._changed(),
            answered=self._person.answered,
        )

    def _deeds(self) -> list[Deed]:
        """What was done since the fault, and not by the lab."""
        recorder, placed = self._stack.recorder, self._stack.fleet.placed.values()
        policies = {one.id: one.service.restart for one in placed}
        theirs = foreign(actions(list(recorder.seen), policies), recorder.calls)
        strange = {one.id for one in placed if one.service.image}
        done = [
            Deed(at=action.at, verb=action.verb, service=self._names[action.container])
            for action in theirs
            if not (action.verb == "exec" and action.container in strange)
        ]
        done += self._stack.site.deeds() if self._stack.site else []
        return [deed for deed in done if deed.at >= self._begun - _LOOK_EVERY_S]

    def _looks(self) -> dict[str, Callable[[], bool]]:
        """How each guest of the cluster is looked at."""
        site = self._stack.site
        return {name: partial(site.cluster.is_well, name) for name in self._guests} if site else {}

    async def _portraits(self) -> dict[str, dict[str, Any]]:
        return {name: await self._portrait(name) for name in self._scenario.expect.bystanders}

    async def _portrait(self, name: str) -> dict[str, Any]:
        if name in self._guests and self._stack.site:
            return self._stack.site.portrait(name)
        return portrait(await asyncio.to_thread(self._stack.fleet.look, name))

    async def _changed(self) -> dict[str, list[str]]:
        after: dict[str, dict[str, Any]] = self._before
        with suppress(DockerException, RequestException):
            after = await self._portraits()
        return {name: differences(self._before[name], after[name]) for name in self._before}
