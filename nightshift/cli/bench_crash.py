"""`nightshift bench crash`: how it is told, and its exit code. Not here: the killing (lab/)."""

import logging
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from nightshift.cli.printing import fail

if TYPE_CHECKING:
    from lab.crash_bench import CrashReport

FOUND, OUT_OF_REACH = 1, 4
MUTE = (
    "the harness is mute: the control, whose nodes keep no journal, doubled no effect, "
    "so nothing is proved; take more points"
)


async def crash(points: int, seed: int, database_url: str) -> "CrashReport":
    """Measure, with a line of progress on stderr."""
    import structlog

    from lab.crash_bench import measure
    from lab.processes import NotReady, stoppable

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with Console(stderr=True).status("starting servers") as status:
        try:
            return await stoppable(
                measure(points, seed, database_url=database_url, tell=status.update)
            )
        except* (NotReady, OSError) as errors:
            fail(f"the servers could not be driven: {errors.exceptions[0]}")
            raise typer.Exit(OUT_OF_REACH) from None


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
