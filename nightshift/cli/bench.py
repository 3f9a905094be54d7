"""`nightshift bench …`: measurements on this machine. Not here: how they are taken (lab/)."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from nightshift.cli.bench_crash import crash, verdict
from nightshift.cli.bench_crash import told as told_of_crash
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.model_bench import ModelReport
    from lab.reflex import ReflexReport

EXAMPLES = (
    "Examples: nightshift bench reflex --rounds 50 --json | nightshift bench model --json | "
    "nightshift bench crash --points 200 --seed 1 --json"
)
OUT_OF_REACH, TERMINATED = 4, 143


def bench(
    what: Annotated[
        Literal["reflex", "model", "crash"],
        typer.Argument(
            help="reflex: from webhook to Docker call, against a bare reflex. "
            "model: calls, tokens and dollars an incident, LLM_MODE=always, against a stand-in. "
            "crash: the server is killed again and again, and what is lost or doubled is counted."
        ),
    ],
    rounds: Annotated[int, typer.Option(min=2, max=500, help="reflex: how often each side.")] = 20,
    points: Annotated[int, typer.Option(min=1, max=5000, help="crash: how many kills.")] = 200,
    seed: Annotated[int, typer.Option(help="crash: of the plan of kills.")] = 1,
    database_url: Annotated[
        str,
        typer.Option(help="crash: DATABASE_URL of the servers; `{lane}` gives each one its own."),
    ] = "",
    json: AsJson = False,
) -> None:
    """Measure: `reflex` on real containers, `model` and `crash` in a simulated world.

    `reflex` needs Docker, Prometheus and Alertmanager. Exit code 4 when something is missing or
    does not come up; 1 when a crash lost an incident or doubled an effect, or when the control
    without a journal doubled none, for then nothing is proved.
    """
    try:
        if what == "crash":
            survived = asyncio.run(crash(points, seed, database_url))
            page = survived.model_dump_json(indent=2) if json else told_of_crash(survived)
            typer.echo(page)
            verdict(survived)
            return
        if what == "model":
            found = asyncio.run(_model())
            typer.echo(found.model_dump_json(indent=2) if json else _costs(found))
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
