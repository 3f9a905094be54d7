"""What the audience sees: plain lines when piped, a moving line of nodes on a terminal.

Not here: what happens (play.py). Texts of the world are cleaned before they are shown.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nightshift.cli.printing import clean, words
from nightshift.demo.stage import Message, Stage

NODES = ("monitor", "retrieve-history", "analyse", "heal", "verify", "notify", "learn")
NODE_OF = {
    "evidence": "monitor",
    "claimed": "monitor",
    "folded": "monitor",
    "history": "retrieve-history",
    "diagnosis": "analyse",
    "policy": "analyse",
    "approval_requested": "approve",
    "approval_decided": "approve",
    "intent": "heal",
    "effect": "heal",
    "verdict": "verify",
    "outcome": "notify",
    "learned": "learn",
}
STYLES = {
    "received": "bold red",
    "diagnosis": "bold magenta",
    "policy": "yellow",
    "effect": "bold cyan",
    "verdict": "bold",
    "outcome": "bold green",
    "history": "blue",
    "learned": "blue",
}
WIDTH = 110


class Screen:
    """Writes to stdout; `with screen.acting():` shows where the graph stands on a terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal:
            self.console.width = WIDTH
        self._live: Live | None = None

    def opening(self, stage: Stage) -> None:
        """Who plays, and where."""
        self.console.print(Panel(Text("Nightshift, live: one fault, twice"), expand=False))
        self.say(f"On stage: {stage.title}; the real server at {stage.url}.")
        self.say("No key, no model, no memory to begin with: rules decide, checks prove.")

    def act(self, number: int, what: str) -> None:
        """A new act begins."""
        self.console.print()
        self.console.rule(Text(f"Incident {number}: {what}", style="bold"))

    def say(self, text: str, style: str = "dim") -> None:
        """One line of narration."""
        self.console.print(words(text, style=style))

    def acting(self) -> AbstractContextManager[Any]:
        """While this block lasts, the current node is marked on a line of its own."""
        self._live = Live(_graph(""), console=self.console, transient=True, auto_refresh=False)
        return self._live if self.console.is_terminal else _Quiet()

    def event(self, event: Any, began: datetime) -> None:
        """One event of an incident: when, in which node, what."""
        node = NODE_OF.get(event["kind"], "")
        since = (datetime.fromisoformat(event["at"]) - began).total_seconds()
        line = Table.grid(padding=(0, 1))
        line.add_column(width=7, justify="right", style="dim")
        line.add_column(width=16, style="dim")
        line.add_column(width=10)
        line.add_column(overflow="fold")
        kind = str(event["kind"]).replace("_", " ")
        style = STYLES.get(event["kind"], "")
        line.add_row(f"+{since:.2f}s", node, Text(kind, style=style), words(event["text"]))
        self.console.print(line)
        for detail in details(event):
            self.console.print(Padding(words(detail, style="dim"), (0, 0, 0, 37)))
        if self._live is not None and self.console.is_terminal:
            self._live.update(_graph(node), refresh=True)

    def phone(self, message: Message) -> None:
        """What people were told."""
        text = Text("\n".join(clean(line) for line in message.text.splitlines()))
        title = f"on the phone: 1 message, edited {message.edits} times"
        self.console.print(Panel(text, title=title, expand=False, border_style="blue"))

    def compare(self, views: Sequence[Any]) -> None:
        """The two incidents side by side: what memory changed."""
        self.console.print()
        self.console.rule(Text("What memory changed", style="bold"))
        paper = Table(expand=False)
        for name in ("", "first time", "second time"):
            paper.add_column(name, overflow="fold")
        columns = [_column(view) for view in views]
        for key in columns[0]:
            paper.add_row(key, *(Text(column[key]) for column in columns))
        self.console.print(paper)

    def verdict(self, checks: dict[str, bool]) -> None:
        """What was checked at the end, past everything Nightshift says."""
        for text, good in checks.items():
            mark = Text("ok   " if good else "FAIL ", style="green" if good else "bold red")
            self.console.print(mark.append_text(words(text)))

    def farewell(self, stage: Stage, incident: str) -> None:
        """Where to look while the server stays up."""
        key = f" -H 'Authorization: Bearer {stage.token}'" if stage.token else ""
        self.console.print()
        self.say("The server stays up; Ctrl-C ends the demo. Have a look:", style="bold")
        for path in ("/incidents", f"/incidents/{incident}", "/stats", "/metrics"):
            self.console.print(f"  curl -s{key} {stage.url}{path}", soft_wrap=True)
        for name, url in stage.addresses.items():
            self.console.print(f"  {name}: {url}", soft_wrap=True)


def details(event: Any) -> list[str]:
    """The line or two below an event that say on what it rests."""
    data = event["data"]
    if event["kind"] == "diagnosis":
        by = data.get("runbook") or data.get("decided_by")
        said = [f"decided by {data.get('decided_by')} {by!r}, proved by {_list(data, 'evidence')}"]
        if data.get("ladder"):
            said.append(f"ladder: {_list(data, 'ladder', ' -> ')}")
        return said + [f"skipped {name}: {why}" for name, why in data.get("skipped", {}).items()]
    if event["kind"] == "verdict":
        return [f"{one['name']}: {one['state']}, {one['detail']}" for one in data["signals"]]
    return []


def _list(data: Any, name: str, between: str = ", ") -> str:
    return between.join(map(str, data.get(name) or ["nothing"]))


def _column(view: Any) -> dict[str, str]:
    """One incident in a few words."""
    diagnosis = view["diagnosis"] or {}
    took = view["resolution_s"]
    return {
        "rungs tried": _lines(f"{one['remedy']}: {one['verdict']}" for one in view["attempts"]),
        "done to": _lines(e["text"].partition(":")[0] for e in view["timeline"] if _done(e)),
        "left out": _lines(f"{k}: {why}" for k, why in diagnosis.get("skipped", {}).items()),
        "outcome": str(view["outcome"]),
        "model calls": str(view["usage"]["model_calls"]),
        "alert to proved": "-" if took is None else f"{took:.1f} s",
    }


def _done(event: Any) -> bool:
    return bool(event["kind"] == "effect")


def _lines(parts: Iterable[str]) -> str:
    """One a line, each once."""
    return "\n".join(dict.fromkeys(clean(part) for part in parts)) or "nothing"


def _graph(current: str) -> Text:
    line = Text()
    for node in NODES:
        style = "reverse bold" if node == current else "dim"
        line.append(f" {node} ", style=style).append(
            " > " if node != NODES[-1] else "", style="dim"
        )
    return line


class _Quiet(AbstractContextManager[None]):
    """Nothing moves where nobody watches."""

    def __exit__(self, *_: object) -> None:
        """Nothing to tidy."""
