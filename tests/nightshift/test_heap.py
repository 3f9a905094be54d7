"""A long life's memory."""

import gc
from collections.abc import Iterator

import pytest

from nightshift.heap import OLD, YOUNG, settle, share_arenas


@pytest.fixture
def own_collector() -> Iterator[None]:
    """The collector as it was, afterwards."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("own_collector")
def test_what_stands_is_walked_no_more() -> None:
    """The collector leaves it alone, and looks less often."""
    settle()
    low, _, old = gc.get_threshold()

    assert gc.get_freeze_count() > 1000
    assert (low, old) == (YOUNG, OLD)


@pytest.mark.usefixtures("own_collector")
def test_what_comes_later_is_still_collected() -> None:
    """A circle that nobody holds goes."""
    settle()
    circle: list[object] = []
    circle.append(circle)
    number = id(circle)
    del circle
    gc.collect()

    assert all(id(one) != number for one in gc.get_objects() if isinstance(one, list))


def test_arenas_are_shared_where_there_are_any() -> None:
    """Another libc than glibc is no error."""
    share_arenas()
