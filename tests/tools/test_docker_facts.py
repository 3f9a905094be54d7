"""Docker's JSON, parsed: every recording of a real daemon, and what could go wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.facts import ContainerFacts
from tools import docker_facts

RECORDED = {
    "crash": ("exited", 1, False, "unhealthy"),
    "crash2": ("exited", 1, False, "unhealthy"),
    "crash3": ("exited", 1, False, "unhealthy"),
    "hung": ("running", 0, False, "unhealthy"),
    "killed": ("exited", 137, False, "unhealthy"),
    "loop": ("running", 0, False, "starting"),
    "nolimit": ("running", 0, False, "healthy"),
    "oom": ("exited", 137, True, "unhealthy"),
    "oom_after_heal": ("running", 0, True, "healthy"),
    "paused": ("paused", 0, False, "unhealthy"),
    "running": ("running", 0, False, "healthy"),
    "stopped": ("exited", 0, False, "unhealthy"),
}


def recorded(data: Path, name: str) -> dict[str, Any]:
    """One recorded inspect."""
    values: dict[str, Any] = json.loads((data / "docker" / f"inspect_{name}.json").read_text())
    return values


def parsed(data: Path, name: str) -> ContainerFacts:
    """Its facts."""
    return docker_facts.facts(recorded(data, name), host="nas")


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_every_recording_parses(data: Path, name: str) -> None:
    """Status, exit code, OOM flag and health are what the daemon said."""
    facts = parsed(data, name)

    assert (facts.status, facts.exit_code, facts.oom_killed, facts.health) == RECORDED[name]
    assert facts.target.key == f"container:nas/{facts.target.name}"
    assert len(facts.target.id) == 64
    assert facts.target.name == f"l484c6-{name.removesuffix('_after_heal')}"


def test_all_recordings_are_covered(data: Path) -> None:
    """A recording that is added must be expected here."""
    names = {path.stem.removeprefix("inspect_") for path in (data / "docker").glob("inspect_*")}

    assert names == set(RECORDED)


def test_numbers_names_and_times_come_out_whole(data: Path) -> None:
    """Limits in bytes, the policy by name, times in UTC, the unstable alias left out."""
    facts = parsed(data, "running")

    assert (facts.memory_limit, facts.memswap_limit, facts.restart_policy) == (2**26, 2**26, "no")
    assert facts.started_at is not None
    assert facts.started_at.isoformat() == "2026-11-23T05:21:46.744480+00:00"
    assert facts.finished_at is None
    assert facts.networks[0].aliases == ["running"]
    assert facts.networks[0].ip == "192.168.48.2"
    assert facts.ports[0].host_port == 55495


def test_a_container_that_is_down_keeps_its_published_ports(data: Path) -> None:
    """Docker empties the live table; what it asks for is still there."""
    down = parsed(data, "crash")

    assert [(port.container, port.host_port) for port in down.ports] == [("8080/tcp", 43263)]


def test_a_health_checks_words_come_without_secrets(data: Path) -> None:
    """Masked before they are cut: half a URL hides where its password ends."""
    raw = recorded(data, "running")
    said = "x" * 970 + " postgres://app:hunter2secretsecretsecret@db"
    raw["State"]["Health"] = {"Status": "unhealthy", "Log": [{"Output": said}]}

    assert docker_facts.facts(raw, host="nas").health_output.endswith(" postgres://***@db")


def test_the_digest_outlives_a_raised_limit_and_a_restart(data: Path) -> None:
    """The same container before and after its memory was raised has one digest."""
    before, after = parsed(data, "oom"), parsed(data, "oom_after_heal")

    assert before.memory_limit != after.memory_limit
    assert before.config_digest == after.config_digest


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.update(Image="sha256:0"),
        lambda raw: raw["Config"].update(Cmd=["other"]),
        lambda raw: raw["Config"].update(Env=["PASSWORD=new"]),
        lambda raw: raw["HostConfig"].update(Binds=["/a:/b"]),
        lambda raw: raw["HostConfig"]["RestartPolicy"].update(Name="always"),
    ],
)
def test_the_digest_changes_with_the_configuration(data: Path, change: Any) -> None:
    """A container made anew from other settings is another one."""
    raw = recorded(data, "running")
    change(raw)

    assert docker_facts.config_digest(raw) != parsed(data, "running").config_digest


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, []),
        (
            {"com.docker.compose.depends_on": "db:service_healthy:false,cache:service_started"},
            ["db", "cache"],
        ),
        ({"nightshift.depends_on": " db , vpn,"}, ["db", "vpn"]),
        ({"com.docker.compose.depends_on": "db", "nightshift.depends_on": "db,mq"}, ["db", "mq"]),
        ({"com.docker.compose.depends_on": ""}, []),
    ],
)
def test_dependencies_come_from_labels(labels: dict[str, str], expected: list[str]) -> None:
    """Compose's label and ours, in order, each name once."""
    assert docker_facts.depends_on(labels) == expected


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"com.docker.compose.service": "web", "nightshift.service": "other"}, "web"),
        ({"nightshift.service": "other"}, "other"),
        ({}, "l484c6-running"),
    ],
)
def test_the_service_is_named_by_compose_then_us_then_the_container(
    data: Path, labels: dict[str, str], service: str
) -> None:
    """The first of the three that is there."""
    raw = recorded(data, "running")
    raw["Config"]["Labels"] = labels

    assert docker_facts.target(raw, host="nas").service == service


def test_absent_parts_are_empty_facts(data: Path) -> None:
    """Nulls, which the API sends for empty lists, parse."""
    raw = recorded(data, "running")
    raw["Config"]["Labels"], raw["Mounts"], raw["NetworkSettings"]["Networks"] = None, None, None
    del raw["State"]["Health"]
    facts = docker_facts.facts(raw, host="nas")

    assert (facts.labels, facts.mounts, facts.networks, facts.health) == ({}, [], [], "none")


def test_log_text_is_made_harmless() -> None:
    """Terminal escapes, control and direction characters are gone; broken UTF-8 is shown."""
    raw = b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07a\x00b\tc\nbad \xff \xe2\x80\xae end\n"

    assert docker_facts.log_tail(raw, lines=9).lines == ["red", "ab\tc", "bad \ufffd  end"]


def test_logs_are_bounded_by_lines_and_bytes() -> None:
    """At most so many lines and 64 KiB, always the last, beginning with a whole line."""
    raw = b"".join(b"%06d %s\n" % (number, b"x" * 100) for number in range(2000))
    by_lines = docker_facts.log_tail(raw, lines=3)
    by_bytes = docker_facts.log_tail(raw, lines=5000)

    assert [line[:6] for line in by_lines.lines] == ["001997", "001998", "001999"]
    assert sum(len(line) + 1 for line in by_bytes.lines) <= 64 * 1024
    assert {len(line) for line in by_bytes.lines} == {107}
    assert (by_lines.truncated, by_bytes.truncated) == (True, True)


def test_one_endless_line_still_shows_its_end() -> None:
    """A line above the bound is cut, not lost."""
    tail = docker_facts.log_tail(b"y" * 200_000, lines=5)

    assert len(tail.lines[0]) == 64 * 1024


@pytest.mark.parametrize(("name", "usage"), [("running", 2322432), ("paused", None)])
def test_recorded_stats_parse(data: Path, name: str, usage: int | None) -> None:
    """Usage without droppable page cache, and our own limit."""
    sample = json.loads((data / "docker" / f"stats_{name}.json").read_text())
    stats = docker_facts.stats(sample, limit=0)

    assert stats is not None
    assert stats.memory_limit == 0
    assert usage is None or stats.memory_usage == usage


@pytest.mark.parametrize("name", ["stopped", "loop"])
def test_stats_without_a_process_are_none(data: Path, name: str) -> None:
    """A stopped container's sample is empty, not zero."""
    sample = json.loads((data / "docker" / f"stats_{name}.json").read_text())

    assert docker_facts.stats(sample, limit=0) is None
