"""What people read at night, event by event."""

from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from domain.diagnosis import Diagnosis
from domain.incident import Attempt, Event, EventKind, Incident, Usage
from domain.notice import Message
from domain.plain import Plain
from domain.store import TimelineEvent
from domain.verdict import Signal, Verdict
from nightshift.render import clean, is_loud, lasted, render, unreadable
from nightshift.testing import T0, firing, target

HOSTILE = '<b>x</b>\n\x1b[31m"&\u202ered\u200b <a href="http://evil">' + "A" * 900
DIAGNOSIS = Diagnosis(
    cause="crashed",
    summary="web exited with code 1",
    evidence=["container@1"],
    decided_by="runbook",
    advice="look at its log: docker logs web",
)
VERDICT = Verdict(
    state="healed",
    reason="running for 3 s, probe good",
    signals=[
        Signal(name="runtime", state="good", detail="web is running, healthy"),
        Signal(name="probe", state="good", detail="probe of http://web/"),
        Signal(name="expression", state="unknown", detail="no series"),
        Signal(name="dependencies", state="absent", detail="none declared"),
    ],
    blind=["expression"],
)


def event(kind: EventKind, text: str = "", *, at_s: float = 0.0, **data: Any) -> TimelineEvent:
    """One line of the story."""
    return TimelineEvent(seq=1, kind=kind, at=T0 + timedelta(seconds=at_s), text=text, data=data)


def attempt(**changes: Any) -> Attempt:
    """A start of web that worked."""
    known = {
        "number": 1,
        "remedy": "start",
        "target": target(),
        "result": "done",
        "detail": "started",
        "started_at": T0,
        "finished_at": T0,
        "verdict": "healed",
    }
    return Attempt.model_validate({**known, **changes})


def told(timeline: Sequence[TimelineEvent] = (), **changes: Any) -> Message:
    """The message of an incident of `web`."""
    known = {
        "id": "0b1c",
        "alert": firing(),
        "occurrence": 1,
        "status": "open",
        "opened_at": T0,
        "target": target(),
    }
    return render(Incident.model_validate({**known, **changes}), timeline)


def lines(message: Message) -> list[str]:
    """The plain text, line by line."""
    return message.text.splitlines()


def test_a_new_incident_says_that_somebody_is_on_it() -> None:
    """Before anything is known, the message is three lines."""
    assert lines(told()) == [
        "🔧 On it web",
        "ContainerDown (critical)",
        "0b1c, since 05:00:00 UTC",
    ]


def test_a_fixed_incident_tells_the_whole_story_in_short() -> None:
    """What happened, what was done, the proof, what could not be seen, how long it took."""
    end = event("outcome", "running for 3 s, probe good", at_s=8.24, outcome="resolved")

    message = told([end], diagnosis=DIAGNOSIS, attempts=[attempt()], verdict=VERDICT)

    assert lines(message) == [
        "✅ Fixed web",
        "ContainerDown (critical)",
        "What happened: web exited with code 1",
        "Done:",
        "- start web: it worked",
        "Checked:",
        "- runtime ok: web is running, healthy",
        "- probe ok: probe of http://web/",
        "Could not see: expression",
        "To do: look at its log: docker logs web",
        "0b1c, 8.2 s",
    ]


def test_an_escalation_says_why_and_what_to_do() -> None:
    """The person who is woken gets the reason and the advice."""
    end = event("outcome", "still broken after 2 attempts", at_s=200, outcome="escalated")
    tried = [
        attempt(verdict="not_healed"),
        attempt(remedy="restart", result="refused", detail="no"),
    ]

    text = told([end], diagnosis=DIAGNOSIS, attempts=tried).text

    assert "🚨 Needs you web" in text
    assert "- start web: it did not help\n- restart web: refused, no\n" in text
    assert "Why: still broken after 2 attempts\nTo do: look at its log" in text
    assert text.endswith("0b1c, 3 min 20 s")


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("resolved", "✅ Fixed"),
        ("self_resolved", "☑️ Recovered by itself"),
        ("folded", "🔗 Part of another incident"),
        ("escalated", "🚨 Needs you"),
        ("denied", "✋ Left alone as you said"),
        ("observed", "👀 Only watched"),
        ("failed", "💥 Nightshift failed"),
    ],
)
def test_every_outcome_has_its_title(outcome: str, title: str) -> None:
    """The first line tells how it ended."""
    assert lines(told([event("outcome", "because", outcome=outcome)]))[0] == f"{title} web"


def test_a_reopened_incident_is_open_again() -> None:
    """An outcome that did not last is not shown as one."""
    story = [event("outcome", outcome="folded"), event("reopened", "it is still broken")]

    assert lines(told(story))[0] == "🔧 On it web"


def request() -> Plain:
    """What approve asks for."""
    args: Plain = {"risk": "medium", "expect": "web serves again", "undo": "nothing to undo"}
    return {"action_requests": [{"name": "restart", "args": args}]}


def test_a_question_says_how_to_answer() -> None:
    """Remedy, risk, what to expect, and the exact lines to type or post."""
    asked = event(
        "approval_requested", request=request(), expires_at="2026-11-23T09:00:00+00:00", digest="d"
    )

    text = told([asked], diagnosis=DIAGNOSIS).text

    assert text.startswith("❓ May I? web")
    assert "restart web? Risk: medium.\nExpected: web serves again\n" in text
    assert "nightshift incidents approve 0b1c\nnightshift incidents deny 0b1c\n" in text
    assert "or POST /incidents/0b1c/approve, until 09:00 UTC" in text


def test_an_answered_question_is_not_asked_again() -> None:
    """After the answer the work goes on."""
    story = [event("approval_requested", request=request()), event("approval_decided", "approved")]

    assert "restart web?" not in told(story).text


def test_a_request_of_another_shape_still_asks() -> None:
    """The lines to answer with never depend on the details."""
    text = told([event("approval_requested")]).text

    assert "act on web?\nnightshift incidents approve 0b1c\n" in text


def test_folded_alerts_are_counted_once_each() -> None:
    """Events are told again after a crash; children are counted by their id."""
    story = [event("folded", child=child, alert="X") for child in ("a", "b", "b")]

    assert "2 more alerts belong to this" in told(story).text
    assert "1 more alert belongs to this" in told(story[:1]).text


def test_what_memory_contributed_is_named() -> None:
    """Similar incidents, and rungs that were left out because they failed before."""
    story = [event("history", "2 similar incidents; start worked twice", similar=2)]
    known = DIAGNOSIS.model_copy(
        update={"decided_by": "memory", "skipped": {"restart": "failed twice"}}
    )

    assert (
        "Memory: 2 similar incidents; start worked twice; a fix that worked before came first; "
        "restart left out: failed twice\n" in told(story, diagnosis=known).text
    )


def test_nothing_remembered_is_not_mentioned() -> None:
    """An empty memory is no news."""
    story = [event("history", "nothing similar", similar=0)]

    assert "Memory" not in told(story, diagnosis=DIAGNOSIS).text


class Tags(HTMLParser):
    """The tags of a message."""

    def __init__(self) -> None:
        """None yet."""
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one."""
        self.found.add(tag)


def test_what_the_model_was_good_for_is_told_with_its_price() -> None:
    """Who decided, on which evidence, and what the incident cost."""
    used = Usage(model_calls=2, prompt_tokens=1800, completion_tokens=100, dollars=0.00033)
    said = event("model", "gpt-4o-mini: hung, restart, escalate (cites container@1)")

    assert lines(told([said], usage=used))[2] == (
        "Model: gpt-4o-mini: hung, restart, escalate (cites container@1) "
        "(2 calls, 1900 tokens, $0.00033)"
    )


def test_a_budget_that_is_spent_is_told() -> None:
    """At the ceiling the rules take over, and people know."""
    spent = "the model was not asked: the day's budget of $0.25 is spent; the rules decide"

    assert lines(told([event("model", spent)]))[2] == f"Model: {spent}"


def test_text_from_outside_is_text() -> None:
    """Markup, control characters, bidi tricks and endless values do not reach anybody."""
    labels = {"name": HOSTILE, "severity": "critical"}
    alert = firing(HOSTILE, **labels).model_copy(update={"annotations": {"summary": HOSTILE}})
    diagnosis = DIAGNOSIS.model_copy(update={"summary": HOSTILE, "advice": HOSTILE})
    end = event("outcome", HOSTILE, outcome="escalated")

    message = told([end], alert=alert, diagnosis=diagnosis, attempts=[attempt(detail=HOSTILE)])

    tags = Tags()
    tags.feed(message.html)
    assert tags.found <= {"b", "i", "code"}
    assert not {"\x1b", "\u202e", "\u200b"} & set(message.text + message.html)
    assert len(message.text) < 3000
    assert all(len(line) < 600 for line in lines(message))


def test_html_and_text_say_the_same() -> None:
    """Two forms of one message."""
    end = event("outcome", "running", at_s=8.24, outcome="resolved")
    message = told([end], diagnosis=DIAGNOSIS, attempts=[attempt()], verdict=VERDICT)

    bare = message.html.replace("•", "-")
    for tag in ("b", "i", "code"):
        bare = bare.replace(f"<{tag}>", "").replace(f"</{tag}>", "")

    assert bare == message.text


def test_only_questions_and_calls_for_help_are_loud() -> None:
    """Nobody is woken to hear that all is well."""
    events: list[Event] = [
        event("approval_requested"),
        event("outcome", outcome="escalated"),
        event("outcome", outcome="failed"),
        event("outcome", outcome="resolved"),
        event("received"),
        event("verdict", outcome="failed"),
    ]

    assert [is_loud(one) for one in events] == [True, True, True, False, False, False]


def test_loudness_is_the_callers_word() -> None:
    """The outbox knows which version rings."""
    incident = Incident(id="x", alert=firing(), occurrence=2, status="open", opened_at=T0)

    assert render(incident, [], loud=True).loud
    assert "occurrence 2" in render(incident, []).text


def test_cleaning_makes_one_short_line() -> None:
    """Whitespace of all kinds is one space, and the end is marked where it was cut."""
    assert clean("  a\t\r\n b\u2028c\x00  ") == "a b c"
    assert clean("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (8.24, "8.2 s"),
        (59.96, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_spans_are_said_as_people_say_them(seconds: float, text: str) -> None:
    """Seconds, minutes, hours."""
    assert lasted(seconds) == text


def test_what_it_had_to_do_without_is_said() -> None:
    """In both forms, and in words from outside that stay words."""
    message = told([event("evidence", degraded={"Docker": f"out of reach on nas: {HOSTILE}"})])

    assert any(line.startswith("Degraded: Docker: out of reach") for line in lines(message))
    assert "<b>Degraded:</b> Docker: out of reach on nas: &lt;b&gt;x" in message.html


def test_an_incident_that_cannot_be_read_is_told_all_the_same() -> None:
    """Its number and why, on clean lines, for both kinds of channel."""
    message = unreadable("i-1", "a stored Alert cannot be read: <b>\nmore", loud=True)

    assert message.loud
    assert message.text.splitlines()[-1] == message.incident == "i-1"
    assert len(message.text.splitlines()) == 4
    assert "<b>" not in message.html
