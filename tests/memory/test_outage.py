"""memory/outage.py: who drives an incident waits for the store, and nobody else does."""

from collections.abc import Iterator

import pytest

from domain.errors import Transient, Unanswered
from memory import outage
from memory.outage import ridden_out
from memory.turns import TURN, Turn


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An incident's segment, in which no time passes."""
    monkeypatch.setattr(outage, "AGAIN_S", 0.0)
    mine = TURN.set(Turn(incident="i", number=1))
    yield
    TURN.reset(mine)


class Store:
    """Fails so many times."""

    def __init__(self, *errors: Transient) -> None:
        self.left = list(errors)

    async def read(self) -> str:
        """The answer, in the end."""
        if self.left:
            raise self.left.pop(0)
        return "read"


GONE = Transient("connection refused")


@pytest.mark.usefixtures("turn")
async def test_a_segment_waits() -> None:
    """Until the server is back."""
    assert await ridden_out(Store(GONE, GONE).read, over=lambda: False) == "read"


@pytest.mark.usefixtures("turn")
async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the node fails, as it would have at once."""
    monkeypatch.setattr(outage, "PATIENCE_S", -1.0)
    with pytest.raises(Transient, match="refused"):
        await ridden_out(Store(GONE).read, over=lambda: False)


@pytest.mark.usefixtures("turn")
async def test_what_may_have_been_written_is_not_tried_again() -> None:
    """It would be written twice."""
    store = Store(Unanswered("it may have been written"), GONE)
    with pytest.raises(Unanswered):
        await ridden_out(store.read, over=lambda: False)

    assert store.left == [GONE]


@pytest.mark.usefixtures("turn")
async def test_a_closed_store_is_not_waited_for() -> None:
    """This process is shutting down."""
    with pytest.raises(Transient):
        await ridden_out(Store(GONE).read, over=lambda: True)


async def test_a_delivery_does_not_wait() -> None:
    """Alertmanager does, and is better told at once."""
    with pytest.raises(Transient):
        await ridden_out(Store(GONE).read, over=lambda: False)
