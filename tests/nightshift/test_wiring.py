"""Opening the real service: what settings make of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.errors import BadConfiguration
from lab.standins.docker import DockerStandin, running
from lab.standins.prometheus import Prometheus
from lab.world import Service as Spec
from lab.world import World
from memory.learned import LearnedMemory
from nightshift.service import Service
from nightshift.settings import Settings
from nightshift.testing import firing
from nightshift.wiring import open_service


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of a service over a simulated Docker host with one container."""
    world = World()
    world.add(Spec(name="web"))
    async with running(DockerStandin(world)) as url:
        yield settings.model_copy(update={"docker_hosts": {"demo": url}})
    await world.aclose()


def also(settings: Settings, **changes: Any) -> Settings:
    """The settings with some changes."""
    return settings.model_copy(update=changes)


@pytest.mark.parametrize(
    ("token", "chat", "channels"),
    [
        (None, "", ("console",)),
        (None, "42", ("console",)),
        (SecretStr("1:a"), "", ("console",)),
        (SecretStr("1:a"), "42", ("console", "telegram")),
    ],
)
async def test_telegram_needs_a_token_and_a_chat(
    shop: Settings, token: SecretStr | None, chat: str, channels: tuple[str, ...]
) -> None:
    """Nobody is written to with half a configuration; Telegram need not answer at start."""
    given = also(
        shop,
        telegram_bot_token=token,
        telegram_chat_id=chat,
        telegram_base_url="http://127.0.0.1:9/bot",
    )
    async with open_service(given, work=False) as service:
        assert service.store.channels == channels


async def test_without_work_nothing_runs(shop: Settings) -> None:
    """A look, no more: no worker, no subscription; the files are there and private."""
    async with open_service(shop, work=False) as service:
        assert service._tasks == {}
    files = [shop.nightshift_data_dir / name for name in ("nightshift.db", "checkpoints.db")]

    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600", "0o600"]


async def test_without_work_alerts_are_sorted(shop: Settings) -> None:
    """Whoever only takes alerts in makes incidents of them, for other processes to work on."""
    async with open_service(shop, work=False, accept=True) as service:
        await service.store.deliver([firing(name="nobody")])
        while not await service.store.incidents(limit=1):
            await service.store.wait_change(None, timeout=1)

        assert sorted(service._tasks) == ["health", "sorter"]


async def test_with_work_everything_does(shop: Settings) -> None:
    """Workers, watch, health, check, one courier a channel and the index; all end with it."""
    async with open_service(also(shop, nightshift_workers=2)) as service:
        tasks = dict(service._tasks)
        running_now = [name for name, task in tasks.items() if not task.done()]

    assert running_now == [
        "worker-0", "worker-1", "watch", "health", "check", "sorter", "outbox-console",
        "outbox-wakeup", "memory", "audit", "retention",
    ]  # fmt: skip
    assert all(task.done() for task in tasks.values())


async def test_a_second_service_is_refused(shop: Settings) -> None:
    """Two on one directory would both drive; the message says who is there."""
    async with open_service(shop, work=False):
        with pytest.raises(BadConfiguration, match="another Nightshift"):
            async with open_service(shop, work=False):
                pass


async def test_a_bad_runbook_is_named_at_start(shop: Settings, tmp_path: Path) -> None:
    """The service does not start on half of what was written."""
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "mine.md").write_text("---\nid: mine\n---\n")
    with pytest.raises(BadConfiguration, match=r"mine\.md"):
        async with open_service(also(shop, nightshift_runbooks=tmp_path / "books")):
            pass


async def readiness(service: Service) -> Any:
    """What it says once it has looked."""
    await service.look()
    return service.readiness()


async def test_components_speak_for_themselves(shop: Settings) -> None:
    """All of them are asked, and are well."""
    async with (
        Prometheus() as prometheus,
        open_service(also(shop, prometheus_url=prometheus.url), work=False) as service,
    ):
        assert isinstance(service.deps.memory, LearnedMemory)
        await service.deps.memory.refill()
        state = (await readiness(service))["components"]

    assert {name: state[name] for name in ("database", "docker", "prometheus", "memory")} == {
        "database": "ok", "docker": "ok", "prometheus": "ok", "memory": "ok",
    }  # fmt: skip


async def test_what_is_out_of_reach_is_named(shop: Settings) -> None:
    """Docker by its host's name; without either the service starts and says so."""
    given = also(
        shop,
        docker_hosts={"nas": "tcp://127.0.0.1:9"},
        prometheus_url="http://127.0.0.1:9",
    )
    async with open_service(given, work=False) as service:
        state = service.readiness()

    assert state["ready"] is True
    assert "'nas'" in str(state["degraded"])
    assert "Prometheus cannot be reached" in str(state["degraded"])


async def test_what_a_dead_process_left_is_taken_up(shop: Settings) -> None:
    """Jobs that were taken are given back before the first worker asks."""
    async with open_service(shop, work=False) as service:
        (incident,) = await service.store.accept([firing(name="nobody")])
        assert await service.store.take()
    async with open_service(also(shop, nightshift_workers=1)) as service, asyncio.timeout(10):
        while (await service.store.incident(incident)).status != "done":
            await service.store.wait_change(None, timeout=0.1)
        outcome = (await service.store.incident(incident)).outcome

    assert outcome == "escalated"
