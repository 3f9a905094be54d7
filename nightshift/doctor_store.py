"""doctor's checks of what we keep: the database and what was learned. Not here: peers."""

import asyncio

import httpx

from nightshift.doctor import Finding
from nightshift.settings import Settings
from nightshift.wiring_cluster import NOBODY, crew_of
from nightshift.wiring_store import place_of, shared

TIMEOUT_S = 3.0
BEHIND = 10
"""More messages than this that did not get out are worth a warning."""


async def service(settings: Settings) -> list[Finding]:
    """Whether a service answers at our address, and how it is."""
    url = f"http://{settings.nightshift_host}:{settings.nightshift_port}"
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            state = (await client.get(f"{url}/ready")).json()
    except (httpx.HTTPError, ValueError):
        mend = "start it: nightshift serve"
        return [Finding(name="service", state="warning", detail="not running", mend=mend)]
    degraded = state.get("degraded") or {}
    if degraded:
        detail = "; ".join(f"{name}: {reason}" for name, reason in degraded.items())
        mend = "mend what is named; it is taken up again by itself"
        return [Finding(name="service", state="failed", detail=detail, mend=mend)]
    return [Finding(name="service", state="ok", detail=f"ready at {url}")]


async def database(settings: Settings) -> list[Finding]:
    """Whether the store can be opened, is whole and keeps up with its messages."""
    from memory.opening import FILE
    from memory.store import open_store
    from nightshift.clock import SystemClock

    file = settings.nightshift_data_dir / FILE
    if not shared(settings) and not file.exists():
        return [Finding(name="database", state="ok", detail="none yet: the first start makes it")]
    async with open_store(
        place_of(settings), tenant=settings.nightshift_tenant, clock=SystemClock(), owner=False
    ) as store:
        stats, crew = await store.stats(), await crew_of(store)
    where = crew if shared(settings) else f"{file.stat().st_size / 1024**2:.1f} MiB"
    detail = f"{stats.incidents} incidents, {where}, {stats.queue_depth} waiting jobs"
    if shared(settings) and crew == NOBODY:
        mend = "start one: nightshift worker (or nightshift serve)"
        return [Finding(name="database", state="failed", detail=detail, mend=mend)]
    if stats.paused:
        mend = "nightshift resume"
        detail = f"paused: {stats.paused}"
        return [Finding(name="database", state="warning", detail=detail, mend=mend)]
    if stats.outbox_behind > BEHIND:
        detail = f"{stats.outbox_behind} messages did not get out"
        mend = "see the findings on telegram and the service's log"
        return [Finding(name="database", state="warning", detail=detail, mend=mend)]
    return [Finding(name="database", state="ok", detail=detail)]


async def memory_index(settings: Settings) -> list[Finding]:
    """Whether what was learned can be read and compared."""
    from memory.incidents import IncidentMemory

    memory = IncidentMemory(place_of(settings))
    found = await asyncio.to_thread(memory.get_incident_stats)
    detail = f"{found['total_incidents']} incidents remembered"
    if settings.qdrant_url:
        detail += " in the ledger; they are compared on the Qdrant server"
    else:
        await asyncio.to_thread(memory.find_similar_incidents, "container down", 1)
    return [Finding(name="memory", state="ok", detail=detail)]
