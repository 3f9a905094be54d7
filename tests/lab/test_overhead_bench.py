import pytest

from lab.overhead_bench import Batch, measure, report


@pytest.mark.timeout(240)
async def test_incidents_are_played_on_an_empty_and_on_a_full_ledger() -> None:
    """Both halves are measured, and each incident cost something."""
    found = await measure(4, 60, lambda _: None)

    assert [(one.before, one.incidents) for one in found.batches] == [(0, 2), (60, 2)]
    assert all(one.cpu_ms_per_incident > 0 for one in found.batches)


def test_the_worst_half_counts() -> None:
    """And growth is what the ledger's size added."""
    small = Batch(before=0, incidents=10, cpu_ms_per_incident=40.0)
    large = Batch(before=10000, incidents=10, cpu_ms_per_incident=50.0)

    assert report([small, large]).cpu_ms_per_incident == 50.0
    assert report([small, large]).growth == 1.25
    assert report([small, large]).broken == []


def test_what_is_dear_or_grows_is_named() -> None:
    """Above 100 ms, or a quarter more on a full ledger."""
    small = Batch(before=0, incidents=10, cpu_ms_per_incident=80.0)
    large = Batch(before=10000, incidents=10, cpu_ms_per_incident=101.0)

    assert [one[:9] for one in report([small, large]).broken] == ["more than", "not flat:"]
