"""`nightshift bench overhead`. Not here: how it is measured (lab/overhead_bench.py)."""

from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.bench.running import OUT_OF_REACH, run, verdict
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.overhead_bench import OverheadReport


def overhead(
    incidents: Annotated[int, typer.Option(min=2, max=10000, help="How many are played.")] = 80,
    ledger: Annotated[
        int, typer.Option(min=0, max=1000000, help="How many the ledger holds for the second half.")
    ] = 10000,
    json: AsJson = False,
) -> None:
    """Own CPU for a whole incident, on an empty ledger and on a full one, in turns.

    Stand-ins for Docker, Prometheus and Telegram, no model; only the server's process is counted.
    Exit code 1 above 100 ms, or when a full ledger makes it a quarter more.
    """
    from lab.overhead_bench import measure
    from lab.processes import NotReady

    try:
        found = run(lambda tell: measure(incidents, ledger, tell), beginning="starting")
    except NotReady as error:
        fail(f"the lab could not measure: {error}")
        raise typer.Exit(OUT_OF_REACH) from None
    typer.echo(found.model_dump_json(indent=2) if json else _told(found))
    verdict(found.broken)


def _told(report: "OverheadReport") -> str:
    lines = [
        f"{batch.incidents} incidents, {batch.before} before them:"
        f" {batch.cpu_ms_per_incident:.1f} ms CPU each"
        for batch in report.batches
    ]
    return "\n".join(
        [*lines, f"on the full ledger {report.growth:.2f} times as much (median turn)"]
    )
