"""The rungs that code can build for this target, least disruptive first. Not here: permission.

A runbook or a model only names candidates. What a rung changes, on which exact targets and in
which order, is decided here from facts.
"""

from collections.abc import Callable

from pydantic import Field

from domain.facts import ContainerFacts
from domain.guests import GuestFacts
from domain.incident import Episode
from domain.limits import Limits
from domain.plain import Record
from domain.remedy import LADDER, Effect, Precondition, Remedy, RemedyName, Verb
from policy.ladder_guest import GUEST_BUILDERS, Rung
from policy.relations import at_rest

NOT_APPLICABLE = "does not apply to the target as it is"
MEMORY_STEP = 16 * 1024**2
IDLE: dict[RemedyName, str] = {
    "wait": "it recovers by itself",
    "escalate": "a person looks at it",
}
IRREVERSIBLE = frozenset({"restart", "restart_dependency", "restart_dependents", "reboot_guest"})


class Scene(Record):
    """The target, what it stands on, what stands on it, and how it was when it was well."""

    facts: ContainerFacts
    dependencies: list[ContainerFacts]
    dependents: list[ContainerFacts]
    last_healthy: ContainerFacts | None = None
    named: list[str] = Field(default_factory=list)
    """Services among its dependencies that its log or its health check names."""


class GuestScene(Record):
    """A guest as it was seen."""

    facts: GuestFacts


class Ladder(Record):
    """Rungs in the order to try; `skipped` says why a candidate is not among them."""

    rungs: list[Remedy]
    skipped: dict[str, str]


class Track(Record):
    """What is verifiably known of remedies for this pattern: how often each healed and failed."""

    healed: dict[str, int]
    failed: dict[str, int]


def track(episodes: list[Episode], *, cause: str) -> Track:
    """Count verified results of the episodes with this cause; the others teach nothing here."""
    healed: dict[str, int] = {}
    failed: dict[str, int] = {}
    for episode in (one for one in episodes if one.cause == cause):
        for name in episode.failed:
            failed[name] = failed.get(name, 0) + 1
        if episode.healed_by:
            healed[episode.healed_by] = healed.get(episode.healed_by, 0) + 1
    return Track(healed=healed, failed=failed)


def build(
    candidates: list[RemedyName],
    scene: Scene | GuestScene,
    record: Track,
    *,
    tried: list[str],
    limits: Limits,
) -> Ladder:
    """Turn candidates into rungs: proven ones first, then by disruption; failed ones left out."""
    skipped: dict[str, str] = {}
    rungs: list[Remedy] = []
    for name in sorted(set(candidates), key=LADDER.index):
        reason = _known_to_fail(name, record, tried)
        rung = None if reason else _rung(name, scene, limits)
        if rung is None:
            skipped[name] = reason or NOT_APPLICABLE
        else:
            rungs.append(rung)
    rungs.sort(key=lambda rung: record.healed.get(rung.name, 0) == 0)
    return Ladder(rungs=rungs, skipped=skipped)


def _known_to_fail(name: RemedyName, record: Track, tried: list[str]) -> str:
    if name in tried:
        return "tried in this incident"
    failures = record.failed.get(name, 0)
    if failures and not record.healed.get(name):
        return f"did not work {failures} time(s) before on this pattern"
    return ""


def _rung(name: RemedyName, scene: Scene | GuestScene, limits: Limits) -> Remedy | None:
    parts = _parts(name, scene, limits)
    if parts is None:
        return None
    effects, risk, expect, undo, advice = parts
    if not effects and name not in ("wait", "escalate"):
        return None
    return Remedy(
        name=name,
        target=scene.facts.target,
        effects=effects,
        risk=risk,
        reversible=name not in IRREVERSIBLE,
        expect=expect,
        undo=undo,
        advice=advice,
    )


def _parts(name: RemedyName, scene: Scene | GuestScene, limits: Limits) -> Rung | None:
    """What a rung consists of; None where a remedy is for another kind of target."""
    if name in IDLE:
        return [], "none", IDLE[name], "nothing to undo", ""
    if isinstance(scene, GuestScene):
        guest_builder = GUEST_BUILDERS.get(name)
        return guest_builder(scene.facts, limits) if guest_builder else None
    builder = _BUILDERS.get(name)
    return builder(scene, limits) if builder else None


def _effect(verb: Verb, facts: ContainerFacts, **more: object) -> Effect:
    return Effect.model_validate(
        {"verb": verb, "target": facts.target, "precondition": Precondition.of(facts), **more}
    )


def _down(facts: ContainerFacts) -> bool:
    return facts.status in ("exited", "dead", "created")


def _start(scene: Scene, limits: Limits) -> Rung:
    effects = [_effect("start", scene.facts)] if _down(scene.facts) else []
    return effects, "low", "running", "docker stop", ""


def _unpause(scene: Scene, limits: Limits) -> Rung:
    effects = [_effect("unpause", scene.facts)] if scene.facts.status == "paused" else []
    return effects, "low", "running", "docker pause", ""


def _reconnect(scene: Scene, limits: Limits) -> Rung:
    known = scene.last_healthy.networks if scene.last_healthy else []
    present = {network.name for network in scene.facts.networks}
    lost = [network for network in known if network.name not in present]
    effects = [_effect("connect_network", scene.facts, network=network) for network in lost]
    names = ", ".join(network.name for network in lost)
    return effects, "low", f"attached to {names}", f"docker network disconnect {names}", ""


def _raise_memory(scene: Scene, limits: Limits) -> Rung:
    facts = scene.facts
    wanted = max(int(facts.memory_limit * limits.memory_factor), facts.memory_limit + MEMORY_STEP)
    size = min(wanted, limits.memory_cap)
    if not 0 < facts.memory_limit < size:
        return [], "medium", "", "", ""
    effects = [_effect("update_memory", facts, memory_bytes=size)]
    if _down(facts):
        effects.append(_effect("start", facts))
    megabytes = size // 1024**2
    advice = (
        f"Set `mem_limit: {megabytes}m` for service {facts.target.service!r} in its compose file "
        "(deploy.resources.limits.memory in the newer form), or the next `up` undoes this."
    )
    undo = f"docker update --memory {facts.memory_limit} --memory-swap {facts.memory_limit}"
    return effects, "medium", f"running with a limit of {megabytes} MiB", undo, advice


def _start_dependency(scene: Scene, limits: Limits) -> Rung:
    missed = [facts for facts in scene.dependencies if not at_rest(facts)]
    down = [_effect("start", facts) for facts in missed if _down(facts)]
    if down and _down(scene.facts):
        down.append(_effect("start", scene.facts))
    return down, "low", "the dependency runs and the target recovers", "docker stop", ""


def _restart(scene: Scene, limits: Limits) -> Rung:
    effects = [] if scene.facts.status == "paused" else [_effect("restart", scene.facts)]
    return effects, "medium", "running and healthy after a restart", "cannot be undone", ""


def _restart_dependency(scene: Scene, limits: Limits) -> Rung:
    """Those that are unhealthy or named; where it stands on one alone, that one."""
    needed = [facts for facts in scene.dependencies if not at_rest(facts)]
    open_ = [facts for facts in needed if facts.running and not _proved_well(facts)]
    suspects = [one for one in open_ if len(needed) == 1 or _suspect(one, scene)]
    effects = [_effect("restart", facts) for facts in suspects]
    return effects, "high", "the target recovers with its dependency", "cannot be undone", ""


def _restart_dependents(scene: Scene, limits: Limits) -> Rung:
    unwell = [facts for facts in scene.dependents if facts.running and not facts.well]
    effects = [_effect("restart", facts) for facts in unwell]
    return effects, "high", "the dependents recover", "cannot be undone", ""


def _suspect(facts: ContainerFacts, scene: Scene) -> bool:
    return facts.health == "unhealthy" or facts.target.service in scene.named


def _proved_well(facts: ContainerFacts) -> bool:
    return facts.health == "healthy"


_BUILDERS: dict[RemedyName, Callable[[Scene, Limits], Rung]] = {
    "start": _start,
    "unpause": _unpause,
    "reconnect_network": _reconnect,
    "raise_memory": _raise_memory,
    "start_dependency": _start_dependency,
    "restart": _restart,
    "restart_dependency": _restart_dependency,
    "restart_dependents": _restart_dependents,
}
