"""Our routes inside another server's application. Not here: the routes (server.py).

`langgraph dev` takes an application apart: its routes and middleware go before those of Studio,
its lifespan is entered and what that yields is dropped. So ours stays whole behind a front of
routes, and Studio's own routes never meet our middleware.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send


class Behind:
    """An application with its own middleware and errors, given what its lifespan opened."""

    def __init__(self, application: Starlette) -> None:
        self._application = application
        self._state: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open what the application needs; nothing is yielded, for it would be lost."""
        async with self._application.router.lifespan_context(self._application) as state:
            self._state = dict(state or {})
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application would on its own."""
        state = {**scope.get("state", {}), **self._state}
        await self._application({**scope, "state": state}, receive, send)


def front(application: Starlette) -> Starlette:
    """The routes of this application, and nothing else, before it."""
    behind = Behind(application)
    routes: list[BaseRoute] = [
        Route(path, behind) for path in dict.fromkeys(map(_path, application.routes))
    ]
    return Starlette(routes=routes, lifespan=behind.lifespan)


def _path(route: BaseRoute) -> str:
    if isinstance(route, Mount):
        return f"{route.path}/{{below:path}}"
    assert isinstance(route, Route)  # noqa: S101  # there are no others in server.py
    return route.path
