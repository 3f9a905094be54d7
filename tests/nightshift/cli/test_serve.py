"""`nightshift serve`, as a process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from nightshift.cli.serve import listener

Start = Callable[..., "subprocess.Popen[str]"]
ROOT = Path(__file__).parents[3]
CORES = len(os.sched_getaffinity(0))
PATIENCE_S = 90
"""Starts take long on a busy machine; how long is no matter of these tests."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("--port", "0")` in an empty directory; whatever runs is ended with the test."""
    running: list[subprocess.Popen[str]] = []
    settings = {"PYTHONPATH": str(ROOT), "DOCKER_HOSTS": "gone=tcp://127.0.0.1:9", "PATH": ""}

    def begin(*words: str, **more: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "nightshift", "serve", *words]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=settings | more, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def _address(process: "subprocess.Popen[str]") -> str:
    """The address that it says it listens on."""
    assert process.stderr is not None
    line = next(line for line in process.stderr if "listens on" in line)
    return line.split()[-1]


def test_it_serves_and_ends_in_order(start: Start) -> None:
    """Also with its Docker host out of reach; SIGTERM ends it with 0."""
    process = start("--port", "0")
    url = _address(process)

    health, ready = httpx.get(f"{url}/health"), httpx.get(f"{url}/ready")
    process.send_signal(signal.SIGTERM)

    assert health.json()["service"] == "nightshift"
    assert "docker" in str(ready.json()["degraded"])
    assert process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.skipif(CORES < 2, reason="this process may use one core only")
@pytest.mark.parametrize(("one_core", "cores"), [("true", 1), ("false", CORES)])
def test_all_its_threads_keep_to_one_core(start: Start, one_core: str, cores: int) -> None:
    """Also those that libraries start; unless told otherwise."""
    process = start("--port", "0", NIGHTSHIFT_ONE_CORE=one_core)
    httpx.get(f"{_address(process)}/ready")
    found = list[set[int]]()
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            found.append(os.sched_getaffinity(int(thread.name)))

    assert len(found) > 3
    assert {len(one) for one in found} == {cores}
    assert len({frozenset(one) for one in found}) == 1


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """What is accepted inherits the option from the listening socket."""
    with listener("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()

        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted.close()


def test_a_second_one_on_the_same_data_is_refused(start: Start) -> None:
    """One sentence and exit code 3, no traceback."""
    _address(start("--port", "0"))
    second = start("--port", "0")

    _, said = second.communicate(timeout=PATIENCE_S)

    assert second.returncode == 3
    assert "NIGHTSHIFT_DATA_DIR" in said
    assert "Traceback" not in said


def test_beyond_this_machine_a_token_is_shown_once(start: Start, tmp_path: Path) -> None:
    """And kept; without it nothing is told."""
    process = start("--port", "0", "--host", "0.0.0.0")  # noqa: S104  # with a token, for a moment
    assert process.stderr is not None
    shown = [next(process.stderr) for _ in range(5)]
    url = _address(process).replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # the same

    token = (tmp_path / "data" / "token").read_text().strip()
    bare = httpx.get(f"{url}/stats")
    known = httpx.get(f"{url}/stats", headers={"Authorization": f"Bearer {token}"})

    assert token in "".join(shown)
    assert (bare.status_code, known.status_code) == (401, 200)


def test_told_to_end_while_it_starts(start: Start, tmp_path: Path) -> None:
    """A daemon that takes the connection and says nothing holds the start up: it ends with 0."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mute = {"DOCKER_HOSTS": f"mute=tcp://127.0.0.1:{port}", "DOCKER_TIMEOUT_S": "2"}
        process = start("--port", "0", **mute)
        called, _ = silent.accept()
        process.send_signal(signal.SIGTERM)

        with called:
            assert process.wait(timeout=PATIENCE_S) == 0
