"""The parts of Studio, without `langgraph dev`; together with it: tests/test_studio_dev.py."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from domain.decision import Allowed
from domain.errors import BadConfiguration, NotFound, Permanent, Transient
from domain.remedy import Effect, Precondition
from memory.store import open_store
from nightshift.clock import SystemClock
from nightshift.recording import Recording, read_recording
from nightshift.settings import Settings
from nightshift.studio.copying import copy_in, page_of, supersteps
from nightshift.studio.desk import DATA, Desk, studio_settings
from nightshift.studio.entry import given
from nightshift.studio.harmless import harmless
from nightshift.studio.mounting import front
from nightshift.studio.runs import StudioRuns, thread_of
from nightshift.testing import T0, World, container, evidence, firing, open_world
from tests.recorded_incident import crash_healed

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web` runs."""
    async with open_world(tmp_path, container("web")) as made:
        yield made


async def recording_in(folder: Path) -> Recording:
    """A healed crash."""
    incident = await crash_healed(folder)
    async with open_store(folder, clock=SystemClock(), owner=False) as store:
        return await read_recording(store, folder, incident)


def start_of(world: World) -> Effect:
    """An effect on `web`."""
    facts = world.containers["web"]
    return Effect(verb="start", target=facts.target, precondition=Precondition.of(facts))


async def test_no_port_of_studio_acts(world: World) -> None:
    """They look as ever, and refuse every effect."""
    deps = harmless(world.deps)

    assert await deps.containers.inventory() == await world.containers.inventory()
    with pytest.raises(Permanent, match="no effects"):
        await deps.containers.perform(start_of(world))
    assert (world.containers.performed, deps.limits.mode) == ([], "observe")


async def test_no_intent_is_written_in_studio(world: World) -> None:
    """Whatever the rules would say: a later run finds nothing to carry out."""
    incident = await world.accept(firing())
    ledger = harmless(world.deps).ledger
    word = await ledger.reserve([], lambda _: Allowed())

    assert word.kind == "refused"
    assert await world.store.entries(incident, 1) == []


async def test_forks_leave_a_finished_incident_alone(world: World) -> None:
    """They claim nothing that nobody would release, and see what they looked at themselves."""
    incident = await world.accept(firing())
    ledger = harmless(world.deps).ledger
    await ledger.keep_evidence(incident, [evidence("logs", data={"last": "first"})])
    await ledger.finish(incident, "observed", "ended", None)
    await ledger.keep_evidence(incident, [evidence("logs", data={"last": "fork"})])
    await ledger.claim(incident, ["container:local/web"])
    await ledger.ask(incident, digest="d", request={}, expires_at=T0)
    await ledger.finish(incident, "escalated", "a fork", None)

    assert (await world.store.incident(incident)).outcome == "observed"
    assert await world.store.holder("container:local/web") is None
    assert (await ledger.evidence(incident, ["logs@1"]))[0].data == {"last": "fork"}
    assert await ledger.approval_expires(incident, "d") == T0


async def test_incidents_that_go_on_are_written_as_ever(world: World) -> None:
    """The thread that an alert opened tells its whole story."""
    incident = await world.accept(firing())
    ledger = harmless(world.deps).ledger
    await ledger.claim(incident, ["container:local/web"])
    await ledger.keep_evidence(incident, [evidence("logs")])

    assert await world.store.holder("container:local/web") == incident
    assert [one.id for one in await world.store.evidence(incident, ["logs@1"])] == ["logs@1"]


def test_nobody_is_told_and_the_services_data_stays_apart() -> None:
    """Whatever the service's settings are."""
    service = Settings(
        _env_file=None,
        nightshift_data_dir=Path("/var/lib/nightshift"),
        nightshift_mode="auto",
        telegram_bot_token=SecretStr("t"),
        heartbeat_url=SecretStr("http://h"),
    )
    quiet = studio_settings(service)

    assert (quiet.nightshift_data_dir, quiet.nightshift_mode) == (DATA, "observe")
    assert (quiet.telegram_bot_token, quiet.heartbeat_url) == (None, None)


async def test_the_context_comes_from_no_request(world: World) -> None:
    """Its form is empty, and what is sent nevertheless is an error."""
    context: Any = given(world.deps)

    assert vars(context()) == vars(world.deps)
    assert TypeAdapter(context).json_schema()["properties"] == {}
    with pytest.raises(TypeError, match="limits"):
        context(limits={"mode": "auto"})


def test_a_live_incident_never_runs_under_its_own_id() -> None:
    """Under that alone heal may act; the same incident has the same thread."""
    assert thread_of("i") != "i"
    assert thread_of("i") == thread_of("i") != thread_of("j")


class FakeThreads:
    """One thread of Studio that a run moves along `states`; `asked` is what runs were given."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self.states, self.asked = list(states), list[Any]()
        self.threads = self.runs = self

    async def create(self, **given: Any) -> None:
        """Made already."""

    async def get_state(self, _: str) -> dict[str, Any]:
        """Where it stands."""
        return {"values": {}, "next": [], "interrupts": [], **self.states[0]}

    async def wait(self, *_: Any, **given: Any) -> None:
        """Go one state on."""
        self.asked.append(given["input"])
        self.states.pop(0)


async def test_a_segment_ends_where_the_services_would(world: World) -> None:
    """It goes on after a look, and a wait is a job in the future."""
    incident = await world.accept(firing())
    wake = world.clock.now().isoformat()
    studio: Any = FakeThreads(
        {}, {"next": ["verify"]}, {"next": ["v"], "values": {"wake_at": wake}}
    )
    job = await world.store.take()
    await StudioRuns(world.store, world.deps, studio).drive(incident)
    assert job
    await world.store.done(job)

    assert [bool(one) for one in studio.asked] == [True, False]
    assert await world.store.next_due() == world.clock.now()


async def test_a_question_ends_a_segment(world: World) -> None:
    """A thread that was begun goes on from where it stands."""
    incident = await world.accept(firing())
    studio: Any = FakeThreads({"next": ["approve"]}, {"next": ["approve"], "interrupts": [1]})
    await StudioRuns(world.store, world.deps, studio).drive(incident)

    assert studio.asked == [None]


async def test_recordings_are_kept_and_found(tmp_path: Path, world: World) -> None:
    """By the incident's id, which names one file and no other place."""
    desk, recording = Desk(tmp_path / "kept"), await recording_in(tmp_path / "data")
    desk._live = harmless(world.deps)
    await desk.keep(recording)
    deps = await desk.deps(recording.incident.id)

    assert await deps.ledger.incident(recording.incident.id) == recording.incident
    assert (await desk.deps()).containers is desk._live.containers
    for unknown in ("../../etc/passwd", thread_of("x")):
        with pytest.raises(NotFound):
            await desk.deps(unknown)


async def test_a_run_without_the_routes_says_what_is_missing() -> None:
    """Not a traceback about None."""
    with pytest.raises(BadConfiguration, match=r"http\.app"):
        await Desk().deps()


async def test_a_copy_has_every_checkpoint(tmp_path: Path) -> None:
    """Each written by its own node, so that the path is the one it took."""
    recording = await recording_in(tmp_path)
    steps = [one["updates"][0] for one in supersteps(recording)]

    assert [one["as_node"] for one in steps][:3] == ["__input__", "__start__", "monitor"]
    assert steps[-1]["values"] == recording.steps[-1].values
    assert page_of("t", "http://h:1/").endswith("/studio/thread/t?baseUrl=http://h:1")


async def test_without_a_server_it_is_out_of_reach(tmp_path: Path) -> None:
    """And an incident that never ran has nothing to show."""
    recording, settings = await recording_in(tmp_path), Settings(_env_file=None)

    with pytest.raises(Transient, match="langgraph dev"):
        await copy_in(recording, NOWHERE, settings)
    with pytest.raises(NotFound, match="no checkpoints"):
        await copy_in(recording.model_copy(update={"steps": []}), NOWHERE, settings)


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, "not Nightshift's"), (401, "NIGHTSHIFT_TOKEN"), (500, "answered 500")],
)
async def test_another_server_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, says: str
) -> None:
    """One sentence that tells what to do."""
    recording = await recording_in(tmp_path)

    def answering(self: Any, request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, request=request)

    async def handle(self: Any, request: httpx.Request) -> httpx.Response:
        return answering(self, request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    with pytest.raises(Permanent, match=says):
        await copy_in(recording, NOWHERE, Settings(_env_file=None))


async def _who(request: Request) -> JSONResponse:
    return JSONResponse([request.state.name, request.url.path, request.path_params])


@asynccontextmanager
async def _named(_: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"name": "ours"}


@pytest.fixture
def mounted() -> Iterator[TestClient]:
    """An application taken apart as `langgraph dev` does it: what its lifespan yields is lost."""
    inner = Starlette(
        routes=[Route("/one/{id}", _who), Mount("/files", routes=[Route("/a", _who)])],
        lifespan=_named,
    )
    taken = front(inner)
    entered = taken.router.lifespan_context

    @asynccontextmanager
    async def merged(app: Starlette) -> AsyncIterator[None]:
        async with entered(app):
            yield

    taken.router.lifespan_context = merged
    with TestClient(taken) as client:
        yield client


def test_routes_have_what_their_lifespan_opened(mounted: TestClient) -> None:
    """Though the server that took them in drops it."""
    assert mounted.get("/one/7").json() == ["ours", "/one/7", {"id": "7"}]
    assert mounted.get("/files/a").json()[:2] == ["ours", "/files/a"]
    assert mounted.get("/threads").status_code == 404


def test_langgraph_json_names_what_there_is() -> None:
    """Dotted entries: a path to a file would load the module twice."""
    told = json.loads((ROOT / "langgraph.json").read_text())

    assert told["graphs"]["nightshift"]["path"] == "nightshift.studio.entry:graph"
    assert told["http"]["app"] == "nightshift.studio.entry:app"
    assert "*" not in told["http"]["cors"]["allow_origins"]
