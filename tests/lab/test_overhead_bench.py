import pytest

from lab.overhead_bench import Batch, measure, report


@pytest.mark.timeout(240)
async def test_incidents_are_played_on_an_empty_and_on_a_full_ledger() -> None:
    """Both halves are measured, and each incident cost something."""
    found = await measure(4, 60, lambda _: None)

    assert [(one.before, one.incidents) for one in found.batches] == [(0, 2), (60, 2)]
    assert all(one.cpu_ms_per_incident > 0 for one in found.batches)


def batch(before: int, cost: float, *turns: float) -> Batch:
    """Ten incidents."""
    return Batch(before=before, incidents=10, cpu_ms_per_incident=cost, turns=list(turns))


def test_the_worse_half_counts() -> None:
    """And growth is what the ledger's size added, turn by turn: a slow moment hits both."""
    found = report([batch(0, 40.0, 40, 80, 40), batch(10000, 50.0, 50, 100, 90)])

    assert (found.cpu_ms_per_incident, found.growth) == (50.0, 1.25)
    assert found.broken == []


def test_what_is_dear_or_grows_is_named() -> None:
    """Above 100 ms, or a quarter more on a full ledger."""
    found = report([batch(0, 80.0, 80), batch(10000, 101.0, 101)])

    assert [one[:9] for one in found.broken] == ["more than", "not flat:"]
