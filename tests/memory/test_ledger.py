"""memory/ledger.py: what belongs to this implementation; the port is held by tests/contract."""

from domain.decision import Allowed
from domain.evidence import Evidence
from memory.bounded import LIMIT
from memory.ledger import PAST_LIMIT
from memory.store import Store
from tests.stores import START, alert, attempt, claimed, episode, intent, opened, target


async def test_one_observation_is_bounded(store: Store) -> None:
    """A container that floods its log does not flood the ledger."""
    incident = await opened(store)
    flood = Evidence(
        id="logs@1",
        kind="logs",
        source="docker",
        status="ok",
        query="logs",
        at=START,
        summary="",
        data={"lines": ["x" * 100] * 5000},
    )
    await store.keep_evidence(incident, [flood])
    (kept,) = await store.evidence(incident, ["logs@1"])

    assert len(kept.model_dump_json()) < LIMIT + 1000
    assert "cut" in kept.data


async def test_the_past_is_bounded(store: Store) -> None:
    """However often it happened, the newest fifty are read."""
    ids = await store.accept([alert(f"n{number}") for number in range(PAST_LIMIT + 5)])
    for one in ids:
        await store.finish(one, "resolved", "", episode(one))
    found = await store.past(alert_name="ContainerDown", service="web", kind="container")

    assert [one.incident for one in found] == ids[:-51:-1]


async def test_an_attempt_has_one_time(store: Store) -> None:
    """The promise's time counts, also when the attempt is dated later: it is one action."""
    incident = await opened(store)
    fence = await claimed(store, incident, [target("db").key])
    promise = intent(incident, fence=fence, name="db")
    await store.reserve([promise], lambda _: Allowed())
    await store.update(incident, attempts=[attempt("unknown", at=START.replace(hour=4))])
    keys = [target().key, target("db").key]
    found = await store.standing(incident, thread=incident, fence=fence, keys=keys)

    assert [(past.at, past.verdict) for past in found.recent] == [(START, "unknown")] * 2
