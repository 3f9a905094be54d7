"""From an archive to a data directory that a service can start on. Not here: the archive."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from domain.errors import NightshiftError
from domain.plain import Record
from memory.store import open_store
from nightshift.archive import must_be_ours, unpack
from nightshift.clock import SystemClock
from nightshift.manifest import Manifest
from nightshift.settings import Settings
from nightshift.wiring_memory import open_memory
from nightshift.wiring_store import place_of


class Restored(Record):
    """What was put back.

    `remembered` episodes are in the memory index now; where it could not be filled `later` says
    why, and the service fills it. `audit` is empty, or says what is wrong with the audit trail.
    """

    manifest: Manifest
    remembered: int = 0
    later: str = ""
    audit: str = ""


async def restore(archive: Path, settings: Settings) -> Restored:
    """Put an archive into the data directory of these settings and make it ready.

    The store is brought up to this program's schema, the audit trail checked, the memory index
    filled from the ledger. Raises BadConfiguration, Permanent, Transient.
    """
    must_be_ours(place_of(settings))
    folder = settings.nightshift_data_dir
    manifest = await asyncio.to_thread(unpack, archive, folder)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(folder, tenant=settings.nightshift_tenant, clock=SystemClock())
        )
        trail = await store.audit()
        wrong = f"broken at line {trail.broken}: {trail.why}" if trail.broken is not None else ""
        if not wrong and manifest.journal_head not in ("", trail.head):
            wrong = "it does not end where the manifest says"
        try:
            memory = open_memory(settings, stack, store)
            await memory.refill()
            remembered, later = await store.episode_count(), ""
        except NightshiftError as error:
            remembered, later = 0, str(error)
        return Restored(manifest=manifest, remembered=remembered, later=later, audit=wrong)
