"""Whose doing it is that a container is not up, from the events kept of it.

Not here: what the order of events means (policy/desired.py), or the rule that asks a person.
"""

import asyncio
from contextlib import suppress
from datetime import datetime

from domain.errors import NightshiftError
from domain.facts import ContainerEvent, ContainerFacts
from nodes.view import View
from policy.desired import CLOCK_SKEW, DIE_TO_STOP, KILL_TO_DIE, Stop, death, explain
from policy.reading import EVENT_WINDOW, missing_networks

STREAM_LOOKS, STREAM_LOOK_S = 20, 0.1
"""How long a death may still be on its way: after our own start old ones are told again."""
REMEMBERING_S = 3.0
"""How long Docker is then given to tell of it; with the looks less than a round of evidence has."""


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
    """Its events; a death that nobody heard of may still be on its way through the stream.

    Where it does not come, because nobody follows the stream now, Docker itself is asked.
    """
    ledger, key = view.deps.ledger, facts.target.key
    events = await ledger.stop_story(key)
    if facts.status not in ("exited", "dead") or facts.finished_at is None:
        return events
    for _ in range(STREAM_LOOKS):
        if death(facts, events):
            return events
        await view.deps.clock.sleep(STREAM_LOOK_S)
        events = await ledger.stop_story(key)
    return await _with_what_docker_remembers(view, facts, facts.finished_at, events)


async def _with_what_docker_remembers(
    view: View, facts: ContainerFacts, end: datetime, events: list[ContainerEvent]
) -> list[ContainerEvent]:
    told: list[ContainerEvent] = []
    with suppress(NightshiftError, TimeoutError):  # then the death stays unexplained
        async with asyncio.timeout(REMEMBERING_S):
            told = await view.deps.containers.remembered(
                facts.target, since=end - KILL_TO_DIE - CLOCK_SKEW, until=end + DIE_TO_STOP
            )
    known = {(one.at, one.action) for one in events}
    new = [one for one in told if (one.at, one.action) not in known]
    return sorted([*events, *new], key=lambda event: event.at)
