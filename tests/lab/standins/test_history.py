"""Staleness and lookback, as Prometheus has them."""

from lab.standins.history import LOOKBACK_S, History, Line, Sample

UP: tuple[tuple[str, str, str], ...] = (("__name__", "=", "up"),)


def seen(history: History, at: float) -> list[float]:
    """The values that an instant query at this time sees."""
    points = [line.newest(at) for line in history.select(UP)]
    return [one.value for one in points if one is not None and one.value is not None]


def scraped(*rounds: tuple[float, list[Sample]]) -> History:
    """These scrapes of one source, in order."""
    history, before = History(), list[Line]()
    for at, samples in rounds:
        before = history.scrape(samples, at, before)
    return history


def test_the_newest_sample_is_seen_for_five_minutes() -> None:
    """Then it is too old to say anything."""
    history = scraped((100.0, [Sample(name="up", value=1)]))

    assert seen(history, 99.0) == []
    assert seen(history, 100.0 + LOOKBACK_S - 1) == [1.0]
    assert seen(history, 100.0 + LOOKBACK_S) == []


def test_a_series_that_is_gone_is_stale_at_once() -> None:
    """The next scrape without it ends it, and its past stays."""
    history = scraped((100.0, [Sample(name="up", value=1)]), (101.0, []))

    assert seen(history, 101.0) == []
    assert seen(history, 100.5) == [1.0]


def test_a_series_with_times_of_its_own_lives_on() -> None:
    """CAdvisor's do: that is why a container's last sign of life can be asked for."""
    history = scraped((100.0, [Sample(name="up", value=1, at=99.0)]), (101.0, []))

    assert seen(history, 200.0) == [1.0]


def test_a_series_can_come_back() -> None:
    """After a gap it is the same series."""
    up = [Sample(name="up", value=1)]
    history = scraped((100.0, up), (101.0, []), (102.0, up))

    assert seen(history, 102.0) == [1.0]
    assert [line.within(0, 200) for line in history.select(UP)] == [[(100.0, 1), (102.0, 1)]]


def test_what_is_too_old_is_forgotten() -> None:
    """A stand-in that runs for hours does not grow."""
    history = History(keep_s=10)
    for at in range(100):
        history.scrape([Sample(name="up", value=at)], float(at), [])

    assert [len(line.points) for line in history.select(UP)] == [11]
