"""Old checkpoints go: they are progress, and of a finished incident only replay wants them.

Not here: the ledger, of which nothing is ever deleted.
"""

from datetime import timedelta

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver

from domain.errors import NightshiftError
from domain.ports import Clock
from memory.store import Store
from nightshift.checkpoints import forget, shrink

log = structlog.get_logger(__name__)

EVERY_S = 3600.0
FIRST_S = 300.0
"""After a start there are more urgent things to do."""
BATCH = 50
PAUSE_S = 0.05
"""Between two batches: checkpoints of live incidents wait for the same file."""


async def keep_checkpoints(
    store: Store, saver: BaseCheckpointSaver[str], clock: Clock, *, days: float
) -> None:
    """Every hour delete what is older, for ever; cancel it to stop."""
    await clock.sleep(FIRST_S)
    while True:
        try:
            await sweep(store, saver, clock, days=days)
        except NightshiftError as error:
            log.warning("checkpoints_not_deleted", error=str(error))
        await clock.sleep(EVERY_S)


async def sweep(store: Store, saver: BaseCheckpointSaver[str], clock: Clock, *, days: float) -> int:
    """Delete the checkpoints of incidents that ended so many days ago; returns of how many.

    Cut off in the middle it goes on at the next one. Raises Transient.
    """
    before = clock.now() - timedelta(days=days)
    count = 0
    while closed := await store.closed_next(before, limit=BATCH):
        for one in closed:
            await forget(saver, one.incident)
        await store.mark_closed(closed[-1].at)
        count += len(closed)
        await clock.sleep(PAUSE_S)
    if count:
        freed = 0
        while more := await shrink(saver):
            freed += more
            await clock.sleep(PAUSE_S)
        said = before.isoformat(timespec="seconds")
        log.info("checkpoints_deleted", incidents=count, ended_before=said, bytes_freed=freed)
    return count
