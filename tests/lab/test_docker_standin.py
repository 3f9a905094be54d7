"""The stand-in answers as the recorded daemon did: shapes, status codes, bodies, framing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.standins.docker import DockerStandin, running
from lab.world import Service, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """`web` with a limit and a port, `db` plain."""
    made = World()
    made.add(Service(name="web", memory_limit=64 * 1024**2, port=18080, labels={"a": "b"}))
    made.add(Service(name="db", health=False))
    yield made
    await made.aclose()


@pytest.fixture
def standin(world: World) -> DockerStandin:
    return DockerStandin(world)


@pytest.fixture
async def api(standin: DockerStandin) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client of it."""
    async with running(standin) as url:
        base = url.replace("tcp:", "http:") + "/v1.41"
        async with httpx.AsyncClient(base_url=base, timeout=5, trust_env=False) as client:
            yield client


def strays(ours: Any, recorded: Any, path: str = "") -> list[str]:
    """Where our JSON has a key or a type that the recording has not."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        free = path.endswith(("Labels", "Networks", "Ports", "PortBindings", "ExposedPorts"))
        keys = [key for key in ours if key not in recorded and not free]
        deeper = [
            strays(ours[key], recorded[key], f"{path}.{key}") for key in ours if key in recorded
        ]
        return [f"{path}.{key}" for key in keys] + [one for found in deeper for one in found]
    if isinstance(ours, list) and isinstance(recorded, list) and ours and recorded:
        return strays(ours[0], recorded[0], f"{path}[]")
    same = ours is None or recorded is None or type(ours) is type(recorded)
    return [] if same else [f"{path}: {type(ours).__name__}"]


@pytest.mark.parametrize(
    ("path", "recording"),
    [
        ("/containers/web/json", "inspect_running"),
        ("/containers/web/stats?stream=false", "stats_running"),
        ("/version", "version"),
        ("/info", "info"),
        ("/containers/json?all=1", "list"),
    ],
)
async def test_answers_have_the_recorded_shape(
    api: httpx.AsyncClient, data: Path, path: str, recording: str
) -> None:
    """No key and no type that a real daemon did not send."""
    recorded = json.loads((data / "docker" / f"{recording}.json").read_text())

    assert strays((await api.get(path)).json(), recorded) == []


async def test_inspect_has_everything_that_is_read(
    api: httpx.AsyncClient, world: World, data: Path
) -> None:
    """The state of a crashed container holds the same keys as the recorded one."""
    await world.break_("web", "crash")
    ours = (await api.get("/containers/web/json")).json()
    recorded = json.loads((data / "docker" / "inspect_crash.json").read_text())

    assert set(ours["State"]) == set(recorded["State"])
    assert set(ours) <= set(recorded)
    assert (ours["State"]["ExitCode"], ours["NetworkSettings"]["Ports"]) == (1, {})


@pytest.mark.parametrize(
    ("before", "verb", "status", "message"),
    [
        ("", "start", 304, ""),
        ("", "unpause", 500, "is not paused"),
        ("", "restart?t=1", 204, ""),
        ("", "pause", 204, ""),
        ("", "stop?t=1", 204, ""),
        ("", "kill", 204, ""),
        ("paused", "start", 409, "cannot start a paused container, try unpause instead"),
        ("paused", "pause", 409, "is already paused"),
        ("paused", "unpause", 204, ""),
        ("paused", "restart?t=1", 204, ""),
        ("crash", "start", 204, ""),
        ("crash", "stop", 304, ""),
        ("crash", "kill", 409, "is not running"),
        ("crash", "pause", 409, "is not running"),
        ("crash", "unpause", 500, "is not paused"),
        ("unstartable", "start", 500, "port is already allocated"),
        ("unstartable", "restart", 500, "Cannot restart container"),
    ],
)
async def test_verbs_answer_as_docker_does(
    api: httpx.AsyncClient, world: World, before: Any, verb: str, status: int, message: str
) -> None:
    """Status and message by the state it was in; the judge's list has the call."""
    if before:
        await world.break_("web", before)
    answer = await api.post(f"/containers/{world.get('web').id}/{verb}")

    assert answer.status_code == status
    assert message in (answer.json()["message"] if answer.content else "")
    assert [(act.verb, act.status) for act in world.actions] == [(verb.split("?")[0], status)]


@pytest.mark.parametrize(
    ("memory", "swap", "status", "limits"),
    [
        (128, 128, 200, (128, 128)),
        (128, -1, 200, (128, -1)),
        (128, 0, 409, (64, 64)),
        (5, 5, 400, (64, 64)),
        (128, 64, 400, (64, 64)),
        (0, 0, 200, (64, 64)),
    ],
)
async def test_memory_is_changed_only_with_its_swap(
    api: httpx.AsyncClient,
    world: World,
    memory: int,
    swap: int,
    status: int,
    limits: tuple[int, int],
) -> None:
    """Alone 409, too little 400, zero ignored (sizes in MiB)."""
    body = {"Memory": memory << 20, "MemorySwap": swap << 20 if swap > 0 else swap}
    answer = await api.post("/containers/web/update", json=body)
    web = world.get("web")

    assert answer.status_code == status
    swapped = web.memswap_limit >> 20 if web.memswap_limit > 0 else web.memswap_limit
    assert (web.memory_limit >> 20, swapped) == limits


@pytest.mark.parametrize(
    ("network", "container", "status", "message"),
    [
        ("lab", "web", 403, "endpoint with name web already exists in network lab"),
        ("nope", "web", 404, "network nope not found"),
        ("lab", "nope", 404, "No such container: nope"),
    ],
)
async def test_connecting_is_refused_as_docker_refuses(
    api: httpx.AsyncClient, network: str, container: str, status: int, message: str
) -> None:
    """Connected already, no such network, no such container."""
    answer = await api.post(
        f"/networks/{network}/connect", json={"Container": container, "EndpointConfig": {}}
    )

    assert (answer.status_code, answer.json()["message"]) == (status, message)


async def test_references_are_taken_as_docker_takes_them(
    api: httpx.AsyncClient, world: World
) -> None:
    """Six digits of the id find it, a part of the name does not."""
    by_prefix = await api.get(f"/containers/{world.get('web').id[:6]}/json")
    by_part = await api.get("/containers/we/json")

    assert by_prefix.json()["Name"] == "/web"
    assert (by_part.status_code, by_part.json()) == (404, {"message": "No such container: we"})


async def test_logs_are_framed(api: httpx.AsyncClient, world: World) -> None:
    """Eight bytes of header a line: stream and length."""
    await world.break_("web", "crash")
    body = (await api.get("/containers/web/logs?stderr=1&stdout=1&tail=1")).content

    assert body[:4] == b"\x02\x00\x00\x00"
    assert int.from_bytes(body[4:8], "big") == len(body) - 8


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"label": ["a=b"]}, ["web"]),
        ({"label": ["a"]}, ["web"]),
        ({"status": ["exited"]}, []),
        ({"name": ["d"]}, ["db"]),
        ({}, ["web", "db"]),
    ],
)
async def test_listings_are_filtered(
    api: httpx.AsyncClient, filters: dict[str, list[str]], names: list[str]
) -> None:
    """By label, status and name."""
    params = {"all": "1", "filters": json.dumps(filters)}
    listed = (await api.get("/containers/json", params=params)).json()

    assert [row["Names"][0][1:] for row in listed] == names


async def test_past_events_end_at_until(api: httpx.AsyncClient, world: World) -> None:
    """One JSON object a line, with Docker's keys, from since to until, filtered."""
    await world.break_("web", "stopped")
    asked = {"type": ["container"], "event": ["kill", "die"]}
    params = {
        "since": "0",
        "until": str(world.clock.now().timestamp()),
        "filters": json.dumps(asked),
    }
    lines = (await api.get("/events", params=params)).text.splitlines()
    events = [json.loads(line) for line in lines]

    assert [event["Action"] for event in events] == ["kill", "die"]
    assert events[1]["Actor"]["Attributes"]["exitCode"] == "0"
    assert events[0]["timeNano"] // 10**9 == events[0]["time"]


async def test_faults_are_injected_by_route(api: httpx.AsyncClient, standin: DockerStandin) -> None:
    """Status, hang-up and delay, each as often as told; other routes are not touched."""
    standin.faults.add(r"/json$", status=503, body=b'{"message":"busy"}', times=1)
    standin.faults.add(r"/json$", disconnect="before", times=1)
    first = await api.get("/containers/web/json")
    with pytest.raises(httpx.RemoteProtocolError):
        await api.get("/containers/web/json")
    third, ping = await api.get("/containers/web/json"), await api.get("/_ping")

    assert (first.status_code, first.json()) == (503, {"message": "busy"})
    assert (third.status_code, ping.text) == (200, "OK")


async def test_a_hang_up_after_the_work_leaves_it_done(
    api: httpx.AsyncClient, standin: DockerStandin, world: World
) -> None:
    """The effect took place, and nobody was told: the case that settling is for."""
    standin.faults.add("/pause", disconnect="after", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await api.post("/containers/web/pause")

    assert world.get("web").status == "paused"


async def test_open_streams_end_with_the_server(standin: DockerStandin) -> None:
    """Leaving the block hangs up at once, without waiting for a reader."""
    async with running(standin) as url:
        reading = asyncio.ensure_future(_read(url.replace("tcp:", "http:") + "/events"))
        await standin.faults.arrived("/events")

    with pytest.raises(httpx.HTTPError):
        await asyncio.wait_for(reading, 10)


async def _read(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", url) as answer:
        await answer.aread()
