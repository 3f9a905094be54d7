"""Whose doing it is that a container is not up, from the events kept of it.

Not here: what the order of events means (policy/desired.py), or the rule that asks a person.
"""

from datetime import datetime, timedelta

from domain.facts import ContainerEvent, ContainerFacts
from nodes.view import View
from policy.desired import Stop, death, explain
from policy.reading import EVENT_WINDOW, missing_networks

STREAM_LAG = timedelta(seconds=10)
STREAM_LOOKS = 10


async def whose_doing(view: View, facts: ContainerFacts, last: ContainerFacts | None) -> Stop:
    """Who stopped this container, or cut it off; `last` are its facts when it was well."""
    events = await _story(view, facts)
    ours = await our_times(view, facts.target.key)
    return explain(facts, events, ours=ours, cut=missing_networks(facts, last))


async def our_times(view: View, key: str) -> list[datetime]:
    """When we ourselves acted on that target lately."""
    entries = await view.deps.ledger.ours(key, since=view.now - EVENT_WINDOW)
    return [entry.intent.at for entry in entries]


async def _story(view: View, facts: ContainerFacts) -> list[ContainerEvent]:
    """Its events; a death of seconds ago may still be on its way through the stream."""
    ledger, key = view.deps.ledger, facts.target.key
    events = await ledger.stop_story(key)
    died = facts.finished_at if facts.status in ("exited", "dead") else None
    for _ in range(STREAM_LOOKS):
        if died is None or view.now - died > STREAM_LAG or death(facts, events):
            break
        await view.deps.clock.sleep(STREAM_LAG.total_seconds() / STREAM_LOOKS / 10)
        events = await ledger.stop_story(key)
    return events
