"""memory/store.py: the parts as one."""

from pathlib import Path

from memory.part import Part
from memory.store import Store, open_store
from tests.stores import HandClock, alert, claimed, key, opened


def test_no_part_hides_another() -> None:
    """The parts share one object, so each name is defined by one of them."""
    own = [set(vars(part)) for part in Store.__bases__]
    names = [name for part in own for name in part if not name.startswith("__")]

    assert all(issubclass(part, Part) for part in Store.__bases__)
    assert len(names) == len(set(names))


async def test_tenants_do_not_see_each_other(tmp_path: Path, clock: HandClock) -> None:
    """One file, two tenants: incidents, claims, jobs, pause and messages apart."""
    async with open_store(tmp_path, clock=clock, tenant="a", channels=("console",)) as first:
        incident = await opened(first)
        await claimed(first, incident)
        await first.pause("stop", by="ann")
    async with open_store(tmp_path, clock=clock, tenant="b", channels=("console",)) as second:
        other = await opened(second)
        await claimed(second, other)
        job = await second.take()

        assert other != incident
        assert [row.id for row in await second.incidents(limit=9)] == [other]
        assert (job and job.incident, await second.take()) == (other, None)
        assert (await second.paused(), await second.holder(key())) == ("", other)
        clock.tick(60)
        assert [one.incident for one in await second.drafts("console", limit=9)] == [other]


async def test_everything_lasts(tmp_path: Path, clock: HandClock) -> None:
    """A restart finds what was written."""
    async with open_store(tmp_path, clock=clock) as store:
        incident = await opened(store)
        fence = await claimed(store, incident)
    async with open_store(tmp_path, clock=clock) as store:
        assert (await store.incident(incident)).alert == alert()
        assert await claimed(store, incident) == fence
        assert await store.recover() == 1
