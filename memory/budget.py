"""What model calls cost: reserved before they are made, settled after. Not here: the ceilings."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, distinct, func, insert, select, update

from domain.errors import NotFound, OverBudget
from domain.incident import Usage
from domain.reasoning import Afford, ModelCall, Spent
from domain.store import Spending
from memory.part import Part
from memory.tables import incidents, model_calls
from memory.timeline import status_of

NANO = 10**9
DAYS = 31
"""Days that statistics show one by one."""

_SUMS = (
    func.count(),
    func.coalesce(func.sum(model_calls.c.prompt_tokens), 0),
    func.coalesce(func.sum(model_calls.c.completion_tokens), 0),
    func.coalesce(func.sum(model_calls.c.cost), 0),
)


class Budget(Part):
    """domain.reasoning.Purse. A call cut off by a crash stays as dear as it might have been."""

    async def reserve_call(self, call: ModelCall, afford: Afford) -> str:
        """In one transaction: read what was spent, decide, and write the call down as spent.

        Returns the key to settle it by. Raises OverBudget with the reason, NotFound, Transient.
        """
        return await self.database.write_quietly(self._reserve_call, call, afford)

    async def settle_call(self, key: str, used: Usage, cost: int) -> None:
        """Replace the reservation by what was really used. Raises NotFound, Transient."""
        await self.database.write_quietly(self._settle_call, key, used, cost)

    def _reserve_call(self, connection: Connection, call: ModelCall, afford: Afford) -> str:
        status_of(connection, self, call.incident)
        now = self.clock.now()
        spent = _spent(connection, self, call.incident, now)
        if reason := afford(spent):
            raise OverBudget(reason)
        key = f"{call.incident}/{spent.calls + 1}"
        values = call.model_dump()
        row = {**values, "key": key, "tenant": self.tenant, "at": now, "day": _day(now)}
        connection.execute(insert(model_calls).values(row))
        _bring_up(connection, call.incident)
        return key

    def _settle_call(self, connection: Connection, key: str, used: Usage, cost: int) -> None:
        this = (model_calls.c.key == key, model_calls.c.tenant == self.tenant)
        incident = connection.scalar(select(model_calls.c.incident).where(*this))
        if incident is None:
            raise NotFound(f"no model call {key!r} was reserved")
        connection.execute(
            update(model_calls)
            .where(*this)
            .values(
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                cost=cost,
                settled_at=self.clock.now(),
            )
        )
        _bring_up(connection, incident)


def spending(connection: Connection, part: Part) -> Spending:
    """All of it, for statistics."""
    mine, today = model_calls.c.tenant == part.tenant, _day(part.clock.now())
    since = _day(part.clock.now() - timedelta(days=DAYS - 1))
    rows = connection.execute(
        select(model_calls.c.day, *_SUMS)
        .where(mine, model_calls.c.day >= since)
        .group_by(model_calls.c.day)
        .order_by(model_calls.c.day)
    )
    asked = select(func.count(distinct(model_calls.c.incident))).where(mine)
    return Spending(
        incidents=connection.scalar(asked) or 0,
        total=_usage(_summed(connection, mine)),
        today=_usage(_summed(connection, mine, model_calls.c.day == today)),
        month=_usage(_summed(connection, mine, model_calls.c.day >= _first(today))),
        by_day={row[0]: _usage(row[1:]) for row in rows},
    )


def _spent(connection: Connection, part: Part, incident: str, now: datetime) -> Spent:
    mine, today = model_calls.c.tenant == part.tenant, _day(now)
    here = _summed(connection, model_calls.c.incident == incident)
    return Spent(
        calls=here[0],
        prompt_tokens=here[1],
        day=_summed(connection, mine, model_calls.c.day == today)[3],
        month=_summed(connection, mine, model_calls.c.day >= _first(today))[3],
    )


def _bring_up(connection: Connection, incident: str) -> None:
    """The incident's own row shows what it cost."""
    used = _usage(_summed(connection, model_calls.c.incident == incident))
    connection.execute(update(incidents).where(incidents.c.id == incident).values(usage=used))


def _summed(connection: Connection, *where: ColumnElement[bool]) -> Row[*tuple[Any, ...]]:
    return connection.execute(select(*_SUMS).where(*where)).one()


def _usage(sums: Any) -> Usage:
    calls, prompt, completion, cost = sums
    return Usage(
        model_calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        dollars=round(cost / NANO, 9),
    )


def _day(moment: datetime) -> str:
    """UTC."""
    return moment.date().isoformat()


def _first(day: str) -> str:
    """The first day of that day's month."""
    return f"{day[:8]}01"
