"""Nightshift over HTTP, as any user would talk to it. Not here: what is shown."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from domain.errors import Transient

POLL_S = 0.15
READ_S = 60.0


class Desk:
    """`async with Desk(url, token) as desk:`; every wait is bounded and raises Transient."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=httpx.Timeout(5.0, read=READ_S), trust_env=False
        )

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ready(self) -> bool:
        """Whether it says that it can work."""
        try:
            return (await self._http.get("/ready")).is_success
        except httpx.TransportError:
            return False

    async def incident(self, incident: str) -> Any:
        """The whole story of one incident."""
        return (await self._get(f"/incidents/{incident}")).json()

    async def incidents(self) -> list[Any]:
        """All of them, newest first."""
        return list((await self._get("/incidents")).json()["incidents"])

    async def next_incident(self, known: set[str], *, patience_s: float) -> str:
        """The oldest incident that is not among the known ones, once there is one."""
        async with _patience(patience_s, "no alert came in"):
            while True:
                fresh = [one["id"] for one in await self.incidents() if one["id"] not in known]
                if fresh:
                    return str(fresh[-1])
                await asyncio.sleep(POLL_S)

    async def follow(self, incident: str, *, patience_s: float) -> AsyncIterator[Any]:
        """Its events as they happen, until it is done; a broken stream is taken up again."""
        last, ended = "0", False
        async with _patience(patience_s, f"incident {incident} did not come to an end"):
            while not ended:
                try:
                    async for event in self._stream(incident, last):
                        if ended := event["kind"] == "end":
                            break
                        last = str(event["seq"])
                        yield event
                except httpx.TransportError:
                    await asyncio.sleep(POLL_S)

    async def messages_are_out(self, *, patience_s: float) -> None:
        """Wait until people have been told everything that is known."""
        async with _patience(patience_s, "the messages did not get out"):
            while (await self._get("/stats")).json()["outbox_behind"]:  # noqa: ASYNC110  # over HTTP
                await asyncio.sleep(POLL_S)

    async def _stream(self, incident: str, after: str) -> AsyncIterator[Any]:
        """One connection of server-sent events."""
        path, headers = f"/incidents/{incident}/events", {"Last-Event-ID": after}
        async with self._http.stream("GET", path, headers=headers) as answer:
            if answer.status_code == httpx.codes.NO_CONTENT:
                yield {"kind": "end"}
                return
            kind = ""
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    kind = value
                elif field == "data":
                    yield {**json.loads(value), "kind": kind}

    async def _get(self, path: str) -> httpx.Response:
        try:
            answer = await self._http.get(path)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Transient(f"the demo's server does not answer {path}: {error}") from error
        return answer


@asynccontextmanager
async def _patience(seconds: float, complaint: str) -> AsyncIterator[None]:
    """A time limit that ends in a sentence."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as late:
        raise Transient(f"{complaint} within {seconds:g} s") from late
