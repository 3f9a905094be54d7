"""memory/approvals.py."""

from datetime import timedelta
from typing import Literal

import pytest

from domain.decision import Approval
from domain.errors import Conflict, NotFound
from domain.store import Job
from memory.store import Store
from tests.stores import START, HandClock, kinds, opened

UNTIL = START + timedelta(hours=1)


def word(digest: str = "d1", answer: Literal["approve", "deny"] = "approve") -> Approval:
    """What Ann said."""
    return Approval(digest=digest, answer=answer, by="ann", reason="looks right")


async def asking(store: Store, digest: str = "d1") -> str:
    """An incident that waits for a person's word, with no job but the expiry."""
    incident = await opened(store)
    job = await store.take()
    await store.ask(incident, digest=digest, request={"name": "restart"}, expires_at=UNTIL)
    assert job
    await store.done(job)
    return incident


async def test_the_open_request_can_be_read(store: Store) -> None:
    """With its digest, its end and what it is about."""
    incident = await asking(store)

    assert await store.pending_approval(incident) == {
        "digest": "d1",
        "expires_at": UNTIL.isoformat(),
        "request": {"name": "restart"},
    }


async def test_an_answer_wakes_the_incident(store: Store) -> None:
    """It is told, the question is closed, and nothing expires any more."""
    incident = await asking(store)
    await store.decide(incident, word())
    job = await store.take()

    assert isinstance(job, Job)
    assert job.why == "decision"
    assert await store.pending_approval(incident) is None
    assert (await kinds(store, incident))[-1] == "approval_decided"
    await store.done(job)
    assert await store.next_due() is None


async def test_the_first_answer_stands(store: Store) -> None:
    """Two people press two buttons: the second is told who was first."""
    incident = await asking(store)
    await store.decide(incident, word(answer="deny"))

    with pytest.raises(Conflict, match="ann has answered"):
        await store.decide(incident, word())
    assert await store.approval(incident, "d1") == word(answer="deny")


async def test_answers_that_do_not_fit_are_refused(store: Store) -> None:
    """No incident, nobody asked, another digest."""
    quiet = await opened(store, "quiet")
    job = await store.take()
    assert job
    incident = await asking(store)

    for id_, digest, error in (
        ("nobody", "d1", NotFound),
        (quiet, "d1", Conflict),
        (incident, "d2", Conflict),
    ):
        with pytest.raises(error):
            await store.decide(id_, word(digest))


async def test_an_expired_request_takes_no_answer(store: Store, clock: HandClock) -> None:
    """At its end the incident is woken, and a late yes does nothing."""
    incident = await asking(store)
    clock.tick(3600)
    job = await store.take()

    assert job is not None
    assert job.why == "expiry"
    assert await store.pending_approval(incident) is None
    with pytest.raises(Conflict, match="expired"):
        await store.decide(incident, word())


async def test_a_new_question_replaces_the_old(store: Store) -> None:
    """Only the newest request can be answered; asking the old one again reopens it."""
    incident = await asking(store, "d1")
    await store.ask(incident, digest="d2", request={}, expires_at=UNTIL)
    with pytest.raises(Conflict, match="closed"):
        await store.decide(incident, word("d1"))
    await store.ask(incident, digest="d1", request={}, expires_at=UNTIL)
    await store.decide(incident, word("d1"))

    assert await store.pending_approval(incident) is None


async def test_an_answered_question_is_not_asked_again(store: Store) -> None:
    """A node that runs again finds the answer, and nobody is asked twice."""
    incident = await asking(store)
    await store.decide(incident, word())
    await store.ask(incident, digest="d1", request={}, expires_at=UNTIL)

    assert await store.approval(incident, "d1") == word()
    assert (await kinds(store, incident)).count("approval_requested") == 1


async def test_what_is_done_is_not_asked_or_answered(store: Store) -> None:
    """The end closes the question."""
    incident = await asking(store)
    await store.finish(incident, "self_resolved", "it runs", None)

    with pytest.raises(Conflict, match="closed"):
        await store.decide(incident, word())
    with pytest.raises(Conflict, match="done"):
        await store.ask(incident, digest="d2", request={}, expires_at=UNTIL)
