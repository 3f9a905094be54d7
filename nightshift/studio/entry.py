"""What langgraph.json names: the graph and the application. Not here: how they work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk.runtime import ServerRuntime
from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.importer import import_from_string

from domain.deps import Deps
from domain.state import IncidentState
from graph.build import build
from nightshift.recording import Recording
from nightshift.service import Service
from nightshift.settings import load
from nightshift.studio.copying import RECORDED
from nightshift.studio.desk import Desk
from nightshift.studio.mounting import front
from nightshift.web.intake import TooLarge, bounded_body

MAX_RECORDING = 32 * 1024**2

DESK = Desk()


def given(deps: Deps | None) -> type[Deps]:
    """A context that takes nothing from a request: these ports, whatever the JSON says."""

    class LiveDeps(Deps):
        """Made by LangGraph without arguments; arguments are an error."""

        def __init__(self) -> None:
            assert deps is not None  # noqa: S101  # only runs have a context, and they are given one
            super().__init__(**vars(deps))

        @classmethod
        def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
            """For Studio's forms: an object without fields."""
            return core_schema.typed_dict_schema({})

    return LiveDeps


async def graph(
    config: RunnableConfig, runtime: ServerRuntime[Any]
) -> CompiledStateGraph[IncidentState, Deps]:
    """The lifecycle of an incident; its runs get ports that cannot act."""
    builder = build()
    recorded = str((config.get("metadata") or {}).get(RECORDED, ""))
    builder.context_schema = given(await DESK.deps(recorded) if runtime.execution_runtime else None)
    return builder.compile(name="nightshift")


@asynccontextmanager
async def opened() -> AsyncIterator[Service]:
    """The service behind the routes. Logging is the other server's."""
    async with DESK.open(load()) as service:
        yield service


async def take_in(request: Request) -> Response:
    """`POST /studio/recordings`: an incident of the service, brought by `nightshift studio`."""
    try:
        recording = Recording.model_validate_json(await bounded_body(request, MAX_RECORDING))
    except TooLarge:
        raise HTTPException(413, f"a recording has at most {MAX_RECORDING} bytes") from None
    except ValidationError as error:
        raise HTTPException(422, f"that is no recording: {error.error_count()} errors") from None
    await DESK.keep(recording)
    return JSONResponse({"recorded": recording.incident.id}, status_code=201)


def mounted() -> Starlette:
    """The service's own routes, and the one that recordings come in by."""
    application: Starlette = import_from_string("server:create_app")(opened)
    application.router.routes.append(Route("/studio/recordings", take_in, methods=["POST"]))
    return front(application)


app = mounted()
