import threading
from collections.abc import Iterator

import httpx
import pytest

from lab.blackbox import probe, serve
from lab.processes import free_port


@pytest.fixture
def prober() -> Iterator[str]:
    """A running prober's address."""
    server = serve(free_port())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_that_answers_is_a_success(prober: str) -> None:
    """It speaks blackbox_exporter's path, parameter and metric."""
    target = f"{prober}/-/healthy"

    said = httpx.get(f"{prober}/probe", params={"target": target, "module": "http_2xx"}).text

    assert "probe_success 1" in said.splitlines()
    assert "probe_http_status_code 200" in said


def test_a_page_that_does_not_answer_is_a_failure() -> None:
    """Nobody listens there."""
    said = probe(f"http://127.0.0.1:{free_port()}/")

    assert "probe_success 0" in said.splitlines()
