"""HTTP load with as little of its own as can be: raw requests on kept connections.

Where its latency is the figure it comes from a process of its own (`Apart`): the lab's stand-ins
would be measured too, as a request waited for its turn behind theirs. Not here: what is sent, or
to whom.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median, quantiles
from urllib.parse import urlsplit

from lab.processes import NotReady

_ACCEPTED = b"HTTP/1.1 202"


@dataclass(kw_only=True)
class Answers:
    """What came back; `seconds` of each accepted request, and how long all took together."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    took_s: float = 0.0

    @property
    def per_second(self) -> float:
        """Accepted requests a second."""
        return len(self.seconds) / self.took_s if self.took_s else 0.0

    @property
    def p50_ms(self) -> float:
        """The median of the accepted ones."""
        return median(self.seconds) * 1000 if self.seconds else 0.0

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the accepted ones."""
        if len(self.seconds) < 2:
            return self.p50_ms
        return quantiles(self.seconds, n=100, method="inclusive")[-1] * 1000


async def post_all(url: str, bodies: Iterator[bytes], *, connections: int, token: str) -> Answers:
    """Post every body, as fast as answers come, on so many connections. Raises NotReady."""
    found = Answers()
    begun = time.perf_counter()
    await asyncio.gather(*(_line(url, bodies, token, found) for _ in range(connections)))
    found.took_s = time.perf_counter() - begun
    return found


class Apart:
    """Another process that posts; leave the block to end it."""

    def __init__(self) -> None:
        fresh = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
        self._process = ProcessPoolExecutor(1, mp_context=fresh)

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.shutdown()

    async def post_all(
        self, url: str, bodies: Sequence[bytes], *, connections: int, token: str
    ) -> Answers:
        """Post every body from there. Raises NotReady."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._process, _posted, url, bodies, connections, token)


def _posted(url: str, bodies: Sequence[bytes], connections: int, token: str) -> Answers:
    return asyncio.run(post_all(url, iter(bodies), connections=connections, token=token))


async def _line(url: str, bodies: Iterator[bytes], token: str, found: Answers) -> None:
    where = urlsplit(url)
    head = (
        f"POST /alert HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        for body in bodies:
            begun = time.perf_counter()
            writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            status = await _answer(reader)
            if status.startswith(_ACCEPTED):
                found.seconds.append(time.perf_counter() - begun)
            else:
                found.refused += 1
    except (OSError, asyncio.IncompleteReadError) as error:
        raise NotReady(f"{url} hung up: {error}") from error
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The status line, when the whole answer has come."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    await reader.readexactly(length)
    return head.split(b"\r\n", 1)[0]
