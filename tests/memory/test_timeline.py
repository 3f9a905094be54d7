"""memory/timeline.py."""

import pytest

from domain.incident import Event
from domain.plain import Plain
from memory.store import Store
from memory.timeline import TEXT_LIMIT, News, label, news
from tests.stores import event, opened

LOUD = [
    event("approval_requested"),
    event("outcome", data={"outcome": "escalated"}),
    event("outcome", data={"outcome": "failed"}),
]
SOFT = [
    event("received"),
    event("diagnosis"),
    event("effect"),
    event("verdict"),
    event("outcome", data={"outcome": "resolved"}),
    event("policy", data={"kind": "refused"}),
    event("policy", data={"kind": "needs_approval"}),
    event("folded", data={"child": "x"}),
]
SILENT = [
    event("node"),
    event("evidence"),
    event("history"),
    event("intent"),
    event("policy", data={"kind": "allowed"}),
    event("folded", data={"parent": "x"}),
]


@pytest.mark.parametrize("told", LOUD + SOFT)
def test_what_is_news(told: Event) -> None:
    """These change the message; a question and a bad end call for attention."""
    assert news("i", told) == News("i", told in LOUD)


@pytest.mark.parametrize("told", SILENT)
def test_what_is_no_news(told: Event) -> None:
    """These are for the timeline only."""
    assert news("i", told) is None


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ({"kind": "refused", "rule": "caps"}, "caps"),
        ({"kind": "needs_approval", "rule": "mode"}, ""),
        ({"kind": "allowed"}, ""),
    ],
)
def test_refusals_are_counted_by_rule(data: Plain, rule: str) -> None:
    """Only refusals."""
    assert label(event("policy", data=data)) == rule


async def test_a_long_text_is_cut(store: Store) -> None:
    """An event's text is bounded."""
    incident = await opened(store)
    await store.record(incident, event("node", "x" * 100_000))

    assert len((await store.timeline(incident))[-1].text) == TEXT_LIMIT


async def test_an_outcome_is_announced_once(store: Store) -> None:
    """The same end again is dropped; another end, or one after a reopening, is not."""
    incident = await opened(store)
    told = ["escalated", "escalated", "failed"]
    for word in told:
        await store.record(incident, event("outcome", data={"outcome": word}))
    await store.record(incident, event("reopened"))
    await store.record(incident, event("outcome", data={"outcome": "failed"}))
    ends = [line for line in await store.timeline(incident) if line.kind == "outcome"]

    assert [line.data["outcome"] for line in ends] == ["escalated", "failed", "failed"]
