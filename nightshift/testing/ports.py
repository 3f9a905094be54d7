"""Metrics, memory and runbooks from lists and dictionaries. Not here: containers, the ledger."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from domain.alert import Alert
from domain.diagnosis import Match
from domain.errors import NightshiftError, Transient
from domain.facts import ContainerFacts
from domain.incident import Episode, PastIncident
from domain.metrics import Answer, Expression, Probe
from domain.plain import Plain
from domain.reasoning import Answer as Answered
from domain.reasoning import Question
from domain.recall import symptom_of
from domain.silence import Silence


class FakeMetrics:
    """The port `Metrics`: nobody probes and every expression is blind until a test says so.

    `error` is raised by every question, `silent` lets none of them be answered.
    """

    def __init__(self) -> None:
        self.probes: dict[str, Probe] = {}
        self.alerts: list[Alert] = []
        self.answers: dict[str, Answer] = {}
        self.found = Expression(state="blind", query="", detail="the alert has no expression")
        self.free: dict[str, Answer] = {}
        self.error: NightshiftError | None = None
        self.silent = False

    async def instant(self, query: str) -> Answer:
        """What was put down for that query, else no data."""
        await self._heard()
        return self.answers.get(query, Answer(query=query))

    async def range(self, query: str, *, start: datetime, end: datetime, step_s: float) -> Answer:
        """The samples of that query within the window."""
        samples = (await self.instant(query)).samples
        return Answer(query=query, samples=[one for one in samples if start <= one.at <= end])

    async def firing(self) -> list[Alert]:
        """`alerts`."""
        await self._heard()
        return list(self.alerts)

    async def expression(self, alert: Alert) -> Expression:
        """`found`."""
        await self._heard()
        return self.found

    async def probe(self, facts: ContainerFacts) -> Probe:
        """The probe put down for the container's name, else `absent`."""
        await self._heard()
        absent = Probe(state="absent", query="probe_success", detail="nobody probes it")
        return self.probes.get(facts.target.name, absent)

    async def volumes(self, facts: ContainerFacts) -> Answer:
        """What was put down for the container's name, else no data."""
        await self._heard()
        return self.free.get(facts.target.name, Answer(query="volumes"))

    async def _heard(self) -> None:
        if self.silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error


class DictMemory:
    """The port `Memory`: likeness is the share of words in common."""

    def __init__(self) -> None:
        self.episodes: dict[str, Episode] = {}

    async def similar(self, symptom: str, *, limit: int) -> list[PastIncident]:
        """Best first; episodes that share no word are left out."""
        found = [
            PastIncident(score=_likeness(symptom, symptom_of(episode)), episode=episode)
            for episode in self.episodes.values()
        ]
        found.sort(key=lambda past: -past.score)
        return [past for past in found if past.score > 0][:limit]

    async def store(self, episode: Episode) -> None:
        """Add or replace."""
        self.episodes[episode.incident] = episode


def _likeness(one: str, other: str) -> float:
    words, others = set(one.lower().split()), set(other.lower().split())
    return len(words & others) / max(1, len(words | others))


class NoMemory:
    """The port `Memory`, out of order."""

    async def similar(self, symptom: str, *, limit: int) -> list[PastIncident]:
        """Raises Transient."""
        raise Transient("the index does not answer")

    async def store(self, episode: Episode) -> None:
        """Raises Transient."""
        raise Transient("the index does not answer")


Rule = Callable[[Mapping[str, Plain]], Match | None]


class FixedRulebook:
    """The port `Rulebook`: the first rule or fixed match that answers; `asked` keeps situations."""

    def __init__(self, *rules: Rule | Match) -> None:
        self.rules = list(rules)
        self.asked: list[Mapping[str, Plain]] = []

    def match(self, situation: Mapping[str, Plain]) -> Match | None:
        """The first answer, or None."""
        self.asked.append(situation)
        answers = (one if isinstance(one, Match) else one(situation) for one in self.rules)
        return next((found for found in answers if found), None)


class FixedReasoner:
    """The port `Reasoner`: the given answers or errors, one a call; `asked` keeps the questions."""

    def __init__(self, *answers: Answered | NightshiftError) -> None:
        self.answers = list(answers)
        self.asked: list[Question] = []

    async def diagnose(self, question: Question) -> Answered:
        """The next answer; the last one stays."""
        self.asked.append(question)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, NightshiftError):
            raise answer
        return answer


class FakeSilences:
    """The port `Silences`: those put down; `error` is raised instead where it is set."""

    def __init__(self, *silences: Silence) -> None:
        self.silences = list(silences)
        self.error: NightshiftError | None = None

    async def active(self) -> list[Silence]:
        """What was put down."""
        if self.error:
            raise self.error
        return list(self.silences)
