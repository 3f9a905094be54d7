"""The proactive look at guests: which should run and do not. Not here: containers, raising."""

import asyncio
from datetime import datetime

from domain.deps import Deps
from domain.errors import NightshiftError
from domain.guests import GuestFacts
from domain.plain import Record
from domain.target import Target
from policy.desired_guest import BACKUP, STARTS, STOPS, explain_guest
from policy.guard import in_scope
from policy.hands_off import hands_off

UNWANTED = ("crash", "oom", "backup")
"""Whose doing a stop has to be for a guest to be missed."""
POWER = STARTS | STOPS | {BACKUP}


class Missing(Record):
    """A guest that should run; `since` is the same in every round of one absence."""

    target: Target
    since: datetime
    why: str


async def missing_guests(deps: Deps, problems: dict[str, str]) -> tuple[list[Missing], int]:
    """Guests in scope that start on boot, are stopped and were stopped by nobody.

    Also how many were looked at; what could not be asked is added to `problems`.
    """
    if deps.guests is None:
        return [], 0
    inventory = await deps.guests.inventory()
    problems.update({f"proxmox {name}": why for name, why in inventory.unreachable.items()})
    scoped = [one for one in inventory.guests if in_scope(one, deps.limits)]
    down = [one.target for one in scoped if one.status == "stopped" and not one.template]
    found = await asyncio.gather(*(_look(deps, target, problems) for target in down))
    return [one for one in found if one], len(scoped)


async def _look(deps: Deps, target: Target, problems: dict[str, str]) -> Missing | None:
    assert deps.guests is not None  # noqa: S101  # the caller looked
    try:
        facts = await deps.guests.guest(target)
    except NightshiftError as error:
        problems[f"proxmox {target.path}"] = str(error)
        return None
    wanted = facts.onboot and facts.status == "stopped" and not hands_off(facts, "start_guest")
    if not wanted or await deps.ledger.holders([target.key]):
        return None
    now = deps.clock.now()
    stop = explain_guest(facts, reboots=[], now=now)
    if stop.by not in UNWANTED:
        return None
    return Missing(target=target, since=_since(facts, now), why=stop.detail)


def _since(facts: GuestFacts, now: datetime) -> datetime:
    """Proxmox does not tell when a guest ended: the last task on its power, else the day."""
    told = [one.ended_at or one.started_at for one in facts.tasks if one.kind in POWER]
    return max(told, default=now.replace(hour=0, minute=0, second=0, microsecond=0))
