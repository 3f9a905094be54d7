"""What is deployed: image, compose file, rules and routes. Nothing is built or started here."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from domain.store import Stats
from nightshift.metrics import Meters
from nightshift.testing import firing
from tests.conftest import miss

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RULES = sorted((DEPLOY / "rules").glob("*.yaml"))


def _instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def _said(word: str) -> list[str]:
    return [rest for found, rest in _instructions() if found == word]


def _services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return loaded


def _run(tool: str, *words: str) -> None:
    if shutil.which(tool) is None:
        miss(f"{tool} is not installed")
    ended = subprocess.run([tool, *words], capture_output=True, text=True, check=False, cwd=DEPLOY)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_image_runs_as_nobody_special() -> None:
    """A fixed uid that is not root, set last."""
    assert _said("USER") == ["10001:10001"]
    assert "ADD" not in dict(_instructions())
    assert all(":latest" not in base and "/" not in base for base in _said("FROM"))


def test_the_image_says_all_that_it_must() -> None:
    """Health, strict checkpoints, where data lie and how it starts."""
    env = " ".join(_said("ENV"))

    assert {"LANGGRAPH_STRICT_MSGPACK=true", "PYTHONPATH=/app"} <= set(env.split())
    assert {"NIGHTSHIFT_HOST=0.0.0.0", "NIGHTSHIFT_DATA_DIR=/data"} <= set(env.split())
    assert "/health" in _said("HEALTHCHECK")[0]
    assert _said("VOLUME") + _said("EXPOSE") + _said("STOPSIGNAL") == ["/data", "5000", "SIGTERM"]
    assert json.loads(_said("CMD")[-1]) == ["nightshift", "serve"]


def test_the_image_installs_only_what_is_pinned_and_checks_the_layout() -> None:
    """Hashes for all that comes from elsewhere; nothing else for the rest."""
    runs = re.split(r"RUN|&&", " && ".join(_said("RUN")))
    installs = [run for run in runs if "pip install" in run or "pip wheel" in run]

    assert all("--require-hashes" in run or "--no-deps" in run for run in installs)
    assert any("tests/test_layout.py" in run for run in runs)


def test_what_is_copied_exists_and_is_let_in() -> None:
    """A source that .dockerignore keeps out would break the build."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    sources = {word for rest in _said("COPY") if "--from" not in rest for word in rest.split()[:-1]}

    assert sources == let_in
    assert [one for one in sources if not (ROOT / one).exists()] == []


def test_every_package_of_the_wheel_is_copied() -> None:
    """A new package in pyproject.toml must reach the image too."""
    written = re.search(r"only-include = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.S)
    copied = " ".join(_said("COPY")).split()

    assert written
    assert [name for name in re.findall(r'"([^"]+)"', written[1]) if name not in copied] == []


@pytest.mark.parametrize("name", sorted(_services()))
def test_every_service_is_confined(name: str) -> None:
    """Read-only, no capabilities, no way to more of them, never privileged."""
    service = _services()[name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service["restart"], service.get("privileged")) == ("unless-stopped", None)
    assert not service["image"].endswith(":latest")


def test_nightshift_gets_its_socket_and_its_time() -> None:
    """The group of the socket, and longer to stop than work in hand takes."""
    ours = _services()["nightshift"]

    assert "DOCKER_GID" in ours["group_add"][0]
    assert "/var/run/docker.sock:/var/run/docker.sock:ro" in ours["volumes"]
    assert (ours["stop_grace_period"], ours["env_file"]) == ("35s", ["../.env"])


def test_monitoring_is_only_on_demand() -> None:
    """Who has a Prometheus starts none of ours."""
    on_demand = {name for name, one in _services().items() if one.get("profiles")}

    assert on_demand == {"prometheus", "alertmanager", "blackbox", "cadvisor"}


def test_every_mounted_file_is_there() -> None:
    """Docker would make an empty directory of a missing one."""
    mounts = [str(volume) for one in _services().values() for volume in one.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]

    assert files
    assert [file for file in files if not (DEPLOY / file).exists()] == []


def test_the_route_loses_nothing() -> None:
    """Ends are told, groups are bounded, the token comes from a file."""
    written = yaml.safe_load((DEPLOY / "alertmanager.yml").read_text())
    (hook,) = written["receivers"][0]["webhook_configs"]

    assert (hook["send_resolved"], hook["max_alerts"]) == (True, 100)
    assert hook["http_config"]["authorization"]["credentials_file"].startswith("/run/secrets/")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_rule_speaks_plainly(path: Path) -> None:
    """A severity, and two sentences for people."""
    rules = [
        rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
    ]

    assert all(rule["labels"]["severity"] for rule in rules)
    assert all({"summary", "description"} == set(rule["annotations"]) for rule in rules)


def test_promtool_takes_the_rules() -> None:
    """As Prometheus would at its start."""
    _run("promtool", "check", "rules", *map(str, RULES))


def test_promtool_takes_the_configuration() -> None:
    """The token's file is on the machine where it runs, hence syntax only."""
    _run("promtool", "check", "config", "--syntax-only", "prometheus.yml")


def test_amtool_takes_the_route() -> None:
    """As Alertmanager would at its start."""
    _run("amtool", "check-config", "alertmanager.yml")


def test_the_rules_fire_when_they_should() -> None:
    """Series in, alerts out: deploy/tests/rules_test.yaml."""
    _run("promtool", "test", "rules", "tests/rules_test.yaml")


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    """Every name of a query is exported, with the labels it is summed by."""
    board = json.loads((DEPLOY / "grafana.json").read_text())
    asked = [query["expr"] for panel in board["panels"] for query in panel["targets"]]
    exported = _exported()

    assert len(board["panels"]) >= 6
    for expr in asked:
        name = re.findall(r"nightshift_\w+", expr)[0]
        assert set(re.findall(r"by \((\w+)\)", expr)) <= exported[name]


def _exported() -> dict[str, set[str]]:
    """The label names of every metric, by name."""
    stats = Stats(
        incidents=1,
        by_status={"open": 1},
        by_outcome={"resolved": 1},
        by_severity={},
        actions={"start": 1},
        refused={"scope": 1},
        avg_resolution_s=None,
        outbox_behind=0,
        queue_depth=0,
        paused="",
    )
    meters = Meters()
    meters.refused("status 422")
    meters.accepted([firing()])
    families = text_string_to_metric_families(meters.exposition(stats).decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}
