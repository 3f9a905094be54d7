"""How the command line prints: people get a page, `--json` gets JSON, errors go to stderr.

Alert labels, annotations and log lines are strangers' text: `clean` takes their control
characters out, and nothing is ever read as markup.
"""

import json
import unicodedata
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a page.")]
DataDir = Annotated[
    str | None,
    typer.Option("--data-dir", help="Where the database is (NIGHTSHIFT_DATA_DIR)."),
]
PIPED_WIDTH = 120
HIDDEN = {"Cc", "Cf", "Cs"}


def clean(text: object) -> str:
    """On one line, without control, bidirectional or surrogate characters."""
    flat = " ".join(str(text).split())
    return "".join(c for c in flat if unicodedata.category(c) not in HIDDEN)


def words(text: object, style: str = "") -> Text:
    """Cleaned text for rich, never markup."""
    return Text(clean(text), style=style)


def page(*parts: RenderableType) -> None:
    """Print for people."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for part in parts:
        console.print(part)


def as_json(value: Any) -> None:
    """Print for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def fail(sentence: str) -> None:
    """Tell an error."""
    typer.echo(f"nightshift: {sentence}", err=True)
