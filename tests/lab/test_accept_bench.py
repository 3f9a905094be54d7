import itertools
import json

import pytest

from lab.accept_bench import CONNECTIONS, RUNNING, AcceptReport, measure, new_alert
from lab.load import Answers


@pytest.mark.timeout(240)
async def test_every_server_takes_every_alert() -> None:
    """All three are measured at all numbers of connections; nothing is refused."""
    told: list[str] = []
    found = await measure(64, 1, told.append)

    assert [row.connections for row in found.rows] == list(CONNECTIONS)
    assert (found.refused, found.running, found.requests) == (0, RUNNING, 64)
    assert all(
        side.requests_per_s > 0 for row in found.rows for side in (row.plain, row.nightshift)
    )
    assert found.share == min(row.share for row in found.rows)
    assert len(told) == len(CONNECTIONS)


def test_every_alert_is_new() -> None:
    """A repeat would be cheaper to accept than what comes in a storm."""
    bodies = [json.loads(new_alert(number)) for number in itertools.islice(itertools.count(), 3)]

    assert len({body["alerts"][0]["fingerprint"] for body in bodies}) == 3


def test_a_rate_counts_what_was_accepted() -> None:
    """Refused requests are no throughput."""
    found = Answers(seconds=[0.1] * 10, refused=5, took_s=2.0)

    assert (found.per_second, found.p50_ms) == (5.0, 100.0)


def test_what_falls_short_is_named() -> None:
    """The rate, a refusal, and incidents that did not run all the while."""
    good = AcceptReport(requests=1, running=RUNNING, refused=0, share=0.8, rows=[])
    bad = AcceptReport(requests=1, running=RUNNING - 1, refused=1, share=0.79, rows=[])

    assert good.broken == []
    assert [one[:9] for one in bad.broken] == ["less than", "an alert ", "only 19 o"]
