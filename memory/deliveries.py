"""What came in, durable before it is acknowledged, and sorted into incidents in its order.

A delivery is one row until then, and deliveries that come at the same time are one transaction
(docs/adr/0012). Not here: when it is sorted (nightshift/sorter.py), what alerts mean (sorting.py).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Integer, Text, bindparam, delete, exists, select, update
from sqlalchemy.exc import DataError, IntegrityError

from domain.alert import Alert
from domain.errors import NightshiftError, NotStored, Transient, Unsortable
from memory.arriving import LONGEST_LULL_S, Row
from memory.columns import micros
from memory.inbox import Arrivals
from memory.sorting import storable
from memory.tables import deliveries

MOST = 250
"""Alerts sorted in one transaction, some 40 ms; a delivery is never parted."""
OWN_FAULT = (DataError, IntegrityError, ValueError, LookupError, ArithmeticError)
"""What a delivery meets again whenever it is sorted."""

_ALERTS = TypeAdapter(list[Alert])
_WAITING = (deliveries.c.tenant == bindparam("tenant", type_=Text), deliveries.c.set_aside == "")
_UP_TO = (*_WAITING, deliveries.c.number <= bindparam("last", type_=Integer))
_ANY = select(exists().where(*_WAITING))
_NEXT = (
    select(deliveries.c.number, deliveries.c.size)
    .where(*_WAITING)
    .order_by(deliveries.c.number)
    .limit(MOST)
)
_READ = select(deliveries.c.alerts).where(*_UP_TO).order_by(deliveries.c.number)
_DONE = delete(deliveries).where(*_UP_TO)
_ASIDE = (
    update(deliveries)
    .where(deliveries.c.number == bindparam("one"))
    .values(set_aside=bindparam("why"))
)
_BACK = (
    update(deliveries)
    .where(deliveries.c.tenant == bindparam("whose", type_=Text), deliveries.c.set_aside != "")
    .values(set_aside="")
)
_INSERT = "INSERT INTO deliveries (tenant, received_at, size, alerts) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """What one transaction sorted, in alerts, and whether more waits."""

    alerts: int
    more: bool


class Deliveries(Arrivals):
    """domain.store.Inbox, its first half."""

    async def deliver(self, alerts: Sequence[Alert]) -> None:
        """Write one delivery down, durable on return; the sorter hears of it. Raises NotStored."""
        if not alerts:
            return
        if self.database.crowded:
            raise NotStored(f"the store is far behind: {len(alerts)} alerts have to come again")
        arriving = self.kept.arriving
        told = arriving.add(_row(alerts, self.tenant, self.clock.now()))
        try:
            if not arriving.busy:
                await self._write_down()
            await told
        except Transient as error:
            raise NotStored(f"{len(alerts)} alerts could not be written down: {error}") from error
        finally:
            told.cancel()

    async def accept(self, alerts: Sequence[Alert]) -> list[str]:
        """In one transaction, write all alerts down and return the incidents they belong to.

        What was delivered before is sorted before. Raises NotStored: then nothing of these alerts
        is stored.
        """
        if alerts:
            try:
                await self.sort_waiting()
            except Transient as error:
                raise NotStored(f"{len(alerts)} alerts could not be stored: {error}") from error
        return await super().accept(alerts)

    async def catch_up(self) -> None:
        """Whoever was answered 202 by this process finds incidents, if the store does it."""
        if self.kept.arriving.unsorted:
            with suppress(Transient):
                await self.sort_waiting()

    async def sort_waiting(self) -> None:
        """Sort all that waits, up to what cannot be sorted: the sorter meets that too.

        Raises Transient.
        """
        with suppress(Unsortable):
            while await self.unsorted() and (await self.sort_next()).more:
                pass

    async def wait_delivery(self, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a failure
        """Return when one came in here since the last call, or after so many seconds."""
        await self.kept.arriving.wait(timeout)

    async def lull(
        self,
        timeout: float,  # noqa: ASYNC109  # a bound, not a failure
        *,
        longest_s: float = LONGEST_LULL_S,
    ) -> None:
        """Return when nothing rushes in here any more, or after so many seconds.

        `longest_s` without a delivery are enough, however long the rush was.
        """
        await self.kept.arriving.lull(timeout, longest_s=longest_s)

    async def unsorted(self) -> bool:
        """Whether anything waits, whichever process it came in at. Raises Transient."""
        return await self.database.read(self._unsorted)

    async def sort_next(self, most: int = MOST) -> Sorted:
        """Sort the oldest deliveries in one transaction: so many alerts, at least one delivery.

        Raises Unsortable (at least one of them cannot be; nothing was), Transient.
        """
        done = await self.database.write(self._sort_next, most)
        self.kept.arriving.went(done.alerts, more=done.more)
        return done

    async def set_aside(self, delivery: int, why: str) -> None:
        """Keep it, unsorted and out of the others' way. Raises Transient."""
        await self.database.write_quietly(self._set_aside, delivery, why)

    async def take_back(self) -> None:
        """What was set aside waits once more: this program may be a newer one. Raises Transient."""
        await self.database.write_quietly(self._take_back)

    async def _write_down(self) -> None:
        """Write all that wait now; whoever comes meanwhile is written by a task of its own."""
        arriving = self.kept.arriving
        with arriving.taking_turns(self._write_down):
            group = await arriving.next()
            try:
                if group.rows:
                    await self.database.write_quietly(self._deliver, group.rows)
            except NightshiftError as error:
                group.failed(error)
            except asyncio.CancelledError:
                group.failed(Transient("who wrote it down was cut short: send it again"))
                raise
            else:
                group.stored()
                arriving.came(sum(size for _, _, size, _ in group.rows))

    def _deliver(self, connection: Connection, rows: list[Row]) -> None:
        """In a file by the driver alone: it is all that an accepted alert waits for."""
        if connection.dialect.name == "sqlite":
            raw: Any = connection.connection.driver_connection
            raw.executemany(_INSERT, rows)
        else:
            connection.exec_driver_sql(_INSERT.replace("?", "%s"), rows)

    def _unsorted(self, connection: Connection) -> bool:
        return bool(connection.scalar(_ANY, {"tenant": self.tenant}))

    def _sort_next(self, connection: Connection, most: int) -> Sorted:
        waiting = connection.execute(_NEXT, {"tenant": self.tenant}).all()
        if not waiting:
            return Sorted(alerts=0, more=False)
        numbers, alerts = _first(waiting, most)
        given = {"tenant": self.tenant, "last": numbers[-1]}
        try:
            self._sort(connection, connection.scalars(_READ, given).all())
        except OWN_FAULT as error:
            raise Unsortable(f"{type(error).__name__}: {error}", deliveries=numbers) from error
        connection.execute(_DONE, given)
        more = len(numbers) < len(waiting) or len(waiting) == MOST
        return Sorted(alerts=alerts, more=more)

    def _sort(self, connection: Connection, bodies: Sequence[str]) -> None:
        """They were made storable when they came."""
        alerts = (alert for body in bodies for alert in _ALERTS.validate_json(body))
        self._accept(connection, [(alert, alert.model_dump_json()) for alert in alerts])

    def _set_aside(self, connection: Connection, delivery: int, why: str) -> None:
        connection.execute(_ASIDE, {"one": delivery, "why": why})

    def _take_back(self, connection: Connection) -> None:
        connection.execute(_BACK, {"whose": self.tenant})


def _row(alerts: Sequence[Alert], tenant: str, now: datetime) -> Row:
    bodies = ",".join(storable(alert)[1] for alert in alerts)
    return tenant, micros(now), len(alerts), f"[{bodies}]"


def _first(waiting: Sequence[Sequence[int]], most: int) -> tuple[list[int], int]:
    """The numbers of the first of these, up to so many alerts; how many alerts they are."""
    numbers, alerts = list[int](), 0
    for number, size in waiting:
        if numbers and alerts + size > most:
            break
        numbers.append(number)
        alerts += size
    return numbers, alerts
