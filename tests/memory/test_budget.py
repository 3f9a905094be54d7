"""memory/budget.py: what the model cost, on record before it is spent."""

import asyncio
from functools import partial

import pytest

from domain.errors import NotFound, OverBudget
from domain.incident import Usage
from domain.reasoning import ModelCall, Spent
from memory.store import Store
from policy.money import Ceilings, refusal
from tests.stores import HandClock, opened

DEAREST = 500_000


def call(incident: str) -> ModelCall:
    """1,000 tokens in and up to 400 out, $0.0005 at most."""
    return ModelCall(
        incident=incident, model="m", prompt_tokens=1000, completion_tokens=400, cost=DEAREST
    )


def always(spent: Spent) -> str:
    """No ceiling."""
    return ""


async def test_a_reservation_counts_as_spent(store: Store) -> None:
    """Until it is settled, or for ever after a crash, it is as dear as it may become."""
    incident = await opened(store)
    await store.reserve_call(call(incident), always)
    used = (await store.incident(incident)).usage

    assert used == Usage(model_calls=1, prompt_tokens=1000, completion_tokens=400, dollars=0.0005)


async def test_settling_replaces_it(store: Store) -> None:
    """By what the server counted; the incident's row shows it."""
    incident = await opened(store)
    key = await store.reserve_call(call(incident), always)
    await store.settle_call(key, Usage(prompt_tokens=800, completion_tokens=50), 150_000)
    used = (await store.incident(incident)).usage

    assert used == Usage(model_calls=1, prompt_tokens=800, completion_tokens=50, dollars=0.00015)


async def test_the_decision_sees_what_was_spent(store: Store, clock: HandClock) -> None:
    """In this incident, today and this month, by UTC."""
    seen: list[Spent] = []

    def look(spent: Spent) -> str:
        seen.append(spent)
        return ""

    first, second = await opened(store), await opened(store, "db")
    await store.reserve_call(call(first), look)
    clock.tick(24 * 3600)
    await store.reserve_call(call(first), look)
    await store.reserve_call(call(second), look)
    clock.tick(40 * 24 * 3600)
    await store.reserve_call(call(second), look)

    assert seen == [
        Spent(),
        Spent(calls=1, prompt_tokens=1000, day=0, month=DEAREST),
        Spent(calls=0, prompt_tokens=0, day=DEAREST, month=2 * DEAREST),
        Spent(calls=1, prompt_tokens=1000, day=0, month=0),
    ]


async def test_a_refusal_writes_nothing(store: Store) -> None:
    """The reason is told, and the incident has cost nothing."""
    incident = await opened(store)
    with pytest.raises(OverBudget, match="enough"):
        await store.reserve_call(call(incident), lambda spent: "enough")

    assert (await store.incident(incident)).usage == Usage()
    assert (await store.stats()).model.incidents == 0


async def test_no_ceiling_is_passed_at_once(store: Store) -> None:
    """Twenty incidents ask at the same time; only what the day has room for is reserved."""
    incidents = [await opened(store, f"web{n}") for n in range(20)]
    afford = partial(
        refusal, prompt_tokens=1000, dearest=DEAREST, ceilings=Ceilings(day=0.0025, month=1)
    )
    tries = [store.reserve_call(call(one), afford) for one in incidents]
    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(one, str) for one in ended) == 5
    assert (await store.stats()).model.today.dollars == 0.0025


async def test_settling_what_nobody_reserved(store: Store) -> None:
    """Is refused."""
    with pytest.raises(NotFound, match="'i/1'"):
        await store.settle_call("i/1", Usage(), 0)


async def test_statistics(store: Store, clock: HandClock) -> None:
    """In all, today, this month and by day."""
    incident = await opened(store)
    await store.reserve_call(call(incident), always)
    clock.tick(24 * 3600)
    key = await store.reserve_call(call(incident), always)
    await store.settle_call(key, Usage(prompt_tokens=10, completion_tokens=2), 3000)
    model = (await store.stats()).model

    assert model.incidents == 1
    assert (model.total.model_calls, model.total.prompt_tokens) == (2, 1010)
    assert model.today == Usage(
        model_calls=1, prompt_tokens=10, completion_tokens=2, dollars=0.000003
    )
    assert model.month == model.total
    assert list(model.by_day) == ["2026-03-01", "2026-03-02"]
    assert model.by_day["2026-03-02"] == model.today
