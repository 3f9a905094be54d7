"""The person of a scenario: answers once, some time after being asked. Not here: when to ask."""

import time
from collections.abc import Sequence

from lab.agent import Client, Report
from lab.scenario import Person as Manner


class Person:
    """`answered` is the time just before the first answer; None when there was none."""

    def __init__(self, manner: Manner, agent: Client) -> None:
        self.answered: float | None = None
        self._manner = manner
        self._agent = agent
        self._asked: dict[str, float] = {}
        self._done: set[str] = set()

    async def look(self, reports: Sequence[Report]) -> None:
        """Answer every incident that has waited long enough."""
        if self._manner.answer == "absent":
            return
        for report in reports:
            if report.waits and report.id not in self._done:
                since = self._asked.setdefault(report.id, time.time())
                if time.time() - since >= self._manner.after_s:
                    await self._answer(report.id)

    async def _answer(self, incident: str) -> None:
        at = time.time()
        if await self._agent.answer(incident, self._manner.answer):
            self._done.add(incident)
            self.answered = self.answered or at
