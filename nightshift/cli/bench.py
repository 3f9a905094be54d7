"""`nightshift bench …`: measurements on this machine. Not here: how they are taken (lab/)."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.model_bench import ModelReport
    from lab.reflex import ReflexReport
    from lab.storm_bench import StormReport

EXAMPLES = "Examples: nightshift bench reflex --rounds 50 --json | nightshift bench model --json"
BROKEN, OUT_OF_REACH, TERMINATED = 1, 4, 143


def bench(
    what: Annotated[
        Literal["reflex", "model", "storm"],
        typer.Argument(
            help="reflex: from webhook to Docker call, against a bare reflex. "
            "model: calls, tokens and dollars an incident, LLM_MODE=always, against a stand-in. "
            "storm: very many alerts at once: what is lost, told, and how the server bears it."
        ),
    ],
    rounds: Annotated[int, typer.Option(min=2, max=500, help="reflex: how often each side.")] = 20,
    alerts: Annotated[int, typer.Option(min=10, help="storm: how many are posted.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=1, help="storm: within how long.")] = 60.0,
    seed: Annotated[int, typer.Option(help="storm: the same seed is the same storm.")] = 1,
    json: AsJson = False,
) -> None:
    """Measure: `reflex` on real containers, `model` in a simulated world (no Docker, no key).

    `reflex` needs Docker, Prometheus and Alertmanager; `storm` starts a server of its own. Exit
    code 1 when a storm's bound is broken, 4 when something is missing or does not come up.
    """
    try:
        if what == "model":
            found = asyncio.run(_model())
            typer.echo(found.model_dump_json(indent=2) if json else _costs(found))
            return
        if what == "storm":
            _storm_told(asyncio.run(_storm(alerts, seconds, seed)), json)
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


async def _storm(alerts: int, seconds: float, seed: int) -> "StormReport":
    from lab.processes import NotReady, stoppable
    from lab.storm_bench import measure

    with Console(stderr=True).status("gathering clouds") as status:
        try:
            return await stoppable(measure(alerts, seconds, seed, status.update))
        except NotReady as error:
            fail(str(error))
            raise typer.Exit(OUT_OF_REACH) from None


def _storm_told(report: "StormReport", json: bool) -> None:
    """Show it; exit 1 where a bound was not kept."""
    typer.echo(report.model_dump_json(indent=2) if json else _weather(report))
    if report.broken:
        raise typer.Exit(BROKEN)


def _weather(report: "StormReport") -> str:
    health = report.health_ms
    return "\n".join(
        (
            f"{report.alerts} alerts in {report.seconds:g} s: {report.accepted} deliveries taken, "
            f"{report.refused_503} answered 503, {report.lost} alerts lost",
            f"{report.incidents} incidents, {report.folded} of them folded; "
            f"{report.investigations} investigations for {report.roots} roots",
            f"{report.messages} messages, {report.digests} of them digests; "
            f"worked off {report.drained_s:g} s after the last alert",
            f"at most {report.rss_mb_max:g} MB; /health {health.p50:g} ms, p99 {health.p99:g} ms; "
            f"{report.cpu_s:g} s of CPU",
            *(f"broken: {one}" for one in report.broken),
        )
    )


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
