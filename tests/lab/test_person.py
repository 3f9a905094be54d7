from typing import cast

import pytest

from lab.agent import Client, Report
from lab.person import Person
from lab.scenario import Person as Manner


class Listener:
    """An agent that hears answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def answer(self, incident: str, answer: str) -> bool:
        """Take it."""
        self.heard.append((incident, answer))
        return True


def waiting(incident: str, *, waits: bool = True) -> Report:
    """An incident that asks, or does not."""
    return Report(
        id=incident,
        status="waiting",
        outcome=None,
        alert="",
        opened="",
        asked=True,
        waits=waits,
        tokens=0,
        dollars=0.0,
        detail={},
    )


@pytest.mark.parametrize(
    ("manner", "heard"),
    [
        (Manner(answer="approve", after_s=0), [("a", "approve")]),
        (Manner(answer="deny", after_s=0), [("a", "deny")]),
        (Manner(answer="absent", after_s=0), []),
        (Manner(answer="approve", after_s=60), []),
    ],
)
async def test_a_person_answers_once_in_their_own_time(
    manner: Manner, heard: list[tuple[str, str]]
) -> None:
    """What waits is answered once, what does not wait never."""
    listener = Listener()
    person = Person(manner, cast("Client", listener))

    for _ in range(2):
        await person.look([waiting("a"), waiting("b", waits=False)])

    assert listener.heard == heard
    assert (person.answered is not None) == bool(heard)
