from memory.arriving import MANY, WITHIN_S, Arriving


class Now:
    """A clock that is set by hand."""

    at = 0.0


def test_a_few_are_no_rush() -> None:
    """One alert, and the few that follow it, are worked on at once."""
    now = Now()
    arriving = Arriving(lambda: now.at)
    for _ in range(MANY - 1):
        arriving.came()

    assert not arriving.rush


def test_many_at_once_are_a_rush_until_they_stop() -> None:
    """It ends by itself, a moment after the last."""
    now = Now()
    arriving = Arriving(lambda: now.at)
    for _ in range(MANY):
        arriving.came()
    during = arriving.rush
    now.at = WITHIN_S

    assert (during, arriving.rush) == (True, False)


def test_a_steady_trickle_is_no_rush() -> None:
    """Ten a second, for a long time."""
    now = Now()
    arriving = Arriving(lambda: now.at)
    for _ in range(100):
        now.at += 0.1
        arriving.came()

    assert not arriving.rush
