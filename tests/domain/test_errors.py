import pytest

from domain.errors import Conflict, NightshiftError, NotFound, NotStored, Permanent, Transient


@pytest.mark.parametrize("error", [Transient, Permanent, NotFound, Conflict, NotStored])
def test_one_root_for_all(error: type[NightshiftError]) -> None:
    """Whoever catches NightshiftError catches every expected error, and no defect."""
    assert issubclass(error, NightshiftError)


def test_a_permanent_no_is_never_retried() -> None:
    """The two kinds have nothing in common but their root."""
    assert not issubclass(NotFound, Transient)
    assert not issubclass(Transient, Permanent)


def test_transient_may_say_when() -> None:
    """The time to wait, in seconds, where the other side gave one."""
    assert Transient("busy", retry_after=2.5).retry_after == 2.5
    assert Transient("busy").retry_after is None
