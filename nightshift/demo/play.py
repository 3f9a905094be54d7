"""The script: the same fault twice, followed over HTTP. Not here: stage or screen."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from typing import Any

from nightshift.demo.desk import Desk
from nightshift.demo.screen import Screen
from nightshift.demo.stage import DB, WEB, Stage, wait_until

ALERT_S, INCIDENT_S, CALM_S, MESSAGE_S = 20.0, 60.0, 20.0, 15.0
ACTS = (
    f"{DB} hangs, and {WEB}, which needs it, turns unhealthy",
    "the same again, now with one incident to remember",
)


async def play(opening: AbstractAsyncContextManager[Stage], *, once: bool) -> bool:
    """Play both acts and compare; true if both were healed and it can be proved.

    Unless `once`, the server stays up until the task is cancelled. Raises Transient where
    something does not happen in time.
    """
    screen = Screen()
    _end_in_order()
    screen.say("Setting the stage ...")
    async with opening as stage, Desk(stage.url, stage.token) as desk:
        screen.opening(stage)
        views: list[Any] = []
        healthy: list[bool] = []
        for number, what in enumerate(ACTS, start=1):
            screen.act(number, what)
            views.append(await _act(stage, desk, screen, {view["id"] for view in views}))
            healthy.append(await stage.well(WEB) and await stage.well(DB))
            await wait_until(stage.calm, "the alert did not resolve", seconds=CALM_S)
        screen.compare(views)
        checks = judged(views, healthy)
        screen.verdict(checks)
        if not once:
            screen.farewell(stage, views[-1]["id"])
            with suppress(asyncio.CancelledError):  # Ctrl-C is how this is meant to end
                await asyncio.Event().wait()
    return all(checks.values())


def _end_in_order() -> None:
    """A closed terminal or a kill ends the play like Ctrl-C: the server must not stay behind."""
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    for one in (signal.SIGHUP, signal.SIGTERM):
        if this is not None:
            loop.add_signal_handler(one, this.cancel)


async def _act(stage: Stage, desk: Desk, screen: Screen, known: set[str]) -> Any:
    """Break the database, and follow what comes of it to its end."""
    known = known | {one["id"] for one in await desk.incidents()}
    screen.say(f"breaking {DB} ...")
    await stage.hang(DB)
    incident = await desk.next_incident(known, patience_s=ALERT_S)
    began = datetime.fromisoformat((await desk.incident(incident))["opened_at"])
    with screen.acting():
        async for event in desk.follow(incident, patience_s=INCIDENT_S):
            screen.event(event, began)
    await desk.messages_are_out(patience_s=MESSAGE_S)
    for message in [one for one in stage.messages() if incident in one.text]:
        screen.phone(message)
    return await desk.incident(incident)


def judged(views: list[Any], healthy: list[bool]) -> dict[str, bool]:
    """What must be true: by the record, by the shop itself, and that memory helped."""
    checks: dict[str, bool] = {}
    for number, (view, well) in enumerate(zip(views, healthy, strict=True), start=1):
        verdict = (view["verdict"] or {}).get("state")
        proved = view["outcome"] == "resolved" and verdict == "healed"
        checks[f"incident {number}: {view['outcome']}, verdict {verdict}"] = proved
        checks[f"incident {number}: {WEB} and {DB} really work"] = well
    first, second = ([one["remedy"] for one in view["attempts"]] for view in views)
    checks[f"second time: {len(second)} remedy instead of {len(first)}"] = len(second) < len(first)
    return checks
