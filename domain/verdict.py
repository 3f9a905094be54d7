"""Whether a remedy worked, and the signals that say so. Not here: the truth table."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.plain import Record


class Signal(Record):
    """One check's answer. `absent` means there is no such check; `unknown` that it was blind."""

    name: Literal["runtime", "probe", "expression", "dependencies"]
    state: Literal["good", "bad", "unknown", "absent"]
    detail: str
    query: str = ""
    at: datetime | None = None


class Verdict(Record):
    """`pending` asks to look again; `blind` names the checks that could not see."""

    state: Literal["healed", "not_healed", "unknown", "pending"]
    reason: str
    signals: list[Signal] = Field(default_factory=list)
    blind: list[str] = Field(default_factory=list)
    recheck: bool = False
