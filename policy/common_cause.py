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
    facts: ContainerFacts | None, *, seen: datetime, ended: datetime | None, now: datetime
) -> datetime | None:
    """From when on a look can tell what other work, which ended then, came to; None: this one can.

    What was seen before its end is old, and so is what a health check says that was not run since.
    An end that lies ahead tells nothing: the clock was put back.
    """
    if ended is None or ended > now:
        return None
    unwell = facts is not None and facts.running and facts.health == "unhealthy"
    checked = timedelta(seconds=facts.health_every_s) if facts and unwell else timedelta(0)
    return ended + checked if ended + checked > seen else None
