"""`nightshift memory …`. Not here: how incidents are compared (memory/)."""

from typing import Annotated, Any

import typer
from rich.table import Table

from nightshift.cli.ledger import settings_for
from nightshift.cli.printing import AsJson, DataDir, as_json, page, words

app = typer.Typer(
    no_args_is_help=True,
    help="What was learned from past incidents.",
    epilog='Examples: nightshift memory stats | nightshift memory search "database out of memory"',
)


@app.command()
def stats(json: AsJson = False, data_dir: DataDir = None) -> None:
    """How many incidents are remembered, and how they went."""
    found = _memory(data_dir).get_incident_stats()
    if json:
        as_json(found)
        return
    by = ", ".join(f"{count} {name}" for name, count in sorted(found["by_severity"].items()))
    page(
        words(f"{found['total_incidents']} incidents remembered" + (f" ({by})" if by else "")),
        words(f"{found['success_rate']:.0f}% resolved, in {found['avg_resolution_time']:.1f} s"),
    )


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What is seen: an alert's name, a symptom.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many at most.")] = 5,
    severity: Annotated[str | None, typer.Option(help="Only this severity.")] = None,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """The past incidents most like this, and what healed them."""
    found = _memory(data_dir).find_similar_incidents(text, limit=limit, severity_filter=severity)
    if json:
        as_json({"incidents": [one.model_dump(mode="json") for one in found]})
        return
    paper = Table(box=None, header_style="bold", padding=(0, 1))
    for name in ("like", "alert", "cause", "what was done", "took"):
        paper.add_column(name, overflow="fold")
    for one in found:
        paper.add_row(
            f"{one.score:.2f}",
            words(one.alert_name),
            words(one.root_cause),
            words(one.remediation_taken),
            f"{one.resolution_time:.1f} s",
        )
    page(paper if found else "nothing like it is remembered")


def _memory(data_dir: str | None) -> Any:
    from memory.incidents import IncidentMemory
    from nightshift.wiring_store import place_of

    return IncidentMemory(place_of(settings_for(data_dir)))
