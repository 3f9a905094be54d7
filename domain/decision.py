"""What policy says to a remedy, as a value. Not here: the policy."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain.plain import Plain, Record


class Allowed(Record):
    """It may be done now."""

    kind: Literal["allowed"] = "allowed"
    reason: str = "policy allows it"


class NeedsApproval(Record):
    """A person has to say yes first."""

    kind: Literal["needs_approval"] = "needs_approval"
    rule: str
    reason: str


class Refused(Record):
    """It must not be done; `rule` is the first of the policy's rules that refused.

    `observed` is true where only the mode stood in the way: we say what we would have done.
    """

    kind: Literal["refused"] = "refused"
    rule: str
    reason: str
    observed: bool = False


Decision = Annotated[Allowed | NeedsApproval | Refused, Field(discriminator="kind")]
_DECISION: TypeAdapter[Allowed | NeedsApproval | Refused] = TypeAdapter(Decision)


def parse_decision(values: Plain) -> Allowed | NeedsApproval | Refused:
    """Rebuild a decision from its `plain()`."""
    return _DECISION.validate_python(values)


class Approval(Record):
    """A person's answer to one request, bound to the digest of the remedy they saw."""

    digest: str
    answer: Literal["approve", "deny"]
    by: str
    reason: str = ""
