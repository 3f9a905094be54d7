"""The bench of restarts: a short one, asserted on what happens and not on how long it takes."""

from pathlib import Path

from lab import resume
from lab.resume import Start, leave, measure, report
from memory.store import open_store
from nightshift.clock import SystemClock


async def test_every_unfinished_incident_goes_on() -> None:
    """A real start on a few incidents: the first comes before the last, and none is left."""
    found = await measure(1, 4)

    assert (found.starts, found.incidents) == (1, 4)
    assert 0 < found.first_resumed_s.median <= found.all_progressed_s.median


async def test_they_are_left_as_a_killed_process_leaves_them(tmp_path: Path) -> None:
    """All open, some with an observation behind them, some of their jobs taken."""
    async with resume.host() as (world, docker):
        await resume.breaks(world)
        ids = await leave(tmp_path / "left", docker, 3)
    async with open_store(tmp_path / "left", clock=SystemClock()) as store:
        rows = await store.incidents(limit=99)
        begun = [one for one in ids if len(await store.timeline(one)) > 1]
        recovered = await store.recover()

    assert {row.status for row in rows} <= {"open", "waiting"}
    assert begun == ids[:: resume.BEGUN]
    assert recovered == len(ids) == 3


def test_the_spreads_are_of_all_starts() -> None:
    """Median and 95th percentile; of one start, that one."""
    many = report([Start(first=float(n), last=10.0 * n) for n in range(1, 21)], 7)
    one = report([Start(first=1.0, last=2.0)], 7)

    assert (many.first_resumed_s.median, many.first_resumed_s.p95) == (10.5, 19.05)
    assert (one.first_resumed_s.p95, one.all_progressed_s.p95) == (1.0, 2.0)
