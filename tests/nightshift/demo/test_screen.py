"""What the audience sees when the output is piped."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nightshift.demo.screen import Screen, details
from nightshift.demo.stage import Message

T0 = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
EVENT = {"kind": "effect", "at": "2026-11-23T05:00:01.500000+00:00", "text": "x", "data": {}}


def _view(*attempts: str) -> dict[str, Any]:
    tried = [{"remedy": name, "verdict": "healed"} for name in attempts]
    return {
        "attempts": tried,
        "diagnosis": {"skipped": {"restart": "did not work"}},
        "timeline": [{"kind": "effect", "text": "restart db: done"}],
        "outcome": "resolved",
        "usage": {"model_calls": 0},
        "resolution_s": 2.4,
    }


def test_an_event_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    """When, in which node, what; a stranger's markup and control characters do nothing."""
    Screen().event({**EVENT, "text": "[red]restart[/red]\x1b[2J web"}, T0)

    (line,) = capsys.readouterr().out.splitlines()
    assert line.split() == ["+1.50s", "heal", "effect", "[red]restart[/red][2J", "web"]


def test_a_diagnosis_says_on_what_it_rests() -> None:
    """The runbook that decided, the proof, the ladder and what was left out."""
    data = {
        "decided_by": "runbook",
        "runbook": "hung",
        "evidence": ["container@1"],
        "ladder": ["restart", "escalate"],
        "skipped": {"start": "does not apply"},
    }

    said = "\n".join(details({**EVENT, "kind": "diagnosis", "data": data}))

    for words in ("'hung'", "container@1", "restart -> escalate", "skipped start: does not apply"):
        assert words in said


def test_the_two_incidents_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """What memory changed is in one table."""
    Screen().compare([_view("restart", "restart_dependency"), _view("restart_dependency")])

    shown = capsys.readouterr().out
    assert shown.count("restart_dependency: healed") == 2
    assert "2.4 s" in shown


def test_the_message_is_shown_as_people_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line."""
    Screen().phone(Message(text="Fixed\nall good", edits=2, rang=False))

    shown = capsys.readouterr().out
    assert "edited 2 times" in shown
    assert "Fixed" in shown
