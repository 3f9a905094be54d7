from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import ContainerEvent, ContainerStats, Network, Port
from domain.limits import Limits
from nightshift.testing import T0, container
from policy import reading

WELL = container("web", networks=[Network(name="front"), Network(name="back")])


def read(now: datetime = T0, **changes: Any) -> dict[str, Any]:
    """The container evidence of `web` with these facts."""
    facts = container("web", **changes)
    return dict(reading.container_data(facts, last=WELL, needed=False, now=now))


def test_up_time_only_while_it_runs() -> None:
    """A running container is up, one that ended is down, each since its own time."""
    down = read(status="exited", finished_at=T0 - timedelta(seconds=30))

    assert read()["up_s"] == 3600.0
    assert read()["down_s"] == 0.0
    assert (down["up_s"], down["down_s"]) == (0.0, 30.0)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"networks": [Network(name="front")]}, ["back"]),
        ({"networks": [Network(name="front"), Network(name="back")]}, []),
        ({"networks": [], "status": "exited"}, []),
    ],
)
def test_networks_lost_while_running(changes: dict[str, Any], missing: list[str]) -> None:
    """Only a running container is missed on a network; one that ended has left them all."""
    assert read(**changes)["missing_networks"] == missing


def test_never_seen_well_misses_nothing() -> None:
    """Without last healthy facts nothing can be missing."""
    assert reading.missing_networks(container("web", networks=[]), None) == []


PORT = Port(container="80/tcp", host_ip="", host_port=80)


@pytest.mark.parametrize(
    ("changes", "needed", "job"),
    [
        ({"restart_policy": "no"}, False, True),
        ({"restart_policy": ""}, False, True),
        ({"restart_policy": "on-failure"}, False, True),
        ({"restart_policy": "always"}, False, False),
        ({"restart_policy": "no", "ports": [PORT]}, False, False),
        ({"restart_policy": "no", "health": "unhealthy"}, False, False),
        ({"restart_policy": "no"}, True, False),
        ({"restart_policy": "always", "labels": {"nightshift.one_shot": "true"}}, True, True),
        ({"restart_policy": "no", "labels": {"nightshift.one_shot": "false"}}, False, False),
    ],
)
def test_jobs_are_known_by_what_they_lack(changes: dict[str, Any], needed: bool, job: bool) -> None:
    """No restart policy, port, health check or dependent: a job; our label decides over all."""
    assert reading.one_shot(container("web", **changes), needed=needed) is job


def events(*steps: tuple[float, str]) -> list[ContainerEvent]:
    """Events of `web` at these seconds from T0."""
    target = container("web").target
    return [
        ContainerEvent(
            target_key=target.key,
            container_id=target.id,
            action=action,
            at=T0 + timedelta(seconds=seconds),
        )
        for seconds, action in steps
    ]


@pytest.mark.parametrize(
    ("steps", "ours", "counts"),
    [
        ([(-9, "die"), (-8, "start"), (-7, "die"), (-7.1, "oom")], [], (1, 2, 1)),
        ([(-601, "die"), (-599, "die")], [], (0, 1, 0)),
        ([(-60, "die"), (-59, "start")], [-61], (0, 0, 0)),
        ([(-60, "die"), (-59, "start")], [-80], (1, 1, 0)),
        ([], [], (0, 0, 0)),
    ],
)
def test_counts_what_we_did_not_cause(
    steps: list[tuple[float, str]], ours: list[float], counts: tuple[int, int, int]
) -> None:
    """The last ten minutes, our own actions left out."""
    acted = [T0 + timedelta(seconds=seconds) for seconds in ours]
    data = reading.events_data(events(*steps), ours=acted, now=T0)

    assert (data["starts"], data["dies"], data["ooms"]) == counts


@pytest.mark.parametrize(
    ("lines", "repeated"),
    [
        (["bad port 1", "bad port 2", "bad port 3"], True),
        (["bad port", "bad port"], False),
        (["ok", "ok", "ok", "fatal"], False),
        (["fatal", "", "fatal", " ", "fatal", ""], True),
        ([], False),
    ],
)
def test_the_same_end_each_time_is_repeated(lines: list[str], repeated: bool) -> None:
    """Three times the same last line, numbers aside."""
    assert reading.logs_data(lines, names=[])["repeated"] is repeated


def test_logs_name_dependencies_and_full_disks() -> None:
    """Names of dependencies and the disk's complaint are found in the tail only."""
    lines = ["cannot reach db:5432", *(["tick"] * 20), "write: No space left on device"]
    data = reading.logs_data(lines, names=["db", "cache"])

    assert data["no_space"] is True
    assert data["mentions"] == []
    assert reading.logs_data(lines[:1], names=["db", "cache"])["mentions"] == ["db"]


def test_what_is_quoted_of_a_log_has_no_secrets() -> None:
    """It goes into messages; what is looked for is found all the same, names in a URL too."""
    lines = ["-----BEGIN PRIVATE KEY-----", "MIIEow", "-----END PRIVATE KEY-----"]
    last = "FATAL postgres://app:db2secret@db/x password=Tr0ub4dor&3: No space left on device"
    data = reading.logs_data([*lines, last], names=["db"])

    assert data["lines"] == ["***", data["last"]]
    assert data["last"] == "FATAL postgres://***@db/x password=***: No space left on device"
    assert (data["mentions"], data["no_space"]) == (["db"], True)


def test_what_a_health_check_said_has_no_secrets() -> None:
    """The `hung` runbook quotes it."""
    facts = container("web", health_output="token=abc-1 refused", error="exec: --password x1")
    data = reading.container_data(facts, last=None, needed=False, now=T0)

    assert (data["health_output"], data["error"]) == ("token=*** refused", "exec: --password ***")


@given(st.lists(st.text()))
def test_any_log_can_be_read(lines: list[str]) -> None:
    """Log text is untrusted: whatever it holds is only text, and bounded."""
    data = reading.logs_data(lines, names=["db"])

    assert len(list(data["lines"])) <= 20  # type: ignore[arg-type]  # a list of strings


@pytest.mark.parametrize(("limit", "ratio"), [(200, 0.5), (0, 0.0)])
def test_usage_as_a_share_of_the_limit(limit: int, ratio: float) -> None:
    """Without a limit there is no share."""
    stats = ContainerStats(memory_usage=100, memory_limit=limit, at=T0)

    assert reading.stats_data(stats)["memory_ratio"] == ratio


def test_relations_tell_down_from_unwell() -> None:
    """What is down is unwell; what is unhealthy is unwell and not down."""
    others = [
        container("a", status="exited"),
        container("b", health="unhealthy"),
        container("c"),
        container("d", status="paused"),
    ]
    data = reading.relations_data(others)

    assert data["down"] == ["a"]
    assert data["unwell"] == ["a", "b", "d"]
    assert data["all_well"] is False


def test_a_job_that_ended_well_is_not_missed() -> None:
    """Nor is one that was never started; what a person stopped is."""
    job = container("migrate", status="exited", restart_policy="no")
    others = [job, container("later", status="created")]
    data, told = (reading.relations_data(others, stopped=one) for one in ([], [job.target.key]))

    assert (data["down"], data["unwell"], data["all_well"]) == ([], [], True)
    assert (told["down"], told["all_well"]) == (["migrate"], False)


def test_no_relations_are_all_well() -> None:
    """Without dependencies nothing is unwell."""
    assert reading.relations_data([]) == {"items": [], "down": [], "unwell": [], "all_well": True}


@pytest.mark.parametrize(
    ("values", "climbing"),
    [
        ([10, 20, 30, 40], True),
        ([10, 11, 11, 11], False),
        ([10, 50, 10, 50, 9, 13], False),
        ([10, 20, 30], False),
        ([40, 30, 20, 10], False),
        ([], False),
        ([5], False),
    ],
)
def test_a_climb_is_steady_and_large(values: list[float], climbing: bool) -> None:
    """Four samples, mostly rising, a fifth higher at the end."""
    assert reading.trend_data(values, limit=100, step_s=5)["climbing"] is climbing


@pytest.mark.parametrize(("limit", "climbing"), [(60, True), (600, False), (0, False)])
def test_a_slow_climb_that_is_full_soon_counts(limit: int, climbing: bool) -> None:
    """At the limit within minutes is a leak, however little the share it grew by."""
    values = [50.0, 51.0, 52.0, 53.0]

    assert reading.trend_data(values, limit=limit, step_s=60)["climbing"] is climbing


def test_the_slope_is_per_second() -> None:
    """Bytes per second over the whole window."""
    data = reading.trend_data([0, 50, 100], limit=200, step_s=5)

    assert data["slope_bytes_per_s"] == 10.0
    assert data["ratio"] == 0.5


def test_full_file_systems_are_named() -> None:
    """Below five in a hundred counts as full."""
    data = reading.volumes_data({"/": 0.5, "/srv": 0.01, "/data": 0.05})

    assert data == {"lowest_free": 0.01, "full": ["/srv"]}


def test_a_neighbour_keeps_only_what_policy_asks_for() -> None:
    """A host with hundreds of containers still fits into one observation."""
    facts = container("web", labels={"scope": "x", "off": "1", "com.docker.compose.hash": "f" * 64})
    kept = reading.neighbour(facts, Limits(scope={"scope": "x"}, excluded=["off=1"]))

    assert kept.labels == {"scope": "x", "off": "1"}
    assert (kept.target, kept.status, kept.ports) == (facts.target, facts.status, facts.ports)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cannot connect to db:5432", True),
        ("dependency db does not answer", True),
        ('host "db"', True),
        ("dbus is not running", False),
        ("db-exporter timed out", False),
        ("other.db is locked", False),
        ("feedback sent", False),
    ],
)
def test_a_name_is_a_word_of_its_own(text: str, named: bool) -> None:
    """A short name inside another word names nobody."""
    assert reading.names_in(text, ["db"]) == (["db"] if named else [])
