"""doctor's findings on what is optional and elsewhere."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from lab.standins.proxmox_access import SECRET, TOKEN
from nightshift import doctor
from nightshift import doctor_remote as remote
from nightshift.doctor import Check, State, exit_code
from nightshift.settings import Settings
from tests.proxmox_rig import rig

Make = Callable[..., Settings]
GONE = "http://127.0.0.1:9"
CHECKS: tuple[Check, ...] = (
    remote.qdrant,
    remote.proxmox,
    remote.model,
    remote.embeddings,
    remote.heartbeat,
)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(**settings)`."""
    return lambda **given: Settings(_env_file=None, nightshift_data_dir=tmp_path, **given)


def everything(url: str) -> dict[str, Any]:
    """Settings that have it all, and all at one address."""
    return {
        "qdrant_url": url,
        "proxmox_host": url.removeprefix("http://"),
        "proxmox_user": "agent@pve!nightshift",
        "proxmox_token_value": SecretStr("t0ps3cret"),
        "llm_base_url": f"{url}/v1",
        "embeddings_base_url": f"{url}/v1",
        "heartbeat_url": SecretStr(f"{url}/t0ps3cret"),
    }


async def test_what_is_not_configured_is_not_spoken_of(make: Make) -> None:
    """Nobody needs to mend what they did not ask for."""
    assert [one for check in CHECKS for one in await check(make())] == []


async def test_everything_out_of_reach_is_named_with_its_setting(make: Make) -> None:
    """Each in a finding of its own, which says what to look at and no secret."""
    found = [one for check in CHECKS for one in await check(make(**everything(GONE)))]

    assert [one.state for one in found] == ["unreachable"] * 5
    for one, setting in zip(
        found,
        ("QDRANT_URL", "PROXMOX_HOST", "LLM_BASE_URL", "EMBEDDINGS_BASE_URL", "HEARTBEAT_URL"),
        strict=True,
    ):
        assert setting in one.mend
    assert "t0ps3cret" not in str(found)


async def test_the_doctor_asks_them_all(make: Make) -> None:
    """And its exit code says that something does not answer."""
    found = await doctor.examine(make(**everything(GONE)))
    names = {one.name for one in found if one.state == "unreachable"}

    assert {"qdrant", "proxmox", "model", "embeddings", "heartbeat"} <= names
    assert exit_code(found) == 4


async def test_what_never_answers_is_waited_for_together_and_not_long(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the connection and says nothing costs each check its bound, at once."""
    monkeypatch.setattr(remote, "TIMEOUT_S", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = make(**everything(f"http://127.0.0.1:{port}"))
        async with asyncio.timeout(8):
            groups = await asyncio.gather(*(check(settings) for check in CHECKS))

    assert [one.state for (one,) in groups] == ["unreachable"] * 4 + ["ok"]


@pytest.mark.parametrize(
    ("status", "state"), [(200, "ok"), (401, "misconfigured"), (502, "unreachable")]
)
async def test_qdrant_is_shown_its_key(
    make: Make, httpserver: Any, status: int, state: State
) -> None:
    """A key that is refused is a wrong setting, not a server that is away."""
    headers = {"api-key": "q-key"}
    httpserver.expect_request("/collections", headers=headers).respond_with_json({}, status=status)
    given = make(qdrant_url=httpserver.url_for("/"), qdrant_api_key=SecretStr("q-key"))

    (found,) = await remote.qdrant(given)

    assert (found.state, bool(found.mend)) == (state, state != "ok")


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, {"data": [{"id": "llama3:latest"}]}, "ok"),
        (200, {"data": [{"id": "other"}]}, "warning"),
        (200, ["no", "list"], "ok"),
        (404, {}, "ok"),
        (401, {}, "misconfigured"),
        (503, {}, "unreachable"),
    ],
)
async def test_a_model_server_is_asked_for_its_models(
    make: Make, httpserver: Any, status: int, body: object, state: State
) -> None:
    """A list costs nothing; a server without one is believed."""
    httpserver.expect_request("/v1/models").respond_with_json(body, status=status)
    given = make(llm_base_url=httpserver.url_for("/v1"), llm_model="llama3")

    (found,) = await remote.model(given)

    assert found.state == state


@pytest.mark.parametrize(("secret", "state"), [(SECRET, "ok"), ("wrong", "misconfigured")])
async def test_a_cluster_is_asked_for_our_privileges(make: Make, secret: str, state: State) -> None:
    """A token that it refuses is a wrong setting."""
    async with rig() as cluster:
        given = make(
            proxmox_host=cluster.served.host,
            proxmox_user=TOKEN,
            proxmox_token_value=SecretStr(secret),
            proxmox_ca=Path(cluster.served.ca),
        )
        (found,) = await remote.proxmox(given)

    assert (found.state, bool(found.mend)) == (state, state != "ok")


async def test_a_heartbeat_is_not_sent(make: Make, httpserver: Any) -> None:
    """A doctor's visit is no sign of life of the service."""
    url = SecretStr(httpserver.url_for("/ping/t0ps3cret"))
    (found,) = await remote.heartbeat(make(heartbeat_url=url))

    assert (found.state, httpserver.log) == ("ok", [])
    assert "t0ps3cret" not in found.detail
