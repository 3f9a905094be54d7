"""memory/claims.py: any order of claims, folds and ends, against a model of a dictionary."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Conflict
from domain.journal import Claimed, HeldBy
from memory.store import Store, open_store
from tests.stores import HandClock, alert, key

ACTORS, TARGETS = 4, "abc"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "claim", "claim", "fold", "finish"]),
        st.integers(0, ACTORS - 1),
        st.integers(0, ACTORS - 1),
        st.sets(st.sampled_from(TARGETS), min_size=1),
    ),
    max_size=12,
)
TENANTS = count()


class Model:
    """What must be true: one holder a target, fences that only grow, none held when done."""

    def __init__(self, store: Store, incidents: list[str]) -> None:
        self.store, self.incidents = store, incidents
        self.held: dict[str, str] = {}
        self.fences: dict[str, int] = {}
        self.highest = 0

    async def step(self, verb: str, who: int, other: int, names: set[str]) -> None:
        """One act, where the store allows it."""
        incident, keys = self.incidents[who], sorted(key(name) for name in names)
        try:
            if verb == "claim":
                self.claimed(incident, keys, await self.store.claim(incident, keys))
                return
            if verb == "fold":
                await self.store.fold(incident, self.incidents[other])
            else:
                await self.store.finish(incident, "resolved", "", None)
        except Conflict:
            return
        self.held = {key: one for key, one in self.held.items() if one != incident}
        self.fences.pop(incident, None)

    def claimed(self, incident: str, keys: list[str], word: Claimed | HeldBy) -> None:
        """The answer fits what is held."""
        foreign = [one for one in keys if self.held.get(one, incident) != incident]
        if foreign:
            assert word == HeldBy(incident=self.held[foreign[0]], target_key=foreign[0])
            return
        assert isinstance(word, Claimed)
        assert word.fence == self.fences.get(incident, word.fence)
        assert incident in self.fences or word.fence > self.highest
        self.held.update(dict.fromkeys(keys, incident))
        self.fences[incident] = word.fence
        self.highest = max(self.highest, word.fence)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[tuple[asyncio.Runner, Store]]:
    with asyncio.Runner() as loop:
        opening = open_store(tmp_path, clock=HandClock())
        store = loop.run(opening.__aenter__())
        yield loop, store
        loop.run(opening.__aexit__(None, None, None))


def test_never_two_holders(runner: tuple[asyncio.Runner, Store]) -> None:
    """Whatever incidents do in whatever order, a target has one holder and fences only grow."""
    loop, opened = runner

    async def play(steps: list[tuple[str, int, int, set[str]]]) -> None:
        store = Store(database=opened.database, tenant=f"t{next(TENANTS)}", clock=opened.clock)
        model = Model(store, await store.accept([alert(f"n{number}") for number in range(ACTORS)]))
        for step in steps:
            await model.step(*step)
        for name in TARGETS:
            assert await store.holder(key(name)) == model.held.get(key(name))

    @settings(max_examples=40, deadline=None)
    @given(STEPS)
    def any_order(steps: list[tuple[str, int, int, set[str]]]) -> None:
        loop.run(play(steps))

    any_order()
