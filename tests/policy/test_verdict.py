from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.verdict import Signal, Verdict
from policy.verdict import judge

STATES = ("good", "bad", "unknown", "absent")
EITHER = (True, False)


def look(
    runtime: str,
    probe: str,
    expression: str,
    *,
    vetoes: bool = True,
    seen: bool = True,
    last: bool = True,
    detail: str = "",
) -> Verdict:
    """The verdict on these three signals; `seen`: the fault itself showed in the runtime."""

    def signal(name: str, state: str, words: str = "") -> Signal:
        return Signal.model_validate({"name": name, "state": state, "detail": words or name})

    return judge(
        runtime=signal("runtime", runtime, detail),
        probe=signal("probe", probe),
        expression=signal("expression", expression),
        expression_vetoes=vetoes,
        broke_in_runtime=seen,
        last_look=last,
    )


TABLE = [
    # runtime, probe, expression, vetoes, seen -> verdict
    ("good", "good", "good", True, True, "healed"),
    ("good", "good", "good", True, False, "healed"),
    ("good", "good", "bad", True, True, "not_healed"),
    ("good", "good", "bad", True, False, "not_healed"),
    ("good", "good", "unknown", False, True, "healed"),
    ("good", "good", "unknown", False, False, "healed"),
    ("good", "good", "absent", False, True, "healed"),
    ("good", "good", "absent", False, False, "healed"),
    ("good", "absent", "good", True, True, "healed"),
    ("good", "absent", "good", True, False, "healed"),
    ("good", "absent", "bad", True, True, "not_healed"),
    ("good", "absent", "bad", True, False, "not_healed"),
    ("good", "absent", "unknown", False, True, "healed"),
    ("good", "absent", "unknown", False, False, "unknown"),
    ("good", "absent", "absent", False, True, "healed"),
    ("good", "absent", "absent", False, False, "unknown"),
    *(("good", "bad", e, v, s, "not_healed") for e, v, s in product(STATES, EITHER, EITHER)),
    *(("good", "unknown", e, v, s, "unknown") for e, v, s in product(STATES, EITHER, EITHER)),
    *(("bad", p, e, True, s, "not_healed") for p, e, s in product(STATES, STATES, EITHER)),
    *(("unknown", p, e, True, s, "unknown") for p, e, s in product(STATES, STATES, EITHER)),
    *(("absent", p, e, True, s, "unknown") for p, e, s in product(STATES, STATES, EITHER)),
]  # fmt: skip


@pytest.mark.parametrize(("runtime", "probe", "expression", "vetoes", "seen", "state"), TABLE)
def test_the_truth_table(
    runtime: str, probe: str, expression: str, vetoes: bool, seen: bool, state: str
) -> None:
    """Runtime and probe decide, the expression vetoes, unknown stays unknown."""
    assert look(runtime, probe, expression, vetoes=vetoes, seen=seen).state == state


@given(
    st.sampled_from(["unknown", "absent"]),
    st.sampled_from(STATES),
    st.sampled_from(STATES),
    st.booleans(),
    st.booleans(),
)
def test_runtime_unknown_is_unknown_always(
    runtime: str, probe: str, expression: str, vetoes: bool, seen: bool
) -> None:
    """Nothing else can make a container healed or not healed that was not seen."""
    verdict = look(runtime, probe, expression, vetoes=vetoes, seen=seen)

    assert verdict.state == "unknown"
    assert verdict.blind == ["runtime"]


@given(st.sampled_from(STATES), st.sampled_from(STATES), st.sampled_from(STATES), st.booleans())
def test_healed_needs_a_good_runtime(runtime: str, probe: str, expression: str, seen: bool) -> None:
    """No combination heals what does not run, or what its probe contradicts."""
    verdict = look(runtime, probe, expression, seen=seen)

    assert verdict.state != "healed" or (runtime == "good" and probe in ("good", "absent"))


def test_an_expression_without_a_vote_does_not_veto() -> None:
    """A range that reaches back before the act says nothing about now."""
    assert look("good", "good", "bad", vetoes=False).state == "healed"


@pytest.mark.parametrize("expression", ["unknown", "absent"])
def test_a_blind_expression_is_looked_at_again(expression: str) -> None:
    """Healed with a blind expression says so."""
    verdict = look("good", "good", expression)

    assert verdict.recheck
    assert verdict.blind == ["expression"]


@pytest.mark.parametrize(
    ("runtime", "probe", "expression", "seen", "state"),
    [
        ("bad", "absent", "absent", True, "pending"),
        ("good", "bad", "absent", True, "pending"),
        ("good", "unknown", "absent", True, "pending"),
        ("unknown", "good", "good", True, "pending"),
        ("good", "good", "bad", True, "pending"),
        ("good", "good", "good", True, "healed"),
        ("good", "good", "unknown", True, "healed"),
        ("good", "good", "unknown", False, "pending"),
    ],
)
def test_with_time_left_only_proof_ends_it(
    runtime: str, probe: str, expression: str, seen: bool, state: str
) -> None:
    """Before the last look everything but a proved recovery stays pending."""
    assert look(runtime, probe, expression, seen=seen, last=False).state == state


def test_a_second_fall_ends_it_at_once() -> None:
    """What was started and is down again needs no longer look."""
    verdict = look("bad", "absent", "absent", last=False, detail="fell again: web is exited")

    assert verdict.state == "not_healed"


def test_the_verdict_shows_its_signals() -> None:
    """All three signals are kept, as the proof."""
    names = [signal.name for signal in look("good", "good", "good").signals]

    assert names == ["runtime", "probe", "expression"]
