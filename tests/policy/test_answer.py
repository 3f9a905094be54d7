import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.answer import YES, read_answer


@pytest.mark.parametrize(
    "resumed",
    [
        "approve",
        " Approve ",
        "yes",
        "accept",
        ["approve"],
        [{"type": "approve"}],
        {"type": "accept", "args": None},
        {"answer": "approve"},
        {"decisions": [{"type": "approve"}]},
        {"decisions": ["approve"]},
    ],
)
def test_every_known_shape_of_yes(resumed: object) -> None:
    """Studio, agent-inbox and a bare word all say yes."""
    assert read_answer(resumed) == "approve"


@pytest.mark.parametrize(
    "resumed",
    [
        None,
        True,
        1,
        "",
        "approve!",
        "no",
        "reject",
        [],
        ["approve", "approve"],
        [["approve"]],
        {},
        {"decisions": []},
        {"decisions": [{"type": "approve"}, {"type": "reject"}]},
        {"type": "reject", "answer": "approve"},
        {"type": "edit", "args": {"name": "restart"}},
    ],
)
def test_anything_else_is_no(resumed: object) -> None:
    """A refusal, several answers, an edit or an unknown shape is deny."""
    assert read_answer(resumed) == "deny"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_noise_is_no(resumed: object) -> None:
    """Whatever comes: no error, and no yes without the word in it."""
    word = read_answer(resumed)

    assert word == "deny" or any(yes in str(resumed).lower() for yes in YES)
