"""A Docker daemon that is none: the Engine API 1.41 over a simulated world, by real HTTP.

Here: routes, status codes and error bodies. Not here: JSON shapes (docker_json) or behaviour
(lab/world.py).
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lab.standins import docker_json as shapes
from lab.standins.faults import FaultInjector, Faults
from lab.standins.serving import serving
from lab.world import Refusal, World
from lab.world_parts import Container, Happening
from lab.world_verbs import DEFAULT_GRACE_S

__all__ = ["DockerStandin", "running"]

_VERSION = re.compile(r"^/v1\.\d+(?=/)")
_JSON = "application/json"
Handler = Callable[[Request, Container], Awaitable[Response]]


class DockerStandin:
    """An ASGI app: `DockerStandin(world)`; `faults` makes its routes slow, broken or mute.

    Fault paths are matched after the version prefix is taken off.
    """

    def __init__(self, world: World, faults: Faults | None = None) -> None:
        self.world = world
        self.faults = faults or Faults()
        self._app = FaultInjector(
            Starlette(routes=self._routes(), exception_handlers={Refusal: _refused}), self.faults
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the version off the path and answer."""
        if scope["type"] == "http":
            scope = {**scope, "path": _VERSION.sub("", scope["path"])}
        await self._app(scope, receive, send)

    def _routes(self) -> list[Route]:
        get, post = ["GET", "HEAD"], ["POST"]
        verbs = ("start", "stop", "kill", "restart", "pause", "unpause", "update")
        return [
            Route("/_ping", _ping, methods=get),
            Route("/version", self._version, methods=get),
            Route("/info", self._info, methods=get),
            Route("/events", self._events, methods=get),
            Route("/containers/json", self._list, methods=get),
            Route("/containers/{id}/json", self._on(self._inspect), methods=get),
            Route("/containers/{id}/logs", self._on(self._logs), methods=get),
            Route("/containers/{id}/stats", self._on(self._stats), methods=get),
            *(
                Route(f"/containers/{{id}}/{verb}", self._change(verb), methods=post)
                for verb in verbs
            ),
            Route("/networks", self._networks, methods=get),
            Route("/networks/{id}", self._network, methods=get),
            Route("/networks/{id}/connect", self._connect, methods=post),
            Route("/networks/{id}/disconnect", self._disconnect, methods=post),
        ]

    async def _version(self, _: Request) -> Response:
        return JSONResponse(shapes.version())

    async def _info(self, _: Request) -> Response:
        return JSONResponse(shapes.info(self.world))

    def _on(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route on one container, found as Docker finds it."""

        async def route(request: Request) -> Response:
            return await handler(request, self.world.find(request.path_params["id"]))

        return route

    async def _list(self, request: Request) -> Response:
        everything = request.query_params.get("all", "0") in {"1", "true", "True"}
        wanted = _filters(request)
        found = [
            shapes.listed(self.world, container)
            for container in self.world.containers.values()
            if (everything or container.up or wanted.get("status")) and _fits(container, wanted)
        ]
        return JSONResponse(found)

    async def _inspect(self, _: Request, container: Container) -> Response:
        return JSONResponse(shapes.inspect(self.world, container))

    async def _logs(self, request: Request, container: Container) -> Response:
        asked = request.query_params
        streams = {n for n, name in ((1, "stdout"), (2, "stderr")) if asked.get(name) == "1"}
        lines = [line for line in container.logs if line.stream in streams]
        tail = asked.get("tail", "all")
        kept = lines if tail == "all" else lines[max(0, len(lines) - int(tail)) :]
        body = shapes.log_frames(kept, timestamps=asked.get("timestamps") == "1")
        return Response(body, media_type="application/vnd.docker.raw-stream")

    async def _stats(self, _: Request, container: Container) -> Response:
        return JSONResponse(shapes.stats(self.world, container))

    def _change(self, verb: str) -> Callable[[Request], Awaitable[Response]]:
        """A route that changes a container; every call is written down with its status."""

        async def route(request: Request) -> Response:
            container = self.world.find(request.path_params["id"])
            return await self._noted(verb, container, lambda: self._act(verb, request, container))

        return route

    async def _noted(
        self, verb: str, container: Container, act: Callable[[], Awaitable[Response]]
    ) -> Response:
        try:
            answer = await act()
        except Refusal as refusal:
            self.world.note(verb, container.name, refusal.status, refusal.message)
            raise
        self.world.note(verb, container.name, answer.status_code)
        return answer

    async def _act(self, verb: str, request: Request, container: Container) -> Response:
        verbs, asked = self.world.verbs, request.query_params
        grace = float(asked.get("t", DEFAULT_GRACE_S))
        if verb == "start":
            return Response(status_code=204 if verbs.start(container) else 304)
        if verb == "stop":
            return Response(status_code=204 if await verbs.stop(container, grace) else 304)
        if verb == "restart":
            await verbs.restart(container, grace)
        elif verb == "kill":
            verbs.kill(container, asked.get("signal", "KILL"))
        elif verb == "update":
            body = await request.json()
            verbs.update(container, body.get("Memory") or 0, body.get("MemorySwap") or 0)
            return JSONResponse({"Warnings": None})
        else:
            {"pause": verbs.pause, "unpause": verbs.unpause}[verb](container)
        return Response(status_code=204)

    async def _networks(self, _: Request) -> Response:
        return JSONResponse([shapes.network(self.world, name) for name in self.world.networks])

    async def _network(self, request: Request) -> Response:
        return JSONResponse(shapes.network(self.world, self._network_name(request)))

    def _network_name(self, request: Request) -> str:
        asked: str = request.path_params["id"]
        for name, digest in self.world.networks.items():
            if asked in {name, digest}:
                return name
        raise Refusal(404, f"network {asked} not found")

    async def _connect(self, request: Request) -> Response:
        body = await request.json()
        container = self.world.find(body["Container"])

        async def act() -> Response:
            name = self._network_name(request)
            aliases = list((body.get("EndpointConfig") or {}).get("Aliases") or [])
            self.world.verbs.connect(container, name, aliases, self.world.address(name))
            return Response(status_code=200)

        return await self._noted("connect", container, act)

    async def _disconnect(self, request: Request) -> Response:
        body = await request.json()
        container = self.world.find(body["Container"])

        async def act() -> Response:
            self.world.verbs.disconnect(container, self._network_name(request))
            return Response(status_code=200)

        return await self._noted("disconnect", container, act)

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._happenings(request), media_type=_JSON)

    async def _happenings(self, request: Request) -> AsyncIterator[bytes]:
        """Past events since `since`, then live ones until `until`; newline-delimited."""
        wanted = _filters(request)
        since, until = (_nanoseconds(request.query_params.get(k)) for k in ("since", "until"))
        with self.world.subscribe() as queue:
            past = [one for one in self.world.events if since is not None and one.time_ns >= since]
            for happening in past:
                if _matches(happening, wanted) and (until is None or happening.time_ns <= until):
                    yield _line(happening)
            async for happening in self._live(queue, until):
                if _matches(happening, wanted):
                    yield _line(happening)

    async def _live(
        self, queue: "asyncio.Queue[Happening]", until: int | None
    ) -> AsyncIterator[Happening]:
        """What comes, until the time named has passed."""
        while True:
            left = None
            if until is not None:
                left = until / 1e9 - self.world.clock.now().timestamp()
                if left <= 0:
                    return
            try:
                yield await asyncio.wait_for(queue.get(), left)
            except TimeoutError:
                return


async def _ping(_: Request) -> Response:
    return PlainTextResponse("OK", headers={"Api-Version": shapes.API_VERSION})


async def _refused(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refusal) else 500
    return JSONResponse({"message": str(error)}, status)


def _line(happening: Happening) -> bytes:
    return json.dumps(shapes.event(happening)).encode() + b"\n"


def _nanoseconds(text: str | None) -> int | None:
    """`seconds` or `seconds.fraction` as nanoseconds, without the rounding of floats."""
    if not text:
        return None
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0"))


def _filters(request: Request) -> dict[str, list[str]]:
    """The `filters` parameter; each value a list, or the older form of an object of booleans."""
    given: dict[str, Any] = json.loads(request.query_params.get("filters") or "{}")
    return {key: list(values) for key, values in given.items()}


def _fits(container: Container, wanted: dict[str, list[str]]) -> bool:
    """Whether a listing with these filters has this container."""
    tests: dict[str, Callable[[str], bool]] = {
        "status": lambda value: container.status == value,
        "id": container.id.startswith,
        "name": lambda value: re.search(value, f"/{container.name}") is not None,
        "health": lambda value: container.health == value,
    }
    any_of = [key for key in tests if key in wanted]
    labelled = all(_labelled(container, value) for value in wanted.get("label", []))
    return labelled and all(any(map(tests[key], wanted[key])) for key in any_of)


def _labelled(container: Container, wanted: str) -> bool:
    key, sign, value = wanted.partition("=")
    labels = container.spec.all_labels()
    return labels.get(key) == value if sign else key in labels


def _matches(happening: Happening, wanted: dict[str, list[str]]) -> bool:
    """Whether an event passes; `health_status` and `exec_…` match without what follows them."""
    kinds, actions = wanted.get("type"), wanted.get("event")
    of_kind = not kinds or happening.kind in kinds
    action = happening.action
    of_action = not actions or action in actions or action.partition(":")[0] in actions
    names = wanted.get("container")
    who = {happening.actor, happening.attributes.get("name", "")}
    return of_kind and of_action and (not names or bool(who & set(names)))


@contextlib.asynccontextmanager
async def running(standin: DockerStandin) -> AsyncIterator[str]:
    """Serve it until the block ends; yields `tcp://127.0.0.1:<port>`."""
    async with serving(standin) as url:
        yield url.replace("http://", "tcp://")
