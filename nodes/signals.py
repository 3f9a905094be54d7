"""Reading the three signals of the truth table after an act. Not here: the table."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.alert import Alert
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.facts import ContainerFacts
from domain.guests import Facts, GuestFacts, GuestInventory
from domain.incident import Attempt
from domain.metrics import Metrics, Probe
from domain.remedy import Remedy
from domain.target import Target
from domain.verdict import Signal, Verdict
from nodes.host_probe import probe_host
from nodes.reach import inspect
from policy.guard import AHEAD
from policy.guest_signal import guest_runtime
from policy.reading import missing_networks
from policy.verdict import judge

STAYS_UP_S = 30.0
"""After mere waiting, how long it must have been up to count as well: longer than a loop's turn."""


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What was done, and what verification may take for granted. `latest` ends a start period.

    `ended` is when the act was over: never later than now, though the clock was put back since.
    """

    alert: Alert
    remedy: Remedy
    attempt: Attempt
    broke_in_runtime: bool
    latest: datetime
    ended: datetime

    @property
    def touched(self) -> list[Target]:
        """The patient first, then everything else that was acted on."""
        others = [effect.target for effect in self.remedy.effects]
        return list({one.key: one for one in (self.remedy.target, *others)}.values())

    def starts(self, facts: ContainerFacts) -> bool:
        """Was it started or restarted by this act?"""
        return any(
            effect.target == facts.target and effect.verb in ("start", "restart")
            for effect in self.remedy.effects
        )


async def look(deps: Deps, acted: Acted, *, deadline: datetime) -> Verdict:
    """One look at everything, judged."""
    now = deps.clock.now()
    seen = await asyncio.gather(*(_inspect(deps, target) for target in acted.touched))
    facts = None if isinstance(seen[0], str) else seen[0]
    runtime = await _runtime(deps, acted, list(seen), now)
    warming = isinstance(facts, ContainerFacts) and facts.health == "starting"
    starting = warming and now < acted.latest
    probe, (expression, vetoes) = await asyncio.gather(
        _probe(deps, acted, facts), _expression(deps, acted)
    )
    return judge(
        runtime=runtime,
        probe=probe,
        expression=expression,
        expression_vetoes=vetoes,
        broke_in_runtime=acted.broke_in_runtime,
        last_look=now >= deadline and not starting,
    )


async def _inspect(deps: Deps, target: Target) -> Facts | str:
    try:
        async with asyncio.timeout(deps.limits.evidence_deadline_s):
            return await inspect(deps, target)
    except TimeoutError:
        system = "Docker" if target.kind == "container" else "Proxmox"
        return f"{target.name}: no answer from {system} in time"
    except NightshiftError as error:
        return f"{target.name}: {error}"


async def _runtime(deps: Deps, acted: Acted, seen: list[Facts | str], now: datetime) -> Signal:
    blind = [one for one in seen if isinstance(one, str)]
    if blind:
        return Signal(name="runtime", state="unknown", detail="; ".join(blind), at=now)
    waited = STAYS_UP_S if acted.remedy.name == "wait" else 0.0
    stable = timedelta(seconds=max(waited, deps.limits.stable_for_s))
    if isinstance(seen[0], GuestFacts):
        return guest_runtime(seen[0], acted.remedy, acted.attempt, stable=stable, now=now)
    everyone = [one for one in seen if isinstance(one, ContainerFacts)]
    fell = [one for one in everyone if _fell_again(one, acted)]
    if fell:
        detail = f"fell again: {_words(fell[0])}"
        return Signal(name="runtime", state="bad", detail=detail, at=now)
    last = await deps.ledger.last_healthy(acted.remedy.target.key)
    cut = missing_networks(everyone[0], last)
    bad = [_words(one) for one in everyone if not (one.well and _steady(one, acted, now, stable))]
    if cut:
        bad.append(f"still cut off {', '.join(cut)}")
    detail = "; ".join(bad) or ", ".join(_words(one) for one in everyone)
    return Signal(name="runtime", state="bad" if bad else "good", detail=detail, at=now)


def _fell_again(facts: ContainerFacts, acted: Acted) -> bool:
    """It was started by us and is down once more."""
    started = acted.starts(facts)
    down = facts.status in ("exited", "dead") and facts.finished_at is not None
    return (
        started
        and down
        and facts.finished_at is not None
        and facts.finished_at > acted.attempt.started_at
    )


def _steady(facts: ContainerFacts, acted: Acted, now: datetime, stable: timedelta) -> bool:
    """Up for long enough, by Docker's clock or, where that is not ours, since our act."""
    since = facts.started_at
    if since is None:
        return False
    if since > now + AHEAD:
        since = acted.ended
    elif acted.starts(facts):
        since = max(since, min(acted.attempt.started_at, acted.ended))
    return now - since >= stable


def _words(facts: ContainerFacts) -> str:
    health = "" if facts.health == "none" else f", {facts.health}"
    code = f" with code {facts.exit_code}" if facts.status == "exited" else ""
    return f"{facts.target.name} is {facts.status}{code}{health}"


async def _probe(deps: Deps, acted: Acted, facts: Facts | None) -> Signal:
    inside = _health_check(facts)
    if deps.metrics is None or facts is None:
        return inside
    try:
        async with asyncio.timeout(deps.limits.evidence_deadline_s):
            probe = await _outside(deps, deps.metrics, facts)
    except (TimeoutError, NightshiftError) as error:
        detail = f"Prometheus: {error or 'no answer in time'}"
        return Signal(name="probe", state="unknown", detail=detail)
    if probe.state == "absent":
        return inside
    now, at = deps.clock.now(), probe.at
    if at is not None and not acted.ended < at <= now + AHEAD:
        when = "since the act" if at <= now else "but one dated in the future"
        detail = f"no outside probe {when} ({probe.detail})"
        return Signal(name="probe", state="unknown", detail=detail, query=probe.query)
    state = probe.state if probe.state != "good" or inside.state != "bad" else inside.state
    return Signal(name="probe", state=state, detail=probe.detail, query=probe.query, at=probe.at)


async def _outside(deps: Deps, metrics: Metrics, facts: Facts) -> Probe:
    if isinstance(facts, ContainerFacts):
        return await metrics.probe(facts)
    alone = GuestInventory(guests=[facts])
    return await probe_host(deps, metrics, facts.target, alone)


def _health_check(facts: Facts | None) -> Signal:
    """Docker's own health check serves as the probe where nobody probes from outside."""
    if not isinstance(facts, ContainerFacts) or facts.health == "none":
        return Signal(name="probe", state="absent", detail="nobody probes it")
    if facts.health == "healthy":
        return Signal(name="probe", state="good", detail="its health check passes")
    return Signal(name="probe", state="bad", detail=f"its health check says {facts.health}")


async def _expression(deps: Deps, acted: Acted) -> tuple[Signal, bool]:
    """The alert's expression, and whether all it looks at lies after the act."""
    if deps.metrics is None:
        return Signal(
            name="expression", state="absent", detail="no Prometheus is configured"
        ), False
    try:
        async with asyncio.timeout(deps.limits.evidence_deadline_s):
            found = await deps.metrics.expression(acted.alert)
    except (TimeoutError, NightshiftError) as error:
        detail = f"Prometheus: {error or 'no answer in time'}"
        return Signal(name="expression", state="unknown", detail=detail), False
    sight = acted.ended + timedelta(seconds=found.range_s)
    vetoes = deps.clock.now() > sight
    if found.state == "firing":
        state = "bad" if vetoes else "unknown"
        detail = "the alert still fires" if vetoes else "it looks back to before the act"
        return Signal(name="expression", state=state, detail=detail, query=found.query), vetoes
    state = "good" if found.state == "clear" else "unknown"
    return Signal(name="expression", state=state, detail=found.detail, query=found.query), vetoes
