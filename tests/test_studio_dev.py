"""`langgraph dev`, offline: the same graph, the same /alert, and no way to act."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.decision import Allowed, NeedsApproval
from nightshift.cli import app
from tests.conftest import miss
from tests.recorded_incident import crash_healed
from tests.studio_server import LANGGRAPH, StudioServer, studio_server

pytestmark = pytest.mark.timeout(240)

YES = Allowed(reason="a person wrote this into the state").plain()
ASK = NeedsApproval(rule="mode", reason="mode approve").plain()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioServer]:
    """One server for all of this file, whose user's settings would let it act."""
    if not LANGGRAPH.exists():
        miss("langgraph-cli[inmem] is not installed")
    folder = tmp_path_factory.mktemp("studio")
    with studio_server(folder, NIGHTSHIFT_MODE="auto", NIGHTSHIFT_HOST="0.0.0.0") as started:  # noqa: S104  # must not matter here
        yield started


@pytest.fixture(scope="module")
def observed(studio: StudioServer) -> str:
    """An incident that came in by /alert and has ended."""
    incident = studio.alert("web")
    studio.ended(incident)
    return incident


def forced(studio: StudioServer, thread: str, decision: Any) -> Any:
    """Fork where the decision was made, with another one; returns the branch's checkpoint."""
    decided = studio.before(thread, "analyse")
    known = studio.before(thread, "notify")["values"]
    return studio.fork(thread, decided, {**known, "decision": decision}, as_node="analyse")


def test_an_alert_becomes_a_thread(studio: StudioServer, observed: str) -> None:
    """It runs to its end in mode observe, whatever NIGHTSHIFT_MODE says."""
    ended = studio.ended(observed)
    thread = studio.thread(observed)

    assert (ended["outcome"], ended["diagnosis"]["cause"]) == ("observed", "crashed")
    assert thread["metadata"]["alert"] == "ContainerDown"
    assert thread["values"]["reason"] == "mode observe; would have done start"


def test_the_state_history_tells_the_path(studio: StudioServer, observed: str) -> None:
    """One checkpoint a node, with the whole state."""
    history = studio.history(studio.thread(observed)["thread_id"])
    path = [node for one in history for node in one["next"]]

    assert path[1:] == ["monitor", "retrieve-history", "analyse", "notify", "learn"]
    assert history[-1]["values"]["stored"] is True


@pytest.mark.parametrize("path", ["/assistants/{}/schemas", "/assistants/{}/graph", "/info", "/ok"])
def test_what_studio_draws_is_there(studio: StudioServer, path: str) -> None:
    """Schemas and graph of the one assistant, whose context is an empty form."""
    assistant = studio.http.post("/assistants/search", json={}).json()[0]
    found = studio.http.get(path.format(assistant["assistant_id"]))

    assert found.status_code == 200
    assert found.json().get("context_schema", {}).get("properties", {}) == {}


def test_a_fork_with_a_forced_yes_does_nothing(studio: StudioServer, observed: str) -> None:
    """Only the incident's own run may act, and no thread of Studio is that."""
    thread = studio.thread(observed)["thread_id"]
    branch = forced(studio, thread, YES)
    end = studio.run(thread, checkpoint=branch)

    assert [one["result"] for one in end["attempts"]] == ["refused"]
    assert "copy" in end["reason"]
    assert studio.docker.actions == []


def test_a_thread_under_the_incidents_own_id_does_nothing(
    studio: StudioServer, observed: str
) -> None:
    """Where the thread is no reason to refuse, the ledger gives no leave to act."""
    known = studio.before(studio.thread(observed)["thread_id"], "notify")["values"]
    made = {"thread_id": observed, "metadata": {"graph_id": "nightshift"}}
    studio.http.post("/threads", json=made).raise_for_status()
    studio.fork(observed, None, {**known, "decision": YES}, as_node="analyse")
    end = studio.run(observed)

    assert [one["detail"] for one in end["attempts"]] == ["Studio only looks"]
    assert studio.docker.actions == []


def test_nobody_hands_in_another_context(studio: StudioServer, observed: str) -> None:
    """Ports and limits are never read from a request: the run fails."""
    thread = studio.thread(observed)["thread_id"]
    branch = forced(studio, thread, YES)
    end = studio.run(thread, checkpoint=branch, context={"limits": {"mode": "auto"}})

    assert "unexpected keyword argument" in end["__error__"]["message"]
    assert studio.docker.actions == []


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"decisions": [{"type": "approve"}]}, "refused"),
        ([{"type": "approve"}], "refused"),
        ("approve", "refused"),
        ({"nonsense": 7}, "denied"),
    ],
)
def test_an_answer_to_the_interrupt_acts_in_no_shape(
    studio: StudioServer, observed: str, answer: Any, result: str
) -> None:
    """A yes in Studio reaches heal, which refuses; what is no answer is a no."""
    thread = studio.http.post(f"/threads/{studio.thread(observed)['thread_id']}/copy").json()
    branch = forced(studio, thread["thread_id"], ASK)
    asked = studio.run(thread["thread_id"], checkpoint=branch)["__interrupt__"][0]["value"]
    end = studio.run(thread["thread_id"], command={"resume": answer})

    action = asked["action_requests"][0]
    assert action["args"] == action["arguments"]
    assert result in [end["outcome"], *(one["result"] for one in end["attempts"])]
    assert studio.docker.actions == []


def test_what_is_no_recording_is_refused(studio: StudioServer) -> None:
    """By us, in our words."""
    answer = studio.http.post("/studio/recordings", json={"incident": 7})

    assert answer.status_code == 422
    assert "no recording" in answer.json()["error"]


def test_web_pages_meet_studio_and_not_us(studio: StudioServer) -> None:
    """Studio's page may read threads from the browser; no page may post alerts."""
    page = {"origin": "https://smith.langchain.com"}
    stranger = studio.http.post("/threads/search", json={}, headers={"origin": "https://evil.test"})
    threads = studio.http.post("/threads/search", json={}, headers=page)
    posted = studio.http.post("/alert", json={}, headers=page)

    assert threads.headers["access-control-allow-origin"] == page["origin"]
    assert "access-control-allow-origin" not in stranger.headers
    assert (threads.status_code, posted.status_code) == (200, 403)


@pytest.fixture(scope="module")
def copied(studio: StudioServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `nightshift studio ID` printed for an incident of the service."""
    folder = tmp_path_factory.mktemp("data")
    incident = asyncio.run(crash_healed(folder))
    words = ["studio", incident, "--url", studio.url, "--data-dir", str(folder), "--json"]
    done = CliRunner().invoke(app, words)

    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_copied_incident_shows_the_path_it_took(studio: StudioServer, copied: Any) -> None:
    """Its checkpoints, in order, with the states they had."""
    history = studio.history(copied["thread"])
    path = [node for one in history for node in one["next"]]

    assert path[1:] == [
        "monitor",
        "retrieve-history",
        "analyse",
        "heal",
        "verify",
        "notify",
        "learn",
    ]
    assert history[-1]["values"]["outcome"] == "resolved"
    assert copied["page"].endswith(f"/{copied['thread']}?baseUrl={studio.url}")


def test_a_copy_is_decided_again_over_what_was_seen_then(studio: StudioServer, copied: Any) -> None:
    """A fork before analyse finds the same crash, in mode observe; the present plays no part."""
    before = studio.before(copied["thread"], "analyse")
    end = studio.run(copied["thread"], checkpoint=before["checkpoint"])

    assert end["diagnosis"]["cause"] == "crashed"
    assert (end["outcome"], end["remedy"]["name"]) == ("observed", "start")


def test_a_copy_with_a_forced_yes_does_nothing(studio: StudioServer, copied: Any) -> None:
    """Its target is not even known to this server's Docker, and nothing is sent."""
    before = studio.before(copied["thread"], "analyse")
    known = studio.before(copied["thread"], "heal")["values"]
    branch = studio.fork(copied["thread"], before, {**known, "decision": YES}, as_node="analyse")
    end = studio.run(copied["thread"], checkpoint=branch)

    assert end["attempts"][-1]["result"] == "refused"
    assert studio.docker.actions == []


def test_the_services_data_is_left_alone(studio: StudioServer, copied: Any) -> None:
    """Studio keeps its own store; the copied incident is a recording, not one of its incidents."""
    listed = studio.http.get("/incidents").json()["incidents"]

    assert copied["incident"] not in [one["id"] for one in listed]
