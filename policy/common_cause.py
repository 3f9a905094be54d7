"""Is this still the trouble that others look into, or people know of? Not here: who was told."""

from datetime import datetime, timedelta

from domain.facts import ContainerFacts


def same_trouble(facts: ContainerFacts, *, since: datetime | None) -> bool:
    """Not well, and neither started nor ended since then; what restarts by itself is the same."""
    if facts.well or since is None:
        return False
    moved = [one for one in (facts.started_at, facts.finished_at) if one and one >= since]
    return facts.status == "restarting" or not moved


def not_before(
    facts: ContainerFacts | None,
    *,
    seen: datetime,
    ended: datetime | None,
    below: datetime | None,
    now: datetime,
) -> datetime | None:
    """From when on a look can tell what others' work came to; None: this one can.

    It ended then on the target itself, or on something below. What was seen before is old; what
    stands on something just healed may fail a health check that has not been run since. An end
    that lies ahead tells nothing: the clock was put back.
    """
    unwell = facts is not None and facts.running and facts.health == "unhealthy"
    checked = timedelta(seconds=facts.health_every_s) if facts and unwell else timedelta(0)
    ends = ((ended, timedelta(0)), (below, checked))
    at = max((end + until for end, until in ends if end and end <= now), default=seen)
    return at if at > seen else None
