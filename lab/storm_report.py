"""What came of a storm, and which of its bounds were kept. Not here: measuring (storm_bench.py)."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from lab.storm import Storm

RSS_LIMIT_MB, HEALTH_LIMIT_MS, MESSAGES_LIMIT = 300.0, 250.0, 40


class Spread(BaseModel):
    """Milliseconds."""

    p50: float
    p99: float


class StormReport(BaseModel):
    """What came of it. `lost` counts accepted alerts without an incident that ended or waits.

    `investigations` are alerts that were diagnosed (one that comes again after its end is looked
    into again, as promised, and counts once); `roots` is how many there were to be.
    `broken` names the bounds that were not kept.
    """

    alerts: int
    seconds: float
    accepted: int
    refused_503: int
    failed: int
    lost: int
    incidents: int
    folded: int
    investigations: int
    roots: int
    actions: int
    messages: int
    digests: int
    rss_mb_max: float
    health_ms: Spread
    cpu_s: float
    drained_s: float
    broken: list[str]


@dataclass(kw_only=True)
class Watched:
    """What is seen of the server from outside while the storm goes on."""

    health_ms: list[float] = field(default_factory=list)
    rss_mb: float = 0.0
    answers: list[int] = field(default_factory=list)


def report(weather: Storm, seen: Watched, counted: dict[str, int], **more: Any) -> StormReport:
    """Of what was seen from outside and counted in the ledger; `more` are its other fields."""
    times = sorted(seen.health_ms)
    spread = Spread(p50=_at(times, 0.5), p99=_at(times, 0.99))
    unended = counted["incidents"] - counted["ended"]
    found = StormReport(
        alerts=weather.alerts,
        accepted=seen.answers.count(202),
        refused_503=seen.answers.count(503),
        failed=len([one for one in seen.answers if one not in {202, 503}]),
        lost=max(0, weather.episodes - counted["episodes"]) + unended,
        incidents=counted["incidents"],
        folded=counted["folded"],
        investigations=counted["investigations"],
        roots=weather.roots,
        rss_mb_max=round(seen.rss_mb, 1),
        health_ms=spread,
        broken=[],
        **more,
    )
    return found.model_copy(update={"broken": broken(found)})


def broken(report: StormReport) -> list[str]:
    """The bounds that this storm did not keep."""
    bounds = {
        "an accepted alert was lost": report.lost > 0,
        "a delivery was neither accepted nor answered 503": report.failed > 0,
        "more investigations than roots": report.investigations > report.roots,
        f"more than {MESSAGES_LIMIT} messages": report.messages > MESSAGES_LIMIT,
        f"more than {RSS_LIMIT_MB:g} MB": report.rss_mb_max > RSS_LIMIT_MB,
        f"/health p99 above {HEALTH_LIMIT_MS:g} ms": report.health_ms.p99 > HEALTH_LIMIT_MS,
    }
    return [name for name, hurt in bounds.items() if hurt]


def _at(times: list[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(share * len(times)))], 1) if times else 0.0
