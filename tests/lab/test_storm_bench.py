import pytest

from lab.storm_bench import measure
from lab.storm_report import Spread, StormReport, broken


def report(**changes: object) -> StormReport:
    """A storm that was borne well."""
    known = {
        "alerts": 300, "seconds": 3, "accepted": 3, "refused_503": 0, "failed": 0, "lost": 0,
        "incidents": 270, "folded": 200, "investigations": 9, "roots": 9, "actions": 3,
        "messages": 8, "digests": 1, "rss_mb_max": 180, "health_ms": Spread(p50=5, p99=50),
        "cpu_s": 9, "drained_s": 12, "broken": [],
    }  # fmt: skip
    return StormReport.model_validate({**known, **changes})


@pytest.mark.parametrize(
    "hurt",
    [
        {"lost": 1},
        {"failed": 1},
        {"investigations": 10},
        {"messages": 41},
        {"rss_mb_max": 301},
        {"health_ms": Spread(p50=5, p99=251)},
    ],
)
def test_each_bound_is_a_bound(hurt: dict[str, object]) -> None:
    """One that is not kept is named, and only that one."""
    assert broken(report()) == []
    assert len(broken(report(**hurt))) == 1


@pytest.mark.timeout(300)
async def test_a_short_storm_is_weathered() -> None:
    """Judged by counts, on the real server: nothing lost, one look a root, one digest at most."""
    found = await measure(120, 1.0, 3, patience_s=150)

    assert (found.lost, found.failed) == (0, 0)
    assert found.investigations <= found.roots
    assert found.messages <= 20
    assert found.folded > found.incidents / 3
