import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("domain", "policy", "tools", "memory", "nodes", "graph", "nightshift", "server")
MIRRORED = ("domain", "policy", "tools", "memory", "nodes", "graph")
UNMIRRORED = {
    "domain/deps": "names ports",
    "domain/diagnosis": "fields only",
    "domain/journal": "fields only",
    "domain/metrics": "fields and a port; tests/contract/test_metrics.py",
    "domain/notice": "fields and a port",
    "domain/reasoning": "fields and ports; the words are held by tests/policy/test_grounding.py",
    "domain/silence": "fields and a port; tests/policy/test_silence.py",
    "domain/state": "its channels go through a checkpoint in tests/graph/test_state.py",
    "domain/store": "fields and ports, held by tests/contract",
    "domain/verdict": "fields only; the truth table is policy's",
    "nodes/effects": "tests/nodes/test_heal.py",
    "memory/cluster_store": "tests/nightshift/test_lease.py, tests/memory/test_cluster_queue.py",
    "memory/enqueueing": "tests/contract/test_queue.py",
    "memory/deliveries": "tests/contract/test_deliveries.py",
    "memory/episodes_postgres": "through tests/memory/test_incidents.py",
    "memory/schema_postgres": "tests/memory/test_opening_postgres.py",
    "memory/turns": "tests/memory/test_cluster_queue.py",
    "memory/episodes": "through tests/memory/test_incidents.py",
    "memory/exact": "an index like the other: tests/contract/test_index.py",
    "memory/folder": "through tests/memory/test_edge.py",
    "memory/inbox": "tests/contract/test_inbox.py",
    "memory/index": "tests/contract/test_index.py",
    "memory/jobs": "through tests/contract/test_inbox.py",
    "memory/kept": "through tests/contract/test_ledger.py",
    "memory/location": "two settings of nightshift/settings.py",
    "memory/part": "fields only",
    "memory/queue": "tests/contract/test_inbox.py",
    "memory/reserve": "tests/contract/test_ledger.py",
    "memory/rows": "through every test that reads a row",
    "memory/standing": "through tests/memory/test_ledger.py",
    "memory/tables": "tests/memory/test_migrations.py",
    "memory/told": "through tests/memory/test_incidents.py",
    "nodes/observe_again": "through verify and heal: tests/nodes/test_heal.py",
    "nodes/observe_stop": "through the graph: tests/graph/test_dependencies.py",
    "nodes/case": "through analyse and heal",
    "nodes/host_probe": "through tests/nodes/test_observe_host.py",
    "nodes/reach": "through tests/nodes/test_monitor.py",
    "nodes/signals": "through verify",
    "nodes/story": "one line",
    "nodes/view": "through every test that observes",
    "tools/llm_client": "over HTTP, by tests/tools/test_llm.py",
    "tools/docker_effects": "tests/tools/test_docker.py, against a real daemon",
    "tools/docker_host": "tests/tools/test_docker.py, against a real daemon",
    "tools/docker_stream": "tests/tools/test_docker.py, against a real daemon",
}


def modules(package: str) -> list[str]:
    """The modules of a package, `package/name`, without its docstring."""
    found = (ROOT / package).glob("*.py")
    return sorted(f"{package}/{path.stem}" for path in found if path.stem != "__init__")


def own_test(module: str) -> bool:
    """Has this module a test file of its name?"""
    package, name = module.split("/")
    return (ROOT / "tests" / package / f"test_{name}.py").exists()


@pytest.mark.parametrize("name", FLOORS)
def test_our_names_are_ours(name: str) -> None:
    """No package of the same name in site-packages shadows one of our floors."""
    module = importlib.import_module(name)

    assert module.__file__
    assert Path(module.__file__).resolve().is_relative_to(ROOT)
    assert ".venv" not in Path(module.__file__).parts


def test_tests_are_no_package() -> None:
    """With --import-mode=importlib no __init__.py is needed, and one would rename modules."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("package", MIRRORED)
def test_tests_mirror_the_tree(package: str) -> None:
    """Every module has its test file, or stands in the list above with a reason."""
    bare = [module for module in modules(package) if not own_test(module)]

    assert [module for module in bare if module not in UNMIRRORED] == []


def test_the_list_of_reasons_is_not_stale() -> None:
    """Who has a test file by now, or is gone, leaves the list."""
    known = {module for package in MIRRORED for module in modules(package)}

    assert [one for one in UNMIRRORED if one not in known or own_test(one)] == []


def reads_environment(path: Path) -> bool:
    """Does this file name `os.environ` or `os.getenv`, or import them?"""
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    }
    return bool({"environ", "getenv", "environb", "putenv"} & (names | imported))


def test_the_environment_is_read_in_one_place() -> None:
    """Only nightshift/settings.py may know it, and that through pydantic-settings."""
    product = [ROOT / "server.py"]
    for floor in FLOORS[:-1]:
        product += (ROOT / floor).rglob("*.py")

    assert [path.relative_to(ROOT) for path in product if reads_environment(path)] == []


def test_the_floors_hold() -> None:
    """Each floor imports only downwards (.importlinter)."""
    lint = Path(sys.executable).parent / "lint-imports"
    ended = subprocess.run(
        [str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout


def test_every_package_says_what_belongs_in_it() -> None:
    """One docstring a floor: what belongs there, and what does not."""
    packages = [floor for floor in FLOORS if (ROOT / floor).is_dir()]
    said = {name: importlib.import_module(name).__doc__ or "" for name in packages}

    assert [name for name, words in said.items() if "Not here:" not in words] == []
