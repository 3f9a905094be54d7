"""Prices, ceilings and the estimate of tokens."""

import pytest

from domain.reasoning import Spent
from policy.money import NANO, Ceilings, Prices, cost, refusal, tokens_in


def asked(spent: Spent, **ceilings: float) -> str:
    """The refusal of a call with 1,000 prompt tokens that may cost $0.0004."""
    limits = Ceilings.model_validate(ceilings)
    return refusal(spent, prompt_tokens=1000, dearest=400_000, ceilings=limits)


def test_a_call_has_its_price() -> None:
    """1,000 tokens in and 100 out of gpt-4o-mini are $0.00021."""
    assert cost(1000, 100, Prices()) == 210_000
    assert cost(0, 0, Prices()) == 0
    assert cost(1, 0, Prices(prompt=0.0004)) == 1


def test_a_local_model_is_free() -> None:
    """At a price of nothing no ceiling of money is ever reached."""
    free = Prices(prompt=0, completion=0)
    nothing = refusal(
        Spent(), prompt_tokens=9, dearest=cost(9, 9, free), ceilings=Ceilings(day=0, month=0)
    )

    assert nothing == ""


@pytest.mark.parametrize(
    ("spent", "ceilings", "words"),
    [
        (Spent(), {}, ""),
        (Spent(calls=2), {}, "2 calls"),
        (Spent(calls=1, prompt_tokens=1500), {}, ""),
        (Spent(calls=1, prompt_tokens=1501), {}, "2501 of 2500 prompt tokens"),
        (Spent(day=NANO // 4 - 400_000), {}, ""),
        (Spent(day=NANO // 4 - 399_999), {}, "the day's budget of $0.25"),
        (Spent(month=5 * NANO // 2), {}, "the month's budget of $2.50"),
        (Spent(), {"day": 0}, "the day's budget of $0.00"),
    ],
)
def test_ceilings(spent: Spent, ceilings: dict[str, float], words: str) -> None:
    """To the last token and the last billionth of a dollar; none is passed by a single call."""
    refused = asked(spent, **ceilings)

    assert words in refused
    assert bool(refused) is bool(words)


def test_tokens_are_guessed_by_bytes() -> None:
    """Also of text that is not ASCII, or not text at all."""
    assert tokens_in("") == 0
    assert tokens_in("a" * 35) == 10
    assert tokens_in("ä" * 35) == 20
    assert tokens_in("\ud800") == 1
