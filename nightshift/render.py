"""An incident as one short message for whoever is woken at night. Not here: sending it.

What is said is decided in `note`; how it looks, in nightshift/messages/.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from domain.diagnosis import Diagnosis
from domain.incident import Attempt, Event, Incident, Usage
from domain.notice import Message
from domain.plain import JsonValue, Plain
from domain.store import TimelineEvent
from domain.verdict import Verdict
from nightshift.degraded import degraded_words

TEMPLATES = Path(__file__).parent / "messages"
LINE = 240
"""Characters of one piece of text from outside; a message has up to twenty such pieces."""
_NAME = 80
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_TITLES = {
    "resolved": ("✅", "Fixed"),
    "self_resolved": ("☑️", "Recovered by itself"),
    "folded": ("🔗", "Part of another incident"),
    "escalated": ("🚨", "Needs you"),
    "denied": ("✋", "Left alone as you said"),
    "observed": ("👀", "Only watched"),
    "failed": ("💥", "Nightshift failed"),
}
_ASKING, _WORKING = ("❓", "May I?"), ("🔧", "On it")
_VERDICTS = {
    "healed": "it worked",
    "not_healed": "it did not help",
    "unknown": "cannot tell whether it helped",
    "pending": "checking",
}
_ADVISED = frozenset({"resolved", "escalated", "denied", "observed", "failed"})
_STATES = {"good": "ok", "bad": "not ok", "unknown": "could not be seen", "absent": "not there"}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person is asked, and how to answer."""

    ask: str
    expect: str
    undo: str
    cli_yes: str
    cli_no: str
    http: str
    until: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """Every line of the message as clean, single-line text; empty ones are left out."""

    sign: str
    title: str
    target: str
    alert: str
    cause: str
    done: Sequence[str]
    proof: Sequence[str]
    blind: str
    degraded: str
    reason: str
    advice: str
    memory: str
    model: str
    question: Question | None
    folded: str
    footer: str


def is_loud(event: Event) -> bool:
    """Whether this event should wake somebody: a question, or an end that needs a person."""
    if event.kind in {"approval_requested", "reminded"}:
        return True
    return event.kind == "outcome" and event.data.get("outcome") in {"escalated", "failed"}


def render(incident: Incident, timeline: Sequence[TimelineEvent], *, loud: bool = False) -> Message:
    """The message as it should stand now, in both forms."""
    said = note(incident, timeline)
    return Message(
        incident=incident.id,
        html=template("message.html.j2").render(note=said).strip(),
        text=template("message.txt.j2").render(note=said).strip(),
        loud=loud,
    )


def unreadable(incident: str, why: str, *, loud: bool = False) -> Message:
    """All that can be said of an incident whose row cannot be read."""
    lines = [
        f"{_TITLES['failed'][0]} An incident cannot be read",
        clean(why),
        "To do: Look after its alert yourself; if there is more of this, restore the last backup.",
        incident,
    ]
    text = "\n".join(lines)
    return Message(incident=incident, html=escape(text, quote=False), text=text, loud=loud)


def note(incident: Incident, timeline: Sequence[TimelineEvent]) -> Note:
    """What the message says, from the ledger's row and the incident's events."""
    end = _end(timeline)
    outcome = str(end.data.get("outcome", "")) if end else ""
    question = None if end else _question(incident, timeline)
    sign, title = _TITLES.get(outcome, _ASKING if question else _WORKING)
    diagnosis, verdict = incident.diagnosis, incident.verdict
    reason = clean(end.text) if end and outcome != "resolved" else ""
    cause = clean(diagnosis.summary) if diagnosis else ""
    return Note(
        sign=sign,
        title=title,
        target=_target(incident),
        alert=_alert(incident),
        cause=cause,
        done=[_attempt(attempt) for attempt in incident.attempts],
        proof=_proof(verdict),
        blind=clean(", ".join(verdict.blind)) if verdict else "",
        degraded=clean(degraded_words(timeline)),
        reason="" if reason == cause else reason,
        advice=_advice(diagnosis, "escalated" if question else outcome),
        memory=_memory(diagnosis, timeline),
        model=_model(incident.usage, timeline),
        question=question,
        folded=_folded(timeline),
        footer=_footer(incident, end),
    )


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    spaced = (" " if char.isspace() else char for char in text)
    return "".join(char for char in spaced if unicodedata.category(char) not in _HIDDEN)


def clean(text: str, limit: int = LINE) -> str:
    """One line of at most `limit` characters, without control, bidi or invisible characters."""
    line = " ".join(_visible(text[: 20 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


@cache
def _environment(markup: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=markup,  # noqa: S701  # the other form is plain text, and never parsed as markup
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def template(name: str) -> Template:
    """One of the files in nightshift/messages/; escaped where its name says html."""
    return _environment("html" in name).get_template(name)


def _end(timeline: Sequence[Event]) -> Event | None:
    """The outcome that stands: the row learns of it only after people are told."""
    for event in reversed(timeline):
        if event.kind in {"outcome", "reopened"}:
            return event if event.kind == "outcome" else None
    return None


def _target(incident: Incident) -> str:
    if incident.target is None:
        return ""
    host = "" if incident.target.host == "local" else f" on {incident.target.host}"
    return clean(f"{incident.target.name}{host}", _NAME)


def _alert(incident: Incident) -> str:
    alert = incident.alert
    again = f", occurrence {incident.occurrence}" if incident.occurrence > 1 else ""
    about = "" if alert.summary == alert.name else f": {clean(alert.summary)}"
    return f"{clean(alert.name, _NAME)} ({alert.severity}{again}){about}"


def _attempt(attempt: Attempt) -> str:
    names = ", ".join(attempt.touched) or attempt.target.name
    act = f"{attempt.remedy} {clean(names, _NAME)}"
    if attempt.result != "done":
        return f"{act}: {attempt.result}, {clean(attempt.detail)}"
    return f"{act}: {_VERDICTS[attempt.verdict]}"


def _proof(verdict: Verdict | None) -> list[str]:
    """The checks that saw something; those that are not there prove nothing."""
    signals = verdict.signals if verdict else []
    seen = [signal for signal in signals if signal.state in {"good", "bad"}]
    return [f"{one.name} {_STATES[one.state]}: {clean(one.detail)}" for one in seen]


def _advice(diagnosis: Diagnosis | None, outcome: str) -> str:
    """What a person should do; a fixed incident carries it too where the fix will not last."""
    return clean(diagnosis.advice, 2 * LINE) if diagnosis and outcome in _ADVISED else ""


def _memory(diagnosis: Diagnosis | None, timeline: Sequence[Event]) -> str:
    """What past incidents changed about this one."""
    skipped = diagnosis.skipped if diagnosis else {}
    told = next((event.text for event in reversed(timeline) if event.kind == "history"), "")
    found = told if any(_similar(event) for event in timeline) else ""
    decided = "a fix that worked before came first" if _by_memory(diagnosis) else ""
    left = "; ".join(f"{name} left out: {why}" for name, why in skipped.items())
    return clean("; ".join(part for part in (found, decided, left) if part))


def _by_memory(diagnosis: Diagnosis | None) -> bool:
    return diagnosis is not None and diagnosis.decided_by == "memory"


def _similar(event: Event) -> bool:
    return event.kind == "history" and bool(event.data.get("similar"))


def _model(usage: Usage, timeline: Sequence[Event]) -> str:
    """What the model was good for, or why it was of no use, and what that cost."""
    told = next((event.text for event in reversed(timeline) if event.kind == "model"), "")
    if not told or not usage.model_calls:
        return clean(told)
    calls = "1 call" if usage.model_calls == 1 else f"{usage.model_calls} calls"
    tokens = usage.prompt_tokens + usage.completion_tokens
    return f"{clean(told)} ({calls}, {tokens} tokens, ${usage.dollars:.5f})"


def _question(incident: Incident, timeline: Sequence[Event]) -> Question | None:
    """The request that nobody has answered yet."""
    asked = [event for event in timeline if event.kind.startswith("approval_")]
    if not asked or asked[-1].kind != "approval_requested":
        return None
    action = _action(asked[-1].data)
    details = action.get("args")
    args = details if isinstance(details, dict) else {}
    name = clean(str(action.get("name", "act on")), _NAME)
    risk = clean(str(args.get("risk", "")), _NAME)
    return Question(
        ask=f"{name} {_target(incident)}?" + (f" Risk: {risk}." if risk else ""),
        expect=clean(str(args.get("expect", ""))),
        undo=clean(str(args.get("undo", ""))),
        cli_yes=f"nightshift incidents approve {incident.id}",
        cli_no=f"nightshift incidents deny {incident.id}",
        http=f"POST /incidents/{incident.id}/approve",
        until=_until(asked[-1].data.get("expires_at")),
    )


def _action(data: Plain) -> Plain:
    """The first action of a request as `approve` writes it, or nothing."""
    request = data.get("request")
    actions = request.get("action_requests") if isinstance(request, dict) else None
    first = actions[0] if isinstance(actions, list) and actions else None
    return first if isinstance(first, dict) else {}


def _until(moment: JsonValue) -> str:
    return f"{datetime.fromisoformat(moment):%H:%M} UTC" if isinstance(moment, str) else ""


def _folded(timeline: Sequence[Event]) -> str:
    children = {str(one.data["child"]) for one in timeline if "child" in one.data}
    if not children:
        return ""
    return (
        "1 more alert belongs to this"
        if len(children) == 1
        else (f"{len(children)} more alerts belong to this")
    )


def _footer(incident: Incident, end: Event | None) -> str:
    if end is None:
        return f"{incident.id}, since {incident.opened_at:%H:%M:%S} UTC"
    return f"{incident.id}, {lasted((end.at - incident.opened_at).total_seconds())}"


def lasted(seconds: float) -> str:
    """A span as people say it: `8.2 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
