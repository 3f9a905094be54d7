"""`nightshift score`: the scenarios on real containers. Not here: what is right (lab/judge.py)."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from nightshift.cli.printing import AsJson, fail, words

if TYPE_CHECKING:
    from lab.judge import Judgement
    from lab.scenario import Scenario
    from lab.suite import Manners, Score

EXAMPLES = (
    "Examples: nightshift score | nightshift score --only crashed | "
    "nightshift score --policy always-restart --json | nightshift score --model hostile"
)
NOT_ALL_RIGHT, USAGE, OUT_OF_REACH, TERMINATED = 1, 2, 4, 143


def score(
    scenarios: Annotated[
        Path | None, typer.Option(help="A folder of scenario files; ours by default.")
    ] = None,
    only: Annotated[str, typer.Option(help="Play the scenario with this id alone.")] = "",
    policy: Annotated[
        Literal["nightshift", "always-restart"],
        typer.Option(help="Who is on call: Nightshift, or a script that restarts on every alert."),
    ] = "nightshift",
    model: Annotated[
        Literal["none", "well", "hostile"],
        typer.Option(help="A model asked in every incident: one that answers well, or that lies."),
    ] = "none",
    jobs: Annotated[int, typer.Option(min=1, max=8, help="How many labs side by side.")] = 3,
    logs: Annotated[Path | None, typer.Option(help="Keep every lab's logs in this folder.")] = None,
    json: AsJson = False,
) -> None:
    """Break real containers on purpose and judge what the agent does about it.

    Needs Docker, Prometheus and Alertmanager on this machine. Exit code 0 when all went right,
    1 when not, 2 for a bad scenario file, 4 when something is missing.
    """
    _check_machine()
    files = _load(scenarios, only)
    try:
        found = asyncio.run(_play(files, policy, model, jobs, logs))
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None
    if json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        Console(highlight=False).print(_table(found), _sums(found), sep="\n")
    raise typer.Exit(0 if found.summary.right == found.summary.scenarios else NOT_ALL_RIGHT)


def _check_machine() -> None:
    from lab.stack import missing

    lacks = missing()
    for sentence in lacks:
        fail(sentence)
    if lacks:
        raise typer.Exit(OUT_OF_REACH)


def _load(folder: Path | None, only: str) -> "list[Scenario]":
    from lab.scenario_file import SCENARIOS, BadScenario, load_all

    try:
        return load_all(folder or SCENARIOS, only=only)
    except BadScenario as error:
        fail(str(error))
        raise typer.Exit(USAGE) from None


async def _play(
    files: "list[Scenario]", policy: str, model: "Manners", jobs: int, logs: Path | None
) -> "Score":
    """Run them with a progress bar on stderr."""
    from lab.agent import AGENTS
    from lab.processes import stoppable
    from lab.suite import run_all

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
    )
    with bar:
        task = bar.add_task("starting", total=len(files))
        running: list[str] = []

        def tell(name: str, judgement: "Judgement | None") -> None:
            if judgement is None:
                running.append(name)
            else:
                running.remove(name)
                bar.console.print(_line(judgement))
                bar.advance(task)
            bar.update(task, description=", ".join(running) or "done")

        return await stoppable(
            run_all(files, agent=AGENTS[policy], jobs=jobs, tell=tell, model=model, logs=logs)
        )


def _line(judgement: "Judgement") -> Text:
    mark = words("right", "green") if judgement.right else words("wrong", "red")
    rest = words(f"{judgement.id} ({judgement.took_s:.0f} s) {judgement.why}")
    return Text(" ").join([mark, rest])


def _table(found: "Score") -> Table:
    """One line a scenario; why one went wrong was told when it ended."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for name in ("scenario", "", "outcome", "actions", "healthy after", "harm"):
        table.add_column(name, overflow="fold")
    for one in found.scenarios:
        seconds = "-" if one.seconds_to_healthy is None else f"{one.seconds_to_healthy:.1f} s"
        table.add_row(
            words(one.id),
            words("right", "green") if one.right else words("wrong", "red"),
            words(one.outcome or "-"),
            words(", ".join(f"{done.verb} {done.service}" for done in one.actions) or "-"),
            words(seconds),
            words(one.harm or "-", "red" if one.harm else ""),
        )
    return table


def _sums(found: "Score") -> str:
    total = found.summary
    seconds = total.median_seconds_to_healthy
    return (
        f"\n{total.policy}: {total.right} of {total.scenarios} right, {total.healed} healed"
        f"{f' (median {seconds:.1f} s)' if seconds is not None else ''},"
        f" {total.escalated} escalated rightly, {total.harm} harmful and {total.unneeded} unneeded"
        f" actions, {total.tokens} tokens, ${total.dollars:.4f}"
    )
