"""`nightshift bench resume`. Not here: how it is measured (lab/resume.py)."""

from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.bench.running import OUT_OF_REACH, run, verdict
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.resume import ResumeReport


def resume(
    starts: Annotated[int, typer.Option(min=1, max=100, help="How many starts.")] = 20,
    incidents: Annotated[
        int, typer.Option(min=1, max=20000, help="How many are unfinished.")
    ] = 1000,
    json: AsJson = False,
) -> None:
    """From the start of a process to its unfinished incidents.

    In a simulated world: no Docker, no key. Exit code 1 when (p95) the first goes on after more
    than 10 s or the last after more than 60 s, 4 when a service does not come up.
    """
    import logging

    import structlog

    from lab.processes import NotReady
    from lab.resume import measure

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        found = run(
            lambda tell: measure(starts, incidents, tell), beginning="leaving incidents unfinished"
        )
    except NotReady as error:
        fail(f"the lab could not measure: {error}")
        raise typer.Exit(OUT_OF_REACH) from None
    typer.echo(found.model_dump_json(indent=2) if json else _told(found))
    verdict(found.broken)


def _told(report: "ResumeReport") -> str:
    lines = [f"{report.starts} starts on {report.incidents} unfinished incidents, in seconds"]
    for name, spread in (("first", report.first_resumed_s), ("all", report.all_progressed_s)):
        lines.append(f"  {name:<12}median {spread.median:7.2f}   p95 {spread.p95:7.2f}")
    return "\n".join(lines)
