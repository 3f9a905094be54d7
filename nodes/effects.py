"""Each effect of a promised remedy, once: compared, called, looked for. Not here: policy's word."""

from datetime import datetime
from typing import Literal

from langgraph.runtime import Runtime

from domain.decision import Allowed, NeedsApproval, Refused
from domain.deps import Deps
from domain.errors import NightshiftError, Permanent, Transient
from domain.incident import Event
from domain.journal import EffectResult, Entry, Intent
from nodes.reach import act, inspect
from nodes.rest import rest
from policy.settle import still_fits, took_place

Word = Allowed | NeedsApproval | Refused
Result = Literal["done", "refused", "failed", "unknown"]


async def carry_out(
    runtime: Runtime[Deps], entries: list[Entry], word: Word, *, resumed: bool
) -> tuple[Result, str]:
    """Each effect in order; the first that is not done ends the attempt, and the rest is refused.

    `resumed`: the entries were found in the journal, where a process that died left them.
    """
    deps = runtime.context
    if not entries and not isinstance(word, Allowed):
        return "refused", word.reason
    ended: Result = "done"
    details: list[str] = []
    for entry in entries:
        result = entry.result
        if result is None:
            result = _result(deps, "refused", "not reached")
            if ended == "done":
                result = await _once(runtime, entry, word, resumed=resumed)
            await deps.ledger.conclude(entry.intent.key, result, event=_told(deps, entry, result))
        if ended == "done":
            details.append(result.detail)
            partly = result.result == "refused" and len(details) > 1
            ended = "failed" if partly else result.result
    return ended, "; ".join(details) or "nothing to change"


def _told(deps: Deps, entry: Entry, result: EffectResult) -> Event:
    effect = entry.intent.effect
    said = f"{effect.verb} {effect.target.name}: {result.detail}"
    return Event(kind="effect", at=deps.clock.now(), text=said, data=result.plain())


async def _once(runtime: Runtime[Deps], entry: Entry, word: Word, *, resumed: bool) -> EffectResult:
    """Do it if it may be done, was not done by anybody since it was promised, and still fits.

    A call that had gone out before a crash and is not to be seen may still take place, however
    long one waits: it is not made again.
    """
    deps, intent = runtime.context, entry.intent
    if entry.called_at:
        return await _look_for(runtime, intent, entry.called_at, "the process ended meanwhile")
    if not isinstance(word, Allowed):
        return _result(deps, "refused", word.reason)
    try:
        now = await inspect(deps, intent.effect.target)
    except NightshiftError as error:
        return _result(deps, "refused", f"the target could not be inspected: {error}")
    reason = still_fits(intent.effect, intent.seen, now)
    if resumed and took_place(intent.effect, intent.seen, now):
        reason = "changed meanwhile: somebody else did it"
    reason = reason or await deps.ledger.call(intent)
    if reason:
        return _result(deps, "refused", reason)
    return await _act(runtime, intent)


async def _act(runtime: Runtime[Deps], intent: Intent) -> EffectResult:
    deps, called_at = runtime.context, runtime.context.clock.now()
    try:
        done = await act(deps, intent.effect)
    except Permanent as error:
        return _result(deps, "failed", str(error))
    except Transient as error:
        return await _look_for(runtime, intent, called_at, str(error))
    return _result(deps, "done", done.detail)


async def _look_for(
    runtime: Runtime[Deps], intent: Intent, called_at: datetime, error: str
) -> EffectResult:
    """The call was sent and nobody answered: look whether it took place; never send it again."""
    deps = runtime.context
    await _settle(runtime, called_at)
    try:
        now = await inspect(deps, intent.effect.target)
    except NightshiftError as blind:
        return _result(deps, "unknown", f"{error}; then {blind}")
    if took_place(intent.effect, intent.seen, now):
        return _result(deps, "done", f"took place although {error}", settled=True)
    return _result(deps, "unknown", f"sent, not answered and not visible: {error}")


async def _settle(runtime: Runtime[Deps], since: datetime) -> None:
    """Wait until a call sent then must have ended, one way or the other.

    A clock put back meanwhile makes it wait the whole time once more, and never longer.
    """
    deps = runtime.context
    passed = max(0.0, (deps.clock.now() - since).total_seconds())
    await rest(runtime, deps.limits.settle_s - passed)


def _result(deps: Deps, result: Result, detail: str, *, settled: bool = False) -> EffectResult:
    return EffectResult(result=result, detail=detail, at=deps.clock.now(), settled=settled)
