from pathlib import Path

import pytest

from lab.rules import CATALOGUE
from lab.scenario_file import SCENARIOS, BadScenario, load, load_all

GOOD = """\
id: one
title: One
services:
  - name: web
    restart: no
fault:
  - kind: crash
    service: web
alerts:
  rules: [ContainerDown]
expect:
  outcome: resolved
  healthy: [web]
"""


def written(tmp_path: Path, text: str, name: str = "one.yaml") -> Path:
    """A scenario file."""
    path = tmp_path / name
    path.write_text(text)
    return path


def test_our_own_scenarios_are_all_good() -> None:
    """Every shipped file can be read; there are at least the fourteen that were asked for."""
    found = load_all(SCENARIOS)

    assert len(found) >= 14
    assert all(scenario.title for scenario in found)


def test_a_good_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    """An unquoted `no` is a restart policy, a single outcome a list of one."""
    scenario = load(written(tmp_path, GOOD))

    assert scenario.services[0].restart == "no"
    assert scenario.expect.outcome == ["resolved"]
    assert scenario.alerts.active == [CATALOGUE["ContainerDown"]]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("title: One", "heading: One", 2, "heading"),
        ("    service: web", "    service: wbe", 1, "no service is called wbe"),
        ("kind: crash", "kind: explode", 7, "fault.0.kind"),
        ("    service: web", "    after_s: 1", 7, "needs 'service'"),
        ("[ContainerDown]", "[ContainerDwon]", 10, "no rule is called ContainerDwon"),
        ("outcome: resolved", "outcome: solved", 12, "expect.outcome"),
        ("    restart: no", "    memory: lots", 5, "services.0.memory"),
        ("fault:", "fault: [", 7, "expected"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    """Whoever writes a scenario is told where to look."""
    path = written(tmp_path, GOOD.replace(old, new))

    with pytest.raises(BadScenario) as raised:
        load(path)

    said = str(raised.value)
    assert words in said
    assert f"{path}:{line}: " in said


GUESTS = """\
id: two
title: Two
cluster:
  guests:
    - {name: nas, memory_mib: 1024}
services:
  - {name: web, guest: nas}
fault:
  - {kind: break_guest, guest: nas, fault: stopped}
expect:
  outcome: resolved
  healthy: [nas, web]
  actions:
    required: [{verb: start_guest, guest: nas}]
"""


def test_a_cluster_is_read_with_what_runs_in_it(tmp_path: Path) -> None:
    """Docker is where the services are; an act names the guest it is done to."""
    scenario = load(written(tmp_path, GUESTS))

    assert scenario.docker_on == "nas"
    assert [str(act) for act in scenario.expect.actions.required] == ["start_guest nas"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("guest: nas, fault", "guest: nsa, fault", 1, "no guest is called nsa"),
        ("{name: web, guest: nas}", "{name: web, guest: nsa}", 1, "no guest is called nsa"),
        ("{name: web, guest: nas}", "{name: nas}", 1, "the same name"),
        (", fault: stopped}", "}", 9, "needs 'fault'"),
        ("fault: stopped", "fault: tired", 9, "fault.0.fault"),
        ("verb: start_guest, guest", "verb: start_guest, service", 14, "needs its name there"),
        ("memory_mib: 1024", "node: pve9", 3, "no node is called pve9"),
    ],
)
def test_a_mistake_in_a_cluster_is_told_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    """The same for guests and nodes."""
    path = written(tmp_path, GUESTS.replace(old, new))

    with pytest.raises(BadScenario) as raised:
        load(path)

    assert words in str(raised.value)
    assert f"{path}:{line}: " in str(raised.value)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    """Any folder will do."""
    written(tmp_path, GOOD.replace("id: one", "id: two"), "b.yml")
    written(tmp_path, GOOD, "a.yaml")

    assert [scenario.id for scenario in load_all(tmp_path)] == ["one", "two"]
    assert [scenario.id for scenario in load_all(tmp_path, only="two")] == ["two"]


@pytest.mark.parametrize("only", ["", "three"])
def test_nothing_is_skipped_in_silence(tmp_path: Path, only: str) -> None:
    """An empty folder, an unknown id and a doubled id are errors."""
    if only:
        written(tmp_path, GOOD)

    with pytest.raises(BadScenario):
        load_all(tmp_path, only=only)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    """Two files with one id would hide each other in the report."""
    written(tmp_path, GOOD, "a.yaml")
    written(tmp_path, GOOD, "b.yaml")

    with pytest.raises(BadScenario, match="used twice"):
        load_all(tmp_path)
