import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from benchmarks.episodes import made
from domain.errors import Transient
from domain.incident import Episode
from memory import tables
from memory.database import Database
from memory.incidents import IncidentMemory
from memory.opening import open_database
from memory.told import _incident, _Now

HOLDING = """
import sys
from pathlib import Path
from memory.edge import EdgeIndex
from memory.opening import open_database
from memory.told import _Now

folder = Path(sys.argv[1])
store = open_database(folder, clock=_Now(), owner=True)
index = EdgeIndex(folder / "memory", name="lexical-1", dim=512)
index.count()
print("up", flush=True)
sys.stdin.read()
index.close()
"""


def _service(folder: Path) -> Database:
    """The store as the service opens it."""
    return open_database(folder, clock=_Now(), owner=True)


def _rows(episodes: list[Episode]) -> list[dict[str, Any]]:
    return [
        {
            "tenant": "default",
            "incident": each.incident,
            "alert_name": each.alert_name,
            "service": each.service,
            "kind": each.kind,
            "body": each,
        }
        for each in episodes
    ]


def _learn(store: Database, episodes: list[Episode]) -> None:
    with store.writer.begin() as connection:
        connection.execute(
            insert(tables.incidents), [_incident(each, "default") for each in episodes]
        )
        connection.execute(insert(tables.episodes), _rows(episodes))


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """The data directory of a service that has stopped, with 30 episodes."""
    store = _service(tmp_path)
    _learn(store, [made(number) for number in range(30)])
    asyncio.run(store.close())
    return tmp_path


def test_a_new_directory_is_empty_and_no_error(tmp_path: Path) -> None:
    """Nothing found, nothing counted, nothing created."""
    memory = IncidentMemory(tmp_path / "none")

    assert memory.find_similar_incidents("anything", limit=3) == []
    assert memory.get_incident_stats() == {
        "total_incidents": 0,
        "success_rate": 0.0,
        "avg_resolution_time": 0.0,
        "by_severity": {},
    }
    assert not (tmp_path / "none").exists()


def test_the_environment_names_the_directory(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments it looks where the service's settings say."""
    monkeypatch.setenv("NIGHTSHIFT_DATA_DIR", str(filled))

    assert IncidentMemory().get_incident_stats()["total_incidents"] == 30


def test_without_environment_it_is_data_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's default."""
    monkeypatch.delenv("NIGHTSHIFT_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    IncidentMemory().store_incident("A", "b")

    assert (tmp_path / "data" / "nightshift.db").exists()


def test_similar_incidents_have_the_documented_fields(filled: Path) -> None:
    """Best first, with cause, remedy and time."""
    found = IncidentMemory(filled).find_similar_incidents("postgres memory limit", limit=2)

    assert found[0]["alert_name"] == "MemoryHigh"
    assert found[0].remediation_taken == "raise_memory"
    assert found[0].score >= found[1].score > 0
    assert found[0]["resolution_time"] > 0


def test_the_severity_filter_and_the_limit_hold(filled: Path) -> None:
    """Only that severity, at most that many."""
    found = IncidentMemory(filled).find_similar_incidents("down", 4, severity_filter="critical")

    assert len(found) <= 4
    assert {each.severity for each in found} == {"critical"}


def test_beside_a_running_service_it_reads_without_disturbing(filled: Path) -> None:
    """The service holds store and index; the shell sees everything and takes nothing."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(filled)],
        env={"PYTHONPATH": "."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        memory = IncidentMemory(filled)
        memory.store_incident("ZigbeeStickLost", "coordinator is gone")
        found = memory.find_similar_incidents("zigbee coordinator", limit=1)
        child.communicate("")

    assert found[0].alert_name == "ZigbeeStickLost"
    assert child.returncode == 0


def test_an_open_shell_sees_what_the_service_learns(filled: Path) -> None:
    """Each call first reads what is new."""
    memory = IncidentMemory(filled)
    before = memory.get_incident_stats()["total_incidents"]
    store = _service(filled)
    _learn(store, [made(30, alert_name="UpsOnBattery", service="ups")])
    found = memory.find_similar_incidents("UPS on battery", limit=1)
    asyncio.run(store.close())

    assert before == 30
    assert found[0].alert_name == "UpsOnBattery"


def test_statistics_count_beyond_a_page(tmp_path: Path) -> None:
    """2,500 episodes are 2,500, not the first thousand."""
    store = _service(tmp_path)
    episodes = [made(n, outcome="resolved" if n % 4 else "escalated") for n in range(2500)]
    _learn(store, episodes)
    asyncio.run(store.close())
    stats = IncidentMemory(tmp_path).get_incident_stats()

    took = [each.resolution_time for each in episodes if each.outcome == "resolved"]
    assert stats["total_incidents"] == 2500
    assert stats["success_rate"] == pytest.approx(75.0)
    assert stats["avg_resolution_time"] == pytest.approx(sum(took) / len(took))
    assert stats["by_severity"] == {"critical": 834, "warning": 833, "info": 833}


def test_what_a_person_tells_is_kept_and_found(tmp_path: Path) -> None:
    """It outlives the shell, counts, and is found by its symptom."""
    incident = IncidentMemory(tmp_path).store_incident(
        alert_name="TraefikDown",
        description="reverse proxy is not responding",
        severity="critical",
        affected_systems=["traefik", "gateway"],
        root_cause="memory limit",
        remediation_taken="restarted it",
        resolution_time_seconds=45,
    )
    memory = IncidentMemory(tmp_path)
    (found,) = memory.find_similar_incidents("Traefik proxy is down", severity_filter="critical")

    assert (found.incident, found.service, found["resolution_time"]) == (incident, "traefik", 45)
    assert memory.get_incident_stats()["success_rate"] == pytest.approx(100.0)


def test_what_a_person_tells_proves_no_remedy(tmp_path: Path) -> None:
    """Automatic action is earned by checked outcomes only."""
    memory = IncidentMemory(tmp_path)
    memory.store_incident("TraefikDown", "gone", remediation_taken="restart")
    (found,) = memory.find_similar_incidents("TraefikDown gone")

    assert found.healed_by is None
    assert "(not verified)" in memory.format_historical_context([found])


async def test_it_works_inside_an_event_loop(tmp_path: Path) -> None:
    """Notebooks run one."""
    memory = IncidentMemory(tmp_path)
    memory.store_incident("TraefikDown", "gone")

    assert memory.get_incident_stats()["total_incidents"] == 1


def test_reading_changes_no_byte_of_a_crashed_services_store(tmp_path: Path) -> None:
    """What lies in the write-ahead log is read, and left for the service to recover."""
    store = _service(tmp_path / "live")
    _learn(store, [made(0)])
    shutil.copytree(tmp_path / "live", tmp_path / "crashed")
    asyncio.run(store.close())
    files = [tmp_path / "crashed" / name for name in ("nightshift.db", "nightshift.db-wal")]
    before = [path.read_bytes() for path in files]
    total = IncidentMemory(tmp_path / "crashed").get_incident_stats()["total_incidents"]

    assert total == 1
    assert [path.read_bytes() for path in files] == before


def test_another_tenants_incidents_are_not_shown(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may hold several."""
    monkeypatch.setenv("NIGHTSHIFT_TENANT", "somebody-else")

    assert IncidentMemory(filled).get_incident_stats()["total_incidents"] == 0


def test_a_store_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A broken file is a sentence, not silence."""
    (tmp_path / "nightshift.db").write_bytes(b"not a database" * 100)

    with pytest.raises(Transient, match="cannot be read"):
        IncidentMemory(tmp_path).get_incident_stats()


def test_a_store_on_a_server(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same names over a shared store: told there, found there, by address or environment."""
    IncidentMemory(postgres).store_incident("DiskFull", "no space left", root_cause="logs")
    monkeypatch.setenv("DATABASE_URL", postgres)
    memory = IncidentMemory()

    assert memory.get_incident_stats()["total_incidents"] == 1
    assert memory.find_similar_incidents("disk full")[0].root_cause == "logs"
