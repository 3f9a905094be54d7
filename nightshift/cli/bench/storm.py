"""`nightshift bench storm`. Not here: how it is measured (lab/storm_bench.py)."""

from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.bench.running import OUT_OF_REACH, run, verdict
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.storm_report import StormReport


def storm(
    alerts: Annotated[int, typer.Option(min=10, help="How many are posted.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=1, help="Within how long.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed is the same storm.")] = 1,
    json: AsJson = False,
) -> None:
    """Very many alerts at once: what is lost, told, and how the server bears it.

    Starts a server of its own before stand-ins: no Docker, no key. Exit code 1 when a bound is
    broken, 4 when the server does not come up.
    """
    from lab.processes import NotReady
    from lab.storm_bench import measure

    try:
        found = run(lambda tell: measure(alerts, seconds, seed, tell), beginning="gathering clouds")
    except NotReady as error:
        fail(str(error))
        raise typer.Exit(OUT_OF_REACH) from None
    typer.echo(found.model_dump_json(indent=2) if json else _weather(found))
    verdict(found.broken)


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
        )
    )
