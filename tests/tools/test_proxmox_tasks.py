"""A task's end: well, badly, or not known."""

import asyncio
from typing import Any

import pytest

from domain.errors import Conflict, NightshiftError, Permanent, Transient
from tools.proxmox_api import Api
from tools.proxmox_tasks import ended, node_of

UPID = "UPID:pve2:00000001:00000002:00000003:vzstart:101:agent@pve!nightshift:"


class Told(Api):
    """An API whose answers are given; the last one stays."""

    def __init__(self, *answers: dict[str, Any] | NightshiftError) -> None:
        super().__init__("pve", "agent@pve!x", token_value="y")
        self.close()
        self.answers = list(answers)
        self.asked: list[tuple[str, ...]] = []

    async def fields(self, what: str, *path: str, **query: object) -> dict[str, Any]:
        """The next answer."""
        self.asked.append(path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, NightshiftError):
            raise answer
        return answer


def stopped(exit_text: str) -> dict[str, Any]:
    """A task that has ended."""
    return {"status": "stopped", "exitstatus": exit_text}


async def end_of(api: Api, *, within_s: float = 5.0) -> str:
    """Wait for the one task."""
    until = asyncio.get_running_loop().time() + within_s
    return await ended(api, UPID, what="start 'web'", until=until)


@pytest.mark.parametrize("exit_text", ["OK", "WARNINGS: 1", "WARNINGS: 12"])
async def test_a_good_end_is_returned(exit_text: str) -> None:
    """Warnings are a success."""
    assert await end_of(Told({"status": "running"}, stopped(exit_text))) == exit_text


@pytest.mark.parametrize(
    ("exit_text", "kind"),
    [
        ("startup for container '101' failed", Permanent),
        ("CT is locked (backup)", Conflict),
        ("VM 101 already running", Conflict),
        ("OK, but not quite", Permanent),
        ("WARNINGS: many", Permanent),
        ("unexpected status", Transient),
        ("", Transient),
    ],
)
async def test_a_bad_end_says_why(exit_text: str, kind: type[NightshiftError]) -> None:
    """Only what Proxmox calls an end is one."""
    with pytest.raises(kind) as caught:
        await end_of(Told(stopped(exit_text)))

    assert type(caught.value) is kind
    assert exit_text in str(caught.value) or kind is Transient


async def test_questions_that_fail_are_repeated_until_time_is_up() -> None:
    """The reason of the last failure is told."""
    api = Told(Transient("it hung up"))

    with pytest.raises(Transient, match="is unknown: it hung up"):
        await end_of(api, within_s=0.5)

    assert len(api.asked) == 4


async def test_the_node_in_the_upid_is_asked() -> None:
    """Only it knows."""
    api = Told(stopped("OK"))
    await end_of(api)

    assert node_of(UPID) == "pve2"
    assert api.asked == [("nodes", "pve2", "tasks", UPID, "status")]
