from lab.reflex import report, spread


def test_a_spread_is_told_in_milliseconds() -> None:
    """Median and 95th percentile of seconds."""
    found = spread([0.1, 0.2, 0.3, 0.4, 1.0])

    assert found.median == 300.0
    assert 800 < found.p95 < 1000


def test_the_difference_is_that_of_the_medians() -> None:
    """Nightshift's median minus the reflex's."""
    found = report([0.1, 0.1, 0.9], [0.3, 0.3, 0.2])

    assert found.n == 3
    assert found.difference_ms == 200.0
