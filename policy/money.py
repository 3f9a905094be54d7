"""What a model call may cost, and whether it still may. Not here: what was spent, or asking.

Money is counted in whole billionths of a dollar: at $0.15 a million, a token costs 150 of them.
"""

from math import ceil

from domain.plain import Record
from domain.reasoning import CALLS_AT_MOST, Spent

NANO = 10**9
BYTES_PER_TOKEN = 3.5
"""English, labels and log lines have 3.3 to 4.2 in o200k_base; a guess should err upwards."""


class Prices(Record):
    """Dollars for a million tokens."""

    prompt: float = 0.15
    completion: float = 0.60


class Ceilings(Record):
    """The most that may be spent: calls and prompt tokens an incident, dollars a UTC day, month."""

    calls: int = CALLS_AT_MOST
    prompt_tokens: int = 2500
    day: float = 0.25
    month: float = 2.50


def tokens_in(text: str) -> int:
    """About how many tokens a text is, rather too many than too few."""
    return ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def cost(prompt_tokens: int, completion_tokens: int, prices: Prices) -> int:
    """Billionths of a dollar, rounded up."""
    spent = prompt_tokens * prices.prompt + completion_tokens * prices.completion
    return ceil(round(spent * NANO / 10**6, 3))


def refusal(spent: Spent, *, prompt_tokens: int, dearest: int, ceilings: Ceilings) -> str:
    """Why a call of at most this size must not be made, or an empty string; `dearest` is its cost.

    A call is refused for what it might cost, so that no ceiling is ever passed by one.
    """
    if spent.calls >= ceilings.calls:
        return f"{spent.calls} calls were made in this incident"
    if spent.prompt_tokens + prompt_tokens > ceilings.prompt_tokens:
        total = spent.prompt_tokens + prompt_tokens
        return f"{total} of {ceilings.prompt_tokens} prompt tokens in this incident"
    if spent.day + dearest > ceilings.day * NANO:
        return f"the day's budget of ${ceilings.day:.2f} is spent"
    if spent.month + dearest > ceilings.month * NANO:
        return f"the month's budget of ${ceilings.month:.2f} is spent"
    return ""
