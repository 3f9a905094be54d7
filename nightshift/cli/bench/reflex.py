"""`nightshift bench reflex`. Not here: how it is measured (lab/reflex.py)."""

from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.bench.running import OUT_OF_REACH, run
from nightshift.cli.printing import AsJson, fail

if TYPE_CHECKING:
    from lab.reflex import ReflexReport


def reflex(
    rounds: Annotated[int, typer.Option(min=2, max=500, help="How often each side.")] = 20,
    json: AsJson = False,
) -> None:
    """From webhook to Docker call, against a bare reflex that only starts the container.

    Needs Docker, Prometheus and Alertmanager. Exit code 4 when something is missing or does not
    come up.
    """
    from docker.errors import DockerException

    from lab.processes import NotReady
    from lab.reflex import measure
    from lab.stack import missing

    if lacks := missing():
        fail("\n".join(lacks))
        raise typer.Exit(OUT_OF_REACH)
    try:
        found = run(lambda tell: measure(rounds, tell), beginning="crashing and waiting")
    except (NotReady, DockerException, TimeoutError) as error:
        fail(f"the lab could not measure: {error}")
        raise typer.Exit(OUT_OF_REACH) from None
    typer.echo(found.model_dump_json(indent=2) if json else _told(found))


def _told(report: "ReflexReport") -> str:
    lines = [f"webhook to Docker's start event, {report.n} crashes each, in turns"]
    for name, spread in (("reflex", report.reflex_ms), ("nightshift", report.nightshift_ms)):
        lines.append(f"  {name:<12}median {spread.median:7.1f} ms   p95 {spread.p95:7.1f} ms")
    return "\n".join([*lines, f"  difference of the medians: {report.difference_ms:.1f} ms"])
