"""The command line: one file per group of commands. Not here: what the commands show or do.

Heavy imports happen inside the commands, so that `nightshift --help` stays quick.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from domain.errors import BadConfiguration, NightshiftError, NotStored, Transient
from nightshift.cli import (
    archive,
    audit,
    bench,
    demo,
    doctor,
    incidents,
    memory,
    serve,
    studio,
    switch,
    worker,
)
from nightshift.cli.printing import fail

FAILED, USAGE, MISCONFIGURED, OUT_OF_REACH = 1, 2, 3, 4
EPILOG = (
    "Exit codes: 0 ok, 1 found a failure, 2 usage, 3 bad configuration, "
    "4 a dependency is out of reach."
)
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


class Shell(TyperGroup):
    """Turns our errors into one sentence and an exit code; a traceback is a bug of ours."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except NightshiftError as error:
            fail(str(error))
            raise typer.Exit(exit_code(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def exit_code(error: NightshiftError) -> int:
    """What the shell is told about this error."""
    if isinstance(error, BadConfiguration):
        return MISCONFIGURED
    return OUT_OF_REACH if isinstance(error, Transient | NotStored) else FAILED


def run_late(ctx: typer.Context, command: Any, *, epilog: str = "") -> None:
    """Run a command that was imported only now, with the arguments meant for it."""
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(epilog=epilog)(command)
    raise typer.Exit(
        typer.main.get_command(single).main(
            args=ctx.args, prog_name=f"nightshift {ctx.info_name}", standalone_mode=False
        )
        or 0
    )


app = typer.Typer(
    name="nightshift",
    cls=Shell,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        from nightshift.web.health import our_version

        typer.echo(f"nightshift {our_version()}")
        raise typer.Exit


@app.callback()
def nightshift(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The on-call engineer for Docker hosts: from alert to verified fix."""


app.command(epilog=serve.EXAMPLES)(serve.serve)
app.command(epilog=worker.EXAMPLES)(worker.worker)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.add_typer(incidents.app, name="incidents")
app.add_typer(memory.app, name="memory")
app.add_typer(bench.app, name="bench")
app.add_typer(audit.app, name="audit")
app.command(epilog=studio.EXAMPLES)(studio.studio)
app.command(epilog=switch.EXAMPLES)(switch.pause)
app.command()(switch.resume)
app.command(epilog=archive.BACKUP_EXAMPLES)(archive.backup)
app.command(epilog=archive.RESTORE_EXAMPLES)(archive.restore)
app.command()(switch.unlatch)


@app.command(context_settings=PASS_ON, add_help_option=False)
def score(ctx: typer.Context) -> None:
    """Run the scenarios on a real Docker daemon and count what was healed and harmed."""
    from nightshift.cli.score import EXAMPLES
    from nightshift.cli.score import score as command

    run_late(ctx, command, epilog=EXAMPLES)
