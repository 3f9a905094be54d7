"""The store: everything durable, composed of its parts. Not here: their tables or queries."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection

from domain.ports import Clock
from memory.approvals import Approvals
from memory.backup import copy_store
from memory.budget import Budget
from memory.claims import Claims
from memory.database import Database, insert_into
from memory.deliveries import Deliveries
from memory.desired import Desired
from memory.digests import Gathering
from memory.journal import Journal
from memory.latches import Latches
from memory.ledger import Incidents
from memory.opening import open_database
from memory.outbox import Drafts
from memory.queue import Queue
from memory.reading import Views
from memory.reserve import Reservations
from memory.retention import Retention
from memory.tables import counters


class Store(
    Deliveries,
    Queue,
    Incidents,
    Claims,
    Reservations,
    Journal,
    Approvals,
    Drafts,
    Views,
    Desired,
    Budget,
    Retention,
    Latches,
    Gathering,
):
    """Ledger, Inbox, Outbox, Digests, Reading, DesiredState and Purse over one database."""

    @property
    def change_count(self) -> int:
        """How many changes this process has recorded: what `wait_change` counts from."""
        return self.database.changes.count

    async def wait_change(self, after: int | None, timeout: float) -> int:  # noqa: ASYNC109  # a bound, not a failure
        """Return `change_count` once it is above `after` (None: the present one), or in `timeout`.

        Seconds. To miss nothing, note `change_count`, look, then wait with it. Other processes'
        changes do not count: look again at least every second.
        """
        return await self.database.changes.wait(after, timeout)

    async def prove_writable(self) -> None:
        """Write one page for the proof of it: reading goes on where a disk is full.

        Raises Transient.
        """
        await self.database.write_quietly(_touch)

    async def backup(self, to: Path) -> None:
        """Copy one consistent state to a new file while work goes on.

        Raises Conflict (there is something at `to`), Transient.
        """
        await asyncio.to_thread(copy_store, self.database.path, to)


def _touch(connection: Connection) -> None:
    """The value has to change: SQLite writes no page whose content stays the same."""
    row = insert_into(connection.dialect.name, counters).values(name="proofs", value=1)
    again = {"value": counters.c.value + 1}
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=again))


@asynccontextmanager
async def open_store(
    place: Path | str,
    *,
    clock: Clock,
    tenant: str = "default",
    channels: Sequence[str] = (),
    owner: bool = True,
    window_s: float = 3600.0,
    takeover_s: float = 35.0,
) -> AsyncIterator[Store]:
    """Open the store in this data directory, or at this `sqlite:///` or `postgresql://` address.

    The service is the `owner`: it creates the file, brings it up to date and works its jobs; of a
    file, a second owner is refused. Others (the command line) read and write beside it.
    `channels` get the messages; `window_s` is how far back a standing looks, and how long a
    latched target must be quiet; `takeover_s` when a worker beside us counts as dead.
    Raises BadConfiguration, Transient (no server there).
    """
    database = await asyncio.to_thread(open_database, place, clock=clock, owner=owner)
    try:
        await database.start_listening()
        yield _kind(database)(
            database=database,
            tenant=tenant,
            clock=clock,
            channels=tuple(channels),
            window=timedelta(seconds=window_s),
            takeover=timedelta(seconds=takeover_s),
        )
    finally:
        await database.close()


def _kind(database: Database) -> type[Store]:
    if not database.shared:
        return Store
    from memory.cluster_store import ClusterStore

    return ClusterStore
