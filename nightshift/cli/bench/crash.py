"""`nightshift bench crash`: how it is told, and its exit code. Not here: the killing (lab/)."""

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.bench.running import OUT_OF_REACH, run
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.crash_bench import CrashReport

FOUND = 1
MUTE = (
    "the harness is mute: the control, whose nodes keep no journal, doubled no effect, "
    "so nothing is proved; take more points"
)


def crash(
    points: Annotated[int, typer.Option(min=1, max=5000, help="How many kills.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the plan of kills.")] = 1,
    database_url: Annotated[
        str, typer.Option(envvar="DATABASE_URL", help="Of the servers; without it, SQLite.")
    ] = "",
    postgres: Annotated[
        bool, typer.Option("--postgres", help="On a PostgreSQL of its own (Debian: postgresql).")
    ] = False,
    json: AsJson = False,
) -> None:
    """The server is killed again and again; what is lost or doubled is counted.

    Beside a control whose nodes keep no journal. In a simulated world: no Docker, no key. Exit code
    1 when an incident was lost, an effect doubled or a call sent twice, or when the control doubled
    none.
    """
    import structlog

    from lab.crash_bench import measure
    from lab.postgres import postgres as own_server
    from lab.processes import NotReady

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found, trouble = None, ""
    try:
        with own_server() if postgres else nullcontext(database_url) as url:
            found = run(
                lambda tell: measure(points, seed, database_url=url, tell=tell),
                beginning="starting servers",
            )
    except* (NotReady, OSError) as errors:
        trouble = str(errors.exceptions[0])
    if found is None:
        fail(f"the servers could not be driven: {trouble}")
        raise typer.Exit(OUT_OF_REACH)
    typer.echo(found.model_dump_json(indent=2) if json else told(found))
    verdict(found)


def verdict(report: "CrashReport") -> None:
    """Raise Exit(1) unless nothing was lost or doubled and the harness would have noticed."""
    if report.mute:
        fail(MUTE)
    if not report.good:
        raise typer.Exit(FOUND)


def told(report: "CrashReport") -> str:
    """The page for people."""
    resume, recovered = report.resume_ms, report.recovered_ms
    outcomes = ", ".join(f"{n} {name}" for name, n in sorted(report.outcomes.items()))
    return "\n".join(
        [
            f"killed {report.points} times on {report.database}, seed {report.seed}: "
            f"{report.incidents} incidents, {outcomes}",
            f"  lost               {report.lost}",
            f"  effects doubled    {report.doubled}"
            f"   ({report.control_doubled} by the control in {report.control_points} kills)",
            f"  messages doubled   {report.messages_doubled}",
            f"  slow calls         {report.late} beyond the settling time, "
            f"{report.sent_twice} sent twice",
            f"  resumed after      median {resume.median:.0f} ms   p95 {resume.p95:.0f} ms",
            f"  all recovered      median {recovered.median:.0f} ms   p95 {recovered.p95:.0f} ms",
            *(f"  {where:<36}{n:>4}" for where, n in report.boundaries.items()),
        ]
    )
