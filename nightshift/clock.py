"""The real clock. Not here: virtual ones (nightshift/testing.py)."""

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """UTC wall time and asyncio's sleep."""

    def now(self) -> datetime:
        """UTC, aware."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
