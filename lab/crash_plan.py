"""Where and when the crash bench kills: a seeded list of points. Not here: killing.

A boundary is a moment in the server at which it dies, `before` what it names is durable or
`after`; `random` is any moment after an alert, `recovering` any moment after a restart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

DIE_AT, DRIVEN = "die-at", "driven"
"""Files by which the bench and its server talk: the next boundary, the segments that began."""
CHECKPOINTS = (
    "start", "monitor", "retrieve-history", "analyse", "heal", "verify", "notify", "learn",
    "__end__",
)  # fmt: skip
"""A checkpoint is called by what comes after it."""
STEPS = (
    "inbox", "sort", "claim", "intent", "call", "outcome", "notify", "message", "learn",
    *(f"checkpoint {name}" for name in CHECKPOINTS),
)  # fmt: skip
EFFECT = ("effect.before", "effect.during", "effect.after")
"""Before the call is sent, while Docker is at it, before its answer is written down."""
JOURNALLED = ("intent", "call", "outcome")
"""Steps that naive nodes do not have."""
BOUNDARIES = (*EFFECT, *(f"{step}.{side}" for step in STEPS for side in ("before", "after")))
NAIVE = tuple(one for one in BOUNDARIES if one.partition(".")[0] not in JOURNALLED)
AT_LEAST = 5
"""Kills at each boundary, where there are points enough."""
FREE = 40
"""One point in so many, at least, is at a random time."""
SETTLE_S = 3.0
SLOWEST_S = 10.0
SOON_S, LATE_S = 0.3, 2.0
RANDOM_WITHIN_S, RECOVERING_WITHIN_S = 4.0, 6.0

Fault = Literal["hung", "crash"]


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A container that breaks, and how long Docker takes over a change of it (seconds)."""

    fault: Fault
    delay_s: float

    @property
    def late(self) -> bool:
        """Whether Docker takes longer than Nightshift waits for a call to settle."""
        return self.delay_s > SETTLE_S


@dataclass(frozen=True, kw_only=True)
class Point:
    """One kill. `after_s` is when, where it is not a boundary (seconds after alert or restart)."""

    number: int
    where: str
    after_s: float
    patients: tuple[Patient, ...]


def plan(points: int, seed: int, boundaries: tuple[str, ...] = BOUNDARIES) -> list[Point]:
    """So many points: whole rounds over the boundaries, the rest at random times, shuffled.

    Too few for one round take a sample, the effect's own boundaries first.
    """
    dice = Random(seed)  # noqa: S311  # a plan that can be repeated, no secret
    rounds = min(AT_LEAST, (points - points // FREE) // len(boundaries))
    wanted = list(boundaries) * rounds or _sample(boundaries, points, dice)
    wanted += [("random", "random", "recovering")[n % 3] for n in range(points - len(wanted))]
    dice.shuffle(wanted)
    return [_point(number, where, dice) for number, where in enumerate(wanted, start=1)]


def _sample(boundaries: tuple[str, ...], points: int, dice: Random) -> list[str]:
    others = [one for one in boundaries if one not in EFFECT]
    dice.shuffle(others)
    return [*EFFECT, *others][: max(1, points * 4 // 5)]


def _point(number: int, where: str, dice: Random) -> Point:
    within = RECOVERING_WITHIN_S if where == "recovering" else RANDOM_WITHIN_S
    patients = (Patient(fault="hung", delay_s=_delay(where, dice)), _other(dice))
    return Point(number=number, where=where, after_s=dice.uniform(0.0, within), patients=patients)


def _other(dice: Random) -> Patient:
    fault: Fault = "crash" if dice.random() < 0.5 else "hung"
    return Patient(fault=fault, delay_s=_delay("", dice))


def _delay(where: str, dice: Random) -> float:
    """Mostly quick; around the effect one in three is slower than what Nightshift waits for."""
    slow, late = (0.5, 0.35) if where in EFFECT else (0.25, 0.08)
    roll = dice.random()
    if roll < late:
        return dice.uniform(SETTLE_S + 1.0, SLOWEST_S)
    return dice.uniform(SOON_S, LATE_S) if roll < slow else dice.uniform(0.0, SOON_S)


def dealt(points: list[Point], lanes: int) -> Iterator[list[Point]]:
    """The points of each lane, in order."""
    return (points[lane::lanes] for lane in range(lanes))
