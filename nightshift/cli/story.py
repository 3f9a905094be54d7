"""An incident on paper: the page of one, the table of many. Not here: what is true (views.py)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.plain import JsonValue, Plain
from nightshift.cli.printing import clean, words

SHORT_ID = 8
"""Characters of an id that a list shows; every command takes the beginning of one."""
COLOURS = {
    "resolved": "green",
    "healed": "green",
    "done": "green",
    "self_resolved": "cyan",
    "folded": "cyan",
    "observed": "cyan",
    "waiting": "yellow",
    "open": "yellow",
    "denied": "yellow",
    "unknown": "yellow",
    "escalated": "red",
    "failed": "red",
    "not_healed": "red",
    "refused": "red",
}


def coloured(word: JsonValue) -> Text:
    """A status word in its colour; `-` for none."""
    return words(word or "-", style=COLOURS.get(str(word), ""))


def table(rows: Sequence[Plain]) -> RenderableType:
    """One line an incident."""
    paper = Table(box=None, header_style="bold", padding=(0, 1))
    for name in ("id", "opened", "alert", "target", "state", "cause", "tried", "took"):
        paper.add_column(name, overflow="ellipsis", no_wrap=True)
    for row in rows:
        tried = row["remedies"] if isinstance(row["remedies"], list) else []
        paper.add_row(
            words(str(row["id"])[:SHORT_ID]),
            words(at(row["opened_at"], date=True)),
            words(row["alert_name"]),
            words(row["target"] or "-"),
            coloured(row["outcome"] or row["status"]),
            words(row["cause"] or "-"),
            words(", ".join(map(str, tried)) or "-"),
            words(seconds(row["resolution_s"])),
        )
    return paper


def page(view: Any) -> RenderableType:
    """The whole story of one incident, as HTTP returns it."""
    parts: list[RenderableType] = [_title(view), _facts(view), Text(), _timeline(view)]
    if view["attempts"]:
        parts += [Text(), _attempts(view)]
    if view["approval"]:
        parts += [Text(), words(f"Waits for an answer: nightshift incidents approve {view['id']}")]
    return Group(*parts)


def seconds(value: JsonValue) -> str:
    """`4.5 s`, or `-`."""
    return f"{value:.1f} s" if isinstance(value, int | float) else "-"


def at(iso: JsonValue, *, date: bool = False) -> str:
    """A time in UTC as people read it."""
    moment = datetime.fromisoformat(str(iso))
    return moment.strftime("%d %b %H:%M:%S" if date else "%H:%M:%S")


def _title(view: Any) -> RenderableType:
    name = view["target"]["name"] if view["target"] else "no target"
    line = Text.assemble(
        (clean(view["alert"]["labels"].get("alertname", "unnamed")), "bold"),
        f" on {clean(name)}, {view['severity']}: ",
    )
    return line.append_text(coloured(view["outcome"] or view["status"]))


def _facts(view: Any) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    diagnosis = view["diagnosis"] or {}
    decided = diagnosis.get("runbook") or diagnosis.get("decided_by", "")
    lines = {
        "id": view["id"],
        "opened": at(view["opened_at"], date=True),
        "took": seconds(view["resolution_s"]),
        "cause": diagnosis and f"{diagnosis['summary']} ({diagnosis['cause']}, by {decided})",
        "proved by": "; ".join(item["summary"] for item in view["evidence"]),
        "verdict": view["verdict"] and f"{view['verdict']['state']}: {view['verdict']['reason']}",
        "reason": view["reason"],
        "advice": diagnosis.get("advice", ""),
        "model": _usage(view["usage"]),
    }
    for name, value in lines.items():
        if value:
            grid.add_row(name, words(value))
    return grid


def _usage(usage: Any) -> str:
    if not usage["model_calls"]:
        return ""
    tokens = usage["prompt_tokens"] + usage["completion_tokens"]
    return f"{usage['model_calls']} calls, {tokens} tokens, ${usage['dollars']:.4f}"


def _timeline(view: Any) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    began = datetime.fromisoformat(view["opened_at"])
    for event in view["timeline"]:
        since = (datetime.fromisoformat(event["at"]) - began).total_seconds()
        kind = str(event["kind"]).replace("_", " ")
        grid.add_row(at(event["at"]), f"+{since:.1f}s", kind, words(event["text"]))
    return grid


def _attempts(view: Any) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for attempt in view["attempts"]:
        times = [datetime.fromisoformat(attempt[name]) for name in ("started_at", "finished_at")]
        grid.add_row(
            f"{attempt['number']}.",
            words(f"{attempt['remedy']} {attempt['target']['name']}"),
            coloured(attempt["result"]),
            coloured(attempt["verdict"]),
            seconds((times[1] - times[0]).total_seconds()),
            words(attempt["detail"]),
        )
    return Group(Text("Tried", style="bold"), Padding(grid, (0, 0, 0, 2)))


def then_and_now(result: Any) -> RenderableType:
    """A replay beside what happened; what differs is marked."""
    paper = Table(box=None, header_style="bold", padding=(0, 2))
    for name in (f"from {clean(result['from'])}", "then", "now"):
        paper.add_column(name, overflow="fold")
    for key, then in result["then"].items():
        style = "bold yellow" if key in result["different"] else ""
        paper.add_row(key, words(_short(then)), words(_short(result["now"].get(key)), style))
    verdict = ", ".join(result["different"]) or "nothing"
    return Group(paper, Text(), words(f"different: {verdict}", style="bold"))


def _short(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_short(part)}" for key, part in value.items() if part)
    if isinstance(value, list):
        return ", ".join(_short(part) for part in value)
    return "-" if value in {None, ""} else str(value)
