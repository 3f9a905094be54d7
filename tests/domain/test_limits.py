import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.limits import Limits, Mode

MODES: list[Mode] = ["observe", "approve", "auto"]


@pytest.mark.parametrize(
    ("mode", "modes", "found"),
    [
        ("auto", {}, "auto"),
        ("auto", {"start": "approve"}, "approve"),
        ("auto", {"web": "observe", "start": "approve"}, "observe"),
        ("auto", {"start@web": "approve"}, "approve"),
        ("auto", {"start@db": "observe", "db": "observe", "restart": "observe"}, "auto"),
        ("approve", {"start": "auto"}, "approve"),
        ("observe", {"start@web": "auto"}, "observe"),
    ],
)
def test_the_strictest_mode_applies(mode: Mode, modes: dict[str, Mode], found: Mode) -> None:
    """The general mode is the ceiling; names make it stricter, never looser."""
    assert Limits(mode=mode, modes=modes).mode_for("start", "web") == found


@given(
    st.sampled_from(MODES),
    st.dictionaries(st.sampled_from(["start", "web", "start@web", "db"]), st.sampled_from(MODES)),
)
def test_nothing_lifts_the_ceiling(mode: Mode, modes: dict[str, Mode]) -> None:
    """No combination of names allows more than the general mode."""
    found = Limits(mode=mode, modes=modes).mode_for("start", "web")

    assert MODES.index(found) <= MODES.index(mode)
