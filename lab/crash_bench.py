"""What kill -9 costs: incidents lost, effects and messages doubled, time to resume.

Lanes play the points of a seeded plan side by side; a control with naive nodes plays the same
game and must double an effect, or the harness would notice nothing. Not here: the command line.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from lab.crash_lane import Lane, a_lane
from lab.crash_plan import BOUNDARIES, EFFECT, NAIVE, Point, dealt, plan
from lab.reflex import Spread, spread

LANES = 4
CONTROL = 10
"""The control plays one point in so many, the effect's own first."""
Tell = Callable[[str], None]


class CrashReport(BaseModel):
    """What `nightshift bench crash --json` prints.

    `points` are kills, `boundaries` says where. `lost`: answered with 202, and no outcome within
    two minutes of the last restart. `doubled` and `control_doubled` are effects beyond the first of
    their kind in an incident, as Docker counts them; `sent_twice` the calls for them, in vain or
    not. `messages_doubled` are messages that stand beside another of the same incident.
    `late` are calls that took Docker longer than the settling time. `resume_ms`: from the start
    of the new process to the incident's first segment; `recovered_ms`: to the last outcome.
    """

    points: int
    seed: int
    database: str
    incidents: int
    lost: int
    doubled: int
    sent_twice: int
    messages_doubled: int
    control_points: int
    control_doubled: int
    late: int
    outcomes: dict[str, int]
    resume_ms: Spread
    recovered_ms: Spread
    boundaries: dict[str, int]

    @property
    def mute(self) -> bool:
        """Whether the harness noticed nothing where there was something to notice."""
        return self.control_doubled == 0

    @property
    def good(self) -> bool:
        """Nothing lost, nothing done or sent twice, and the harness would have noticed."""
        return not (self.lost or self.doubled or self.sent_twice or self.mute)


async def measure(
    points: int,
    seed: int,
    *,
    database_url: str = "",
    lanes: int = LANES,
    tell: Tell = lambda _: None,
) -> CrashReport:
    """Play so many points, and the control; raises NotReady.

    In a database that they share, each lane is a tenant of its own.
    """
    game = list(dealt(plan(points, seed), min(lanes, points)))
    control = plan(max(len(EFFECT), points // CONTROL), seed, (*EFFECT, *NAIVE))
    progress = Progress(points + len(control), tell)
    with TemporaryDirectory(prefix="nightshift-crash-") as name:
        folder = Path(name)
        async with asyncio.TaskGroup() as group:
            played = [
                group.create_task(
                    _play(mine, folder, f"lane{number}", progress, database_url=database_url)
                )
                for number, mine in enumerate(game)
            ]
            naive = group.create_task(_play(control, folder, "control", progress, naive=True))
        return report([one.result() for one in played], naive.result(), seed, database_url)


class Progress:
    """One line that says how far it is."""

    def __init__(self, total: int, tell: Tell) -> None:
        self._total, self._tell, self._done, self._doubled = total, tell, 0, 0

    def step(self, where: str) -> None:
        """One kill is survived."""
        self._done += 1
        self._tell(f"{self._done} of {self._total} kills, the last at {where}")


async def _play(
    points: Iterable[Point],
    folder: Path,
    name: str,
    progress: Progress,
    *,
    database_url: str = "",
    naive: bool = False,
) -> Lane:
    """All points of one lane; the lane, ended, with what it counted."""
    opened = a_lane(folder / name, naive=naive, database_url=database_url, tenant=name)
    async with opened as lane:
        for point in points:
            await lane.play(point)
            progress.step(point.where)
        return lane


def report(lanes: Sequence[Lane], control: Lane, seed: int, database_url: str = "") -> CrashReport:
    """The sums."""
    cases = [case for lane in lanes for case in lane.tally.cases]
    kills = sum((lane.tally.kills for lane in lanes), Counter[str]())
    order = [*BOUNDARIES, "random", "recovering"]
    return CrashReport(
        points=kills.total(),
        seed=seed,
        database=database_url.partition(":")[0].partition("+")[0] or "sqlite",
        incidents=sum(bool(case.incident) for case in cases),
        lost=sum(case.lost for case in cases),
        doubled=sum(map(doubled, lanes)),
        sent_twice=sum(sent_twice(lane) for lane in lanes),
        messages_doubled=sum(max(0, case.messages - 1) for case in cases),
        control_points=control.tally.kills.total(),
        control_doubled=doubled(control),
        late=sum(case.patient.late for case in cases),
        outcomes=dict(Counter(case.outcome or "none" for case in cases)),
        resume_ms=spread([one for lane in lanes for one in lane.tally.resumed_s] or [0.0]),
        recovered_ms=spread([one for lane in lanes for one in lane.tally.recovered_s] or [0.0]),
        boundaries={where: kills[where] for where in order if kills[where]},
    )


def doubled(lane: Lane) -> int:
    """Effects beyond the first of their kind in an incident."""
    return sum(n - 1 for case in lane.tally.cases for n in case.effects.values() if n > 1)


def sent_twice(lane: Lane) -> int:
    """Calls beyond the first of their kind in an incident, whatever came of them."""
    return sum(n - 1 for case in lane.tally.cases for n in case.calls.values() if n > 1)
