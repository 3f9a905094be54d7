"""Is this still the trouble that others look into, or people know of? Not here: who was told."""

from datetime import datetime, timedelta

from domain.facts import ContainerFacts

PATIENCE = timedelta(minutes=2)


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
    healed: datetime | None,
    healed_below: datetime | None,
) -> datetime | None:
    """From when on a look can tell what healing by others came to; None: this one can.

    What was seen of the target before is old. What stands on something healed may fail a health
    check that has not been run since; a slow one is not waited for longer than PATIENCE.
    """
    unwell = facts is not None and facts.running and facts.health == "unhealthy"
    check = timedelta(seconds=facts.health_every_s) if facts and unwell else timedelta(0)
    ends = ((healed, timedelta(0)), (healed_below, min(check, PATIENCE)))
    at = max((end + until for end, until in ends if end), default=seen)
    return at if at > seen else None
