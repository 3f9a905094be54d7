"""Fixtures and the rule for tests that need the real stack."""

import os

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")  # noqa: TID251  # before langgraph is imported

import ipaddress
import logging
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

for _name in ("OPENAI_API_KEY", "LLM_BASE_URL"):
    os.environ.pop(_name, None)  # noqa: TID251  # no test, and no process of one, may find a model

DATA = Path(__file__).parent / "data"
STACK_REQUIRED = os.environ.get("NIGHTSHIFT_REQUIRE_STACK") == "1"  # noqa: TID251  # a switch of the tests


LONGEST = (
    "tests/test_several_hosts.py",
    "tests/faults/test_postgres.py",
    "tests/test_crash.py",
    "tests/test_service_end_to_end.py",
    "tests/lab/test_crash_bench.py",
)
"""Files that take about a minute: begun first, so that no worker is left alone with one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def miss(reason: str) -> None:
    """Skip a stack test, or fail it where the stack is required."""
    if STACK_REQUIRED:
        pytest.fail(f"{reason} (NIGHTSHIFT_REQUIRE_STACK=1)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def real_docker() -> str:
    """The URL of a Docker daemon that answers, or a skip."""
    import docker
    from docker.errors import DockerException

    client = docker.from_env(timeout=5, version="1.41")
    try:
        client.ping()
    except (DockerException, OSError) as error:
        miss(f"no Docker daemon answers: {error}")
    finally:
        client.close()
    return "unix:///var/run/docker.sock"


@pytest.fixture(scope="session")
def real_prometheus() -> str:
    """The path of a Prometheus binary, or a skip."""
    path = shutil.which("prometheus")
    if path is None or shutil.which("prometheus-alertmanager") is None:
        miss("prometheus and prometheus-alertmanager are not installed")
    return str(path)


@pytest.fixture
def data() -> Path:
    """The recordings of real systems."""
    return DATA


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    """How things are logged ends with the test that said so."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def runbooks_compiled_once() -> Iterator[None]:
    """The same text is the same runbook: compiling all of them takes a third of a second."""
    from tools.frontmatter import Reader, Runbook

    known: dict[tuple[object, ...], Runbook] = {}
    read = Reader.read

    def reading(self: Reader, text: str, *, path: str) -> Runbook:
        key = (self.own, text, path)
        if key not in known:
            known[key] = read(self, text, path=path)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "read", reading)
        yield


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the internet, where models are: a connection there fails the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and _is_public(address[0]):
            raise RuntimeError(f"a test wants to connect to {address[0]}")
        connect(self, address)

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).endswith("openai.com"):
            raise RuntimeError(f"a test wants to ask {host}")
        return getaddrinfo(host, *rest, **more)

    getaddrinfo = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server of this session, or a skip."""
    from tests.postgres import cluster

    with cluster() as address:
        yield address


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The address of a database with an empty store, to be copied."""
    from memory.opening import open_database
    from tests.postgres import database
    from tests.stores import HandClock

    with database(postgres_server) as address:
        open_database(address, clock=HandClock(), owner=True).dispose()
        yield address


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """The address of this test's own database, in which there is nothing yet, or a skip."""
    from tests.postgres import database

    with database(postgres_server) as address:
        yield address


@pytest.fixture
def postgres(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The address of this test's own database with an empty store, or a skip."""
    from tests.postgres import database

    with database(postgres_server, like=postgres_template) as address:
        yield address
