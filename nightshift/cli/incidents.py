"""`nightshift incidents …`. Not here: what an incident looks like (story.py, views.py)."""

import asyncio
from typing import Annotated, Any, Literal

import typer
from pydantic_core import from_json

from domain.decision import Approval
from domain.errors import Conflict
from domain.incident import IncidentStatus
from domain.plain import Plain
from nightshift import views
from nightshift.cli import story
from nightshift.cli.ledger import opened, settings_for
from nightshift.cli.printing import AsJson, DataDir, as_json, page, words
from nightshift.cli.switch import person

Id = Annotated[str, typer.Argument(help="The incident's id, or its beginning.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]
LOOKED_THROUGH = 1000
WHOLE_ID = 36

app = typer.Typer(
    no_args_is_help=True,
    help="Incidents: what happened, what was done, what waits for you.",
    epilog="Examples: nightshift incidents list --status waiting | nightshift incidents show 4f2a",
)


@app.command("list")
def listing(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    status: Annotated[IncidentStatus | None, typer.Option(help="Only these.")] = None,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Newest first."""

    async def run() -> list[Plain]:
        async with opened(data_dir) as store:
            found = await store.incidents(limit=limit, status=status)
            return [views.brief(incident) for incident in found]

    rows = asyncio.run(run())
    if json:
        as_json({"incidents": rows})
    else:
        page(story.table(rows) if rows else "no incidents")


@app.command()
def show(incident: Id, json: AsJson = False, data_dir: DataDir = None) -> None:
    """The whole story of one incident."""

    async def run() -> Plain:
        async with opened(data_dir) as store:
            return await views.one(store, await full_id(store, incident))

    view = asyncio.run(run())
    if json:
        as_json(view)
    else:
        page(story.page(view))


@app.command()
def approve(incident: Id, reason: Reason = "", data_dir: DataDir = None) -> None:
    """Say yes to what an incident asks."""
    _decide(incident, "approve", reason, data_dir)


@app.command()
def deny(incident: Id, reason: Reason = "", data_dir: DataDir = None) -> None:
    """Say no to what an incident asks."""
    _decide(incident, "deny", reason, data_dir)


REPLAYABLE = ("monitor", "retrieve-history", "analyse")
"""Nodes whose word depends on runbooks, limits and models of today; analyse judges the remedy."""


@app.command()
def replay(
    incident: Id,
    node: Annotated[
        str,
        typer.Option(
            "--from", help=f"Begin at {', '.join(REPLAYABLE)}. What follows is decided there."
        ),
    ] = "monitor",
    policy: Annotated[
        list[str] | None,
        typer.Option(help="Other limits: mode=approve,max_attempts=1. May be given again."),
    ] = None,
    model: Annotated[str, typer.Option(help="Ask this model, whatever the rules say.")] = "",
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Run an old incident's graph again from its recorded evidence, without any effect."""
    limits = _limits(policy or [])
    if node not in REPLAYABLE:
        said = f"from {node!r} on nothing is decided anew; choose one of {', '.join(REPLAYABLE)}"
        raise typer.BadParameter(said, param_hint="--from")

    async def run() -> Plain:
        from nightshift.replay import replay as rerun

        async with opened(data_dir) as store:
            found = await full_id(store, incident)
            settings = settings_for(data_dir)
            return await rerun(store, settings, found, node, policy=limits, model=model)

    result = asyncio.run(run())
    if json:
        as_json(result)
        return
    page(story.then_and_now(result))
    if result["model"]:
        page(words(_asked(result["model"])))


def _limits(given: list[str]) -> dict[str, object]:
    """`a=1,b=2` as a mapping; a value in brackets is JSON and takes the rest of its option."""
    found: dict[str, object] = {}
    for option in given:
        name, _, value = option.partition("=")
        whole = value.lstrip().startswith(("[", "{"))
        for part in [option] if whole else option.split(","):
            name, sign, value = (piece.strip() for piece in part.partition("="))
            if not sign:
                raise typer.BadParameter(f"{part!r} is not name=value", param_hint="--policy")
            found[name] = _value(value) if whole else value
    return found


def _value(text: str) -> object:
    try:
        return from_json(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}", param_hint="--policy") from None


def _asked(model: Any) -> str:
    cost = f"{model['model_calls']} calls, {model['prompt_tokens']} prompt tokens"
    return f"{model['name']}: {model['said'] or 'not asked'} ({cost}, ${model['dollars']:.4f})"


async def full_id(books: views.Books, beginning: str) -> str:
    """The id that begins like this, or what was given where none does.

    Raises Conflict when several do.
    """
    if len(beginning) == WHOLE_ID:
        return beginning
    recent = await books.incidents(limit=LOOKED_THROUGH)
    fits = [row.id for row in recent if row.id.startswith(beginning)]
    if len(fits) > 1:
        raise Conflict(f"{len(fits)} incidents begin with {beginning!r}: give more of the id")
    return fits[0] if fits else beginning


def _decide(
    incident: str, word: Literal["approve", "deny"], reason: str, data_dir: str | None
) -> None:
    async def run() -> str:
        async with opened(data_dir) as store:
            found = await full_id(store, incident)
            digest = await views.open_request(store, found)
            said: dict[str, Any] = {"answer": word, "by": person(), "reason": reason}
            await store.decide(found, Approval(digest=digest, **said))
            return found

    typer.echo(f"recorded: {word} for incident {asyncio.run(run())}")
