"""Verification's truth table. Not here: how the signals are read.

Runtime state and probe decide. The alert's own expression vetoes only when its whole range lies
after the act; runtime unknown is unknown, always.
"""

from typing import Literal

from domain.verdict import Signal, Verdict


def judge(
    *,
    runtime: Signal,
    probe: Signal,
    expression: Signal,
    expression_vetoes: bool,
    broke_in_runtime: bool,
    last_look: bool,
) -> Verdict:
    """The verdict on these three signals.

    `broke_in_runtime`: the fault itself was visible as status or health, so that a good runtime
    state proves its end. `last_look`: no time is left, so that nothing stays pending.
    """
    signals = [runtime, probe, expression]
    state, reason, blind, recheck = _read(
        runtime, probe, expression, expression_vetoes, broke_in_runtime
    )
    waits = recheck and not broke_in_runtime if state == "healed" else not _final(runtime)
    if waits and not last_look:
        state = "pending"
    return Verdict(state=state, reason=reason, signals=signals, blind=blind, recheck=recheck)


def _final(runtime: Signal) -> bool:
    """It fell again after the act: looking longer shows nothing else."""
    return runtime.state == "bad" and runtime.detail.startswith("fell again")


State = Literal["healed", "not_healed", "unknown", "pending"]
_Reading = tuple[State, str, list[str], bool]


def _read(
    runtime: Signal, probe: Signal, expression: Signal, vetoes: bool, broke_in_runtime: bool
) -> _Reading:
    if runtime.state in ("unknown", "absent"):
        return "unknown", f"runtime state unknown: {runtime.detail}", ["runtime"], False
    if runtime.state == "bad":
        return "not_healed", runtime.detail, [], False
    if probe.state == "bad":
        return "not_healed", probe.detail, [], False
    if probe.state == "unknown":
        return "unknown", f"the probe is blind: {probe.detail}", ["probe"], False
    if expression.state == "bad" and vetoes:
        return "not_healed", expression.detail, [], False
    return _good(runtime, probe, expression, broke_in_runtime)


def _good(runtime: Signal, probe: Signal, expression: Signal, broke_in_runtime: bool) -> _Reading:
    unsure = expression.state != "good"
    proved = [signal.detail for signal in (runtime, probe, expression) if signal.state == "good"]
    if probe.state == "absent" and unsure and not broke_in_runtime:
        reason = f"nothing outside saw the fault end: {expression.detail}"
        return "unknown", reason, ["probe", "expression"], False
    return "healed", "; ".join(proved), (["expression"] if unsure else []), unsure
