import pytest

from nightshift.web.shedding import Gate, Overloaded


def test_only_so_many_wait() -> None:
    """One more than may is told so; a place that is left is free again, errors or not."""
    gate = Gate(1)
    with gate.passing(), pytest.raises(Overloaded, match="send it again"), gate.passing():
        pass
    with pytest.raises(ZeroDivisionError), gate.passing():
        raise ZeroDivisionError

    assert gate.waiting == 0
