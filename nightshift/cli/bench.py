"""`nightshift bench …`: measurements on this machine. Not here: how they are taken (lab/)."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.model_bench import ModelReport
    from lab.reflex import ReflexReport
    from lab.resume import ResumeReport

EXAMPLES = (
    "Examples: nightshift bench reflex --rounds 50 --json | nightshift bench model --json | "
    "nightshift bench resume --starts 20 --incidents 1000 --json"
)
OUT_OF_REACH, TERMINATED = 4, 143


def bench(
    what: Annotated[
        Literal["reflex", "model", "resume"],
        typer.Argument(
            help="reflex: from webhook to Docker call, against a bare reflex. "
            "model: calls, tokens and dollars an incident, LLM_MODE=always, against a stand-in. "
            "resume: from the start of a process to its unfinished incidents."
        ),
    ],
    rounds: Annotated[int, typer.Option(min=2, max=500, help="reflex: how often each side.")] = 20,
    starts: Annotated[int, typer.Option(min=1, max=100, help="resume: how many starts.")] = 20,
    incidents: Annotated[
        int, typer.Option(min=1, max=20000, help="resume: how many are unfinished.")
    ] = 1000,
    json: AsJson = False,
) -> None:
    """Measure: `reflex` on real containers, `model` and `resume` in a simulated world.

    `reflex` needs Docker, Prometheus and Alertmanager. Exit code 4 when something is missing or
    does not come up.
    """
    try:
        if what == "model":
            found = asyncio.run(_model())
            typer.echo(found.model_dump_json(indent=2) if json else _costs(found))
            return
        if what == "resume":
            resumed = asyncio.run(_resume(starts, incidents))
            typer.echo(resumed.model_dump_json(indent=2) if json else _back(resumed))
            return
        report = asyncio.run(_reflex(rounds))
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None
    typer.echo(report.model_dump_json(indent=2) if json else _told(report))


async def _model() -> "ModelReport":
    import logging

    import structlog

    from lab.model_bench import measure
    from lab.processes import stoppable

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with Console(stderr=True).status("breaking a simulated world") as status:
        return await stoppable(measure(status.update))


def _costs(report: "ModelReport") -> str:
    lines = [f"{'fault':<16}{'runbooks':<10}{'decided by':<12}calls  prompt  written   dollars"]
    for row in report.incidents:
        told = f"{row.fault:<16}{'yes' if row.runbooks else 'no':<10}{row.decided_by:<12}"
        counts = f"{row.calls:>5}  {row.prompt_tokens:>6}  {row.completion_tokens:>7}"
        lines.append(f"{told}{counts}  {row.dollars:.6f}")
    most = f"at most {report.calls} calls and {report.prompt_tokens} prompt tokens an incident"
    return "\n".join([*lines, f"{most}; ${report.dollars_per_100:.4f} for 100 incidents"])


async def _resume(starts: int, incidents: int) -> "ResumeReport":
    import logging

    import structlog

    from lab.processes import NotReady, stoppable
    from lab.resume import measure

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with Console(stderr=True).status("leaving incidents unfinished") as status:
        try:
            return await stoppable(measure(starts, incidents, status.update))
        except NotReady as error:
            fail(f"the lab could not measure: {error}")
            raise typer.Exit(OUT_OF_REACH) from None


def _back(report: "ResumeReport") -> str:
    lines = [f"{report.starts} starts on {report.incidents} unfinished incidents, in seconds"]
    for name, spread in (
        ("first", report.first_resumed_s),
        ("all", report.all_progressed_s),
    ):
        lines.append(f"  {name:<12}median {spread.median:7.2f}   p95 {spread.p95:7.2f}")
    return "\n".join(lines)


async def _reflex(rounds: int) -> "ReflexReport":
    from docker.errors import DockerException

    from lab.processes import NotReady, stoppable
    from lab.reflex import measure
    from lab.stack import missing

    if lacks := missing():
        fail("\n".join(lacks))
        raise typer.Exit(OUT_OF_REACH)
    with Console(stderr=True).status("crashing and waiting") as status:
        try:
            return await stoppable(measure(rounds, status.update))
        except (NotReady, DockerException, TimeoutError) as error:
            fail(f"the lab could not measure: {error}")
            raise typer.Exit(OUT_OF_REACH) from None


def _told(report: "ReflexReport") -> str:
    lines = [f"webhook to Docker's start event, {report.n} crashes each, in turns"]
    for name, spread in (("reflex", report.reflex_ms), ("nightshift", report.nightshift_ms)):
        lines.append(f"  {name:<12}median {spread.median:7.1f} ms   p95 {spread.p95:7.1f} ms")
    return "\n".join([*lines, f"  difference of the medians: {report.difference_ms:.1f} ms"])
