"""Facts turned into the evidence that runbooks read (docs/evidence.md). Not here: fetching them."""

import re
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise

from domain.facts import ContainerEvent, ContainerFacts, ContainerStats
from domain.limits import Limits
from domain.plain import Plain
from policy.redact import without_secrets
from policy.relations import ONCE, ONE_SHOT, at_rest, one_shot_label

EVENT_WINDOW = timedelta(minutes=10)
FULL = 0.05
CLIMBING = 1.2
SOON_S = 600.0
"""A series that mostly went up climbs: by a fifth, or fast enough to be full this soon."""


def container_data(
    facts: ContainerFacts, *, last: ContainerFacts | None, needed: bool, now: datetime
) -> Plain:
    """The target's own state; `needed` says that somebody depends on it."""
    return {
        "exists": True,
        "name": facts.target.name,
        "service": facts.target.service,
        "project": facts.target.project,
        "image": facts.image,
        "status": facts.status,
        "exit_code": facts.exit_code,
        "oom_killed": facts.oom_killed,
        "health": facts.health,
        "health_output": without_secrets(facts.health_output),
        "error": without_secrets(facts.error),
        "restart_count": facts.restart_count,
        "restart_policy": facts.restart_policy or "no",
        "up_s": _since(facts.started_at, now) if facts.running else 0.0,
        "down_s": 0.0 if facts.running else _since(facts.finished_at, now),
        "memory_limit": facts.memory_limit,
        "memswap_limit": facts.memswap_limit,
        "network_mode": facts.network_mode,
        "networks": [network.name for network in facts.networks],
        "missing_networks": list(missing_networks(facts, last)),
        "one_shot": one_shot(facts, needed=needed),
    }


def neighbour(facts: ContainerFacts, limits: Limits) -> ContainerFacts:
    """What policy needs of a container that is not the patient: hosts may run hundreds."""
    asked = {ONE_SHOT, *limits.scope, *(name.partition("=")[0] for name in limits.excluded)}
    labels = {key: value for key, value in facts.labels.items() if key in asked}
    return facts.model_copy(update={"labels": labels, "mounts": [], "health_output": ""})


def _since(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def missing_networks(facts: ContainerFacts, last: ContainerFacts | None) -> list[str]:
    """Networks that it had when it was last well and has lost while it runs."""
    if last is None or not facts.running:
        return []
    present = {network.name for network in facts.networks}
    return [network.name for network in last.networks if network.name not in present]


def one_shot(facts: ContainerFacts, *, needed: bool) -> bool:
    """Is it a job that is meant to end? By label, else by everything a service would have."""
    label = one_shot_label(facts)
    if label is not None:
        return label
    serves = bool(facts.ports) or facts.health != "none" or needed
    return facts.restart_policy in ONCE and not serves


def events_data(events: list[ContainerEvent], *, ours: list[datetime], now: datetime) -> Plain:
    """How often it started, died and ran out of memory lately, our own actions left out."""
    lately = [event for event in events if event.at >= now - EVENT_WINDOW]
    theirs = [event for event in lately if not any(_caused(event.at, when) for when in ours)]
    counts = Counter(event.action for event in theirs)
    return {
        "starts": counts["start"],
        "dies": counts["die"],
        "ooms": counts["oom"],
        "window_s": EVENT_WINDOW.total_seconds(),
    }


def _caused(at: datetime, ours: datetime) -> bool:
    return timedelta(seconds=-2) <= at - ours <= timedelta(seconds=15)


def logs_data(lines: list[str], *, names: list[str]) -> Plain:
    """What the log's tail says; untrusted, so it only ranks and informs.

    What is quoted of it has lost its secrets; what is looked for is looked for before that.
    """
    spoken = [line for line in lines if line.strip()]
    tail = spoken[-20:]
    told = quoted(tail)[-20:]
    shapes = Counter(re.sub(r"\d+", "#", line).strip() for line in spoken)
    last = spoken[-1] if spoken else ""
    repeated = bool(last) and shapes[re.sub(r"\d+", "#", last).strip()] >= 3
    return {
        "lines": list(told),
        "last": told[-1] if told else "",
        "repeated": repeated,
        "mentions": list(names_in("\n".join(tail), names)),
        "no_space": any("no space left on device" in line.lower() for line in tail),
    }


def quoted(lines: list[str]) -> list[str]:
    """Lines of a log as they may be kept and shown; a private key of many lines becomes one."""
    return without_secrets("\n".join(lines)).split("\n") if lines else []


def names_in(text: str, names: list[str]) -> list[str]:
    """Those of the names that stand in the text as words of their own: `db:5432`, not `dbus`."""
    return [name for name in names if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)]


def stats_data(stats: ContainerStats) -> Plain:
    """One usage sample with its share of the limit."""
    limited = stats.memory_limit > 0
    return {
        "memory_usage": stats.memory_usage,
        "memory_limit": stats.memory_limit,
        "memory_ratio": stats.memory_usage / stats.memory_limit if limited else 0.0,
    }


def relations_data(others: list[ContainerFacts], *, stopped: Collection[str] = ()) -> Plain:
    """The state of what it stands on, or of what stands on it.

    What is at rest is not missed, unless its key is among the `stopped`: by a person.
    """
    missed = [one for one in others if one.target.key in stopped or not at_rest(one)]
    unwell = [one.target.name for one in missed if not one.well]
    return {
        "items": [
            {
                "name": facts.target.name,
                "status": facts.status,
                "health": facts.health,
                "well": facts.well,
                "exit_code": facts.exit_code,
            }
            for facts in others
        ],
        "down": [one.target.name for one in missed if one.status in ("exited", "dead")],
        "unwell": list(unwell),
        "all_well": not unwell,
    }


def trend_data(values: list[float], *, limit: int, step_s: float) -> Plain:
    """Does its memory climb? `values` are equally spaced, oldest first, in bytes."""
    steps = [later - earlier for earlier, later in pairwise(values)]
    rises = sum(step >= 0 for step in steps) >= 0.7 * len(steps)
    slope = (values[-1] - values[0]) / (len(steps) * step_s) if steps else 0.0
    climbing = len(values) >= 4 and rises and _far_or_soon_full(values, slope, limit)
    ratio = values[-1] / limit if values and limit else 0.0
    return {"climbing": climbing, "ratio": ratio, "slope_bytes_per_s": slope}


def _far_or_soon_full(values: list[float], slope: float, limit: int) -> bool:
    return values[-1] > values[0] * CLIMBING or 0 < limit - values[-1] < slope * SOON_S


def volumes_data(free_by_mountpoint: dict[str, float]) -> Plain:
    """The fullest file system among its mounts; shares of 1."""
    full = [point for point, free in free_by_mountpoint.items() if free < FULL]
    return {"lowest_free": min(free_by_mountpoint.values()), "full": list(full)}
