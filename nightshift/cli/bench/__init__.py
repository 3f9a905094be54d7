"""`nightshift bench …`: measurements on this machine. Not here: how they are taken (lab/)."""

import typer

from nightshift.cli.bench import accept, crash, model, overhead, reflex, resume, storm

app = typer.Typer(
    no_args_is_help=True,
    help="Measure latency and cost on this machine, each beside a reference in the same run.",
    epilog="Examples: nightshift bench reflex --rounds 50 --json | nightshift bench model --json",
)
app.command()(reflex.reflex)
app.command()(model.model)
app.command()(accept.accept)
app.command()(overhead.overhead)
app.command()(resume.resume)
app.command()(crash.crash)
app.command()(storm.storm)
