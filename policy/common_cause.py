"""Is this still the trouble that people know of? Not here: who was told (nodes)."""

from datetime import datetime

from domain.facts import ContainerFacts


def same_trouble(facts: ContainerFacts, *, since: datetime | None) -> bool:
    """Not well, and neither started nor ended since then; what restarts by itself is the same."""
    if facts.well or since is None:
        return False
    moved = [one for one in (facts.started_at, facts.finished_at) if one and one >= since]
    return facts.status == "restarting" or not moved
