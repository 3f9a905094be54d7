import subprocess
from pathlib import Path

import pytest
import yaml

from lab.monitoring import program
from lab.rules import RULES
from tests.conftest import miss


@pytest.mark.stack
def test_prometheus_takes_every_rule(real_prometheus: str, tmp_path: Path) -> None:
    """Expressions and templates are valid."""
    promtool = program(("promtool",)) or ""
    if not promtool:
        miss("promtool is not installed")
    path = tmp_path / "rules.yml"
    path.write_text(
        yaml.safe_dump({"groups": [{"name": "lab", "rules": [r.written() for r in RULES]}]})
    )

    said = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True)

    assert said.returncode == 0, said.stdout + said.stderr
