import asyncio
from collections.abc import AsyncIterator

import pytest

from lab.gate import Gates
from lab.processes import free_port

INSIDE = "127.0.0.2"


class Switch:
    """Whether the gate is open."""

    on = True


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """A server on the inside that says back what it hears, and its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    port = free_port()
    async with await asyncio.start_server(answer, INSIDE, port):
        yield port


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What comes back; nothing when the line is cut."""
    try:
        writer.write(b"hello\n")
        async with asyncio.timeout(5):
            return await reader.readline()
    except OSError:
        return b""


async def test_an_open_gate_carries_both_ways(echo: int) -> None:
    """The same port on 127.0.0.1 leads inside."""
    async with Gates(lambda: True) as gates:
        line = await asyncio.open_connection("127.0.0.1", await gates.to_port(INSIDE, echo))

        assert await said(*line) == b"hello\n"
        line[1].close()


async def test_a_closed_gate_answers_nobody(echo: int) -> None:
    """A connection is cut before anything comes back."""
    async with Gates(lambda: False) as gates:
        line = await asyncio.open_connection("127.0.0.1", await gates.to_port(INSIDE, echo))

        assert await said(*line) == b""
        line[1].close()


async def test_a_gate_that_closes_cuts_what_is_open(echo: int) -> None:
    """As a host that loses its power: streams end, also those that say nothing."""
    switch = Switch()
    async with Gates(lambda: switch.on) as gates:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", await gates.to_port(INSIDE, echo)
        )
        before = await said(reader, writer)
        switch.on = False
        async with asyncio.timeout(5):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)

        assert before == b"hello\n"
        writer.close()
