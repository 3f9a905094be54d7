"""Opening the store beside a running service, or without one. Not here: commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory.store import Store
    from nightshift.settings import Settings


def settings_for(data_dir: str | None) -> "Settings":
    """The environment's settings, with this data directory. Raises BadConfiguration."""
    from nightshift.settings import load

    return load(nightshift_data_dir=Path(data_dir) if data_dir else None)


@asynccontextmanager
async def opened(data_dir: str | None) -> AsyncIterator["Store"]:
    """The store of that directory, whether its service runs or not.

    What is written here reaches the same people as what the service writes. Raises
    BadConfiguration when there is no store.
    """
    from memory.store import open_store
    from nightshift.clock import SystemClock
    from nightshift.wiring_store import place_of

    settings = settings_for(data_dir)
    async with open_store(
        place_of(settings),
        tenant=settings.nightshift_tenant,
        clock=SystemClock(),
        channels=channels(settings),
        owner=False,
        window_s=max(3600.0, settings.nightshift_latch_quiet_s),
    ) as store:
        yield store


def channels(settings: "Settings") -> tuple[str, ...]:
    """The channels that a service with these settings speaks to."""
    telegram = settings.telegram_bot_token and settings.telegram_chat_id
    return ("console", "telegram") if telegram else ("console",)
