"""`nightshift bench accept`. Not here: how it is measured (lab/accept_bench.py)."""

from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.bench.running import OUT_OF_REACH, run, verdict
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.accept_bench import AcceptReport


def accept(
    requests: Annotated[int, typer.Option(min=64, max=100000, help="In each turn.")] = 300,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How many turns a server.")] = 12,
    json: AsJson = False,
) -> None:
    """Accepting alerts, beside a bare server and one that only writes the body down.

    At 1, 16 and 64 connections, in turns, while twenty incidents run. Nightshift's rate is told as
    a share of the durable server's in the turn before it: the median. No Docker needed. Exit code 1
    when it is below 80 %, an alert was refused, or one of the twenty ended too soon.
    """
    from lab.accept_bench import measure
    from lab.processes import NotReady

    try:
        found = run(lambda tell: measure(requests, rounds, tell), beginning="starting servers")
    except NotReady as error:
        fail(f"the lab could not measure: {error}")
        raise typer.Exit(OUT_OF_REACH) from None
    typer.echo(found.model_dump_json(indent=2) if json else _told(found))
    verdict(found.broken)


def _told(report: "AcceptReport") -> str:
    lines = [f"{report.requests} new alerts a server and line, {report.running} incidents running"]
    lines.append(
        f"{'connections':<13}{'server':<12}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'cpu ms':>9}"
    )
    for row in report.rows:
        sides = (("plain", row.plain), ("durable", row.durable), ("nightshift", row.nightshift))
        for name, side in sides:
            lines.append(
                f"{row.connections:<13}{name:<12}{side.requests_per_s:>9.1f}{side.p50_ms:>9.2f}"
                f"{side.p99_ms:>9.2f}{side.cpu_ms:>9.3f}"
            )
        lines.append(f"{'':<13}{row.share:.0%} of the durable server's rate (median turn)")
    return "\n".join([*lines, f"at least {report.share:.0%} of the durable server's rate"])
