"""May this be done now? Rules in a fixed order; the first that refuses wins. Not here: I/O.

A rule that only wants a person's word is heard after all that refuse: nobody is asked to
approve what would be refused anyway. A person's yes, given to exactly this remedy on these
facts, answers the rules about people, evidence and mode, and no other.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import Field

from domain.decision import Allowed, NeedsApproval, Refused
from domain.evidence import Evidence
from domain.facts import ContainerFacts
from domain.guests import Facts, GuestFacts, GuestInventory
from domain.journal import PastAttempt, Standing
from domain.limits import Limits
from domain.plain import Record
from domain.remedy import Remedy
from policy.blast import blast_radius
from policy.blast_guest import guest_blast
from policy.desired import Stop
from policy.hands_off import hands_off
from policy.latch import did_not_hold
from policy.protect import guest_needed_by_us, needed_by_us

AHEAD = timedelta(seconds=5)
"""Evidence dated later than this from now was not seen now: a clock was set meanwhile."""


class Case(Record):
    """All that the rules look at. `cited` is the evidence the diagnosis rests on.

    `stop` is whose doing the patient's state is, `stops` the same of the other containers that
    a remedy may touch, by key; `silenced` says who silenced the alert. `everyone` are the
    containers; nodes and guests are in `cluster`.
    """

    remedy: Remedy
    cited: list[Evidence]
    stop: Stop
    everyone: list[ContainerFacts]
    limits: Limits
    now: datetime
    attempts: int
    stops: dict[str, Stop] = Field(default_factory=dict)
    silenced: str = ""
    cluster: GuestInventory = GuestInventory()

    @property
    def guest(self) -> bool:
        """Is the patient a guest?"""
        return self.remedy.target.kind != "container"

    @property
    def by_key(self) -> dict[str, Facts]:
        """Everything that could be touched."""
        all_facts: list[Facts] = [*self.everyone, *self.cluster.guests]
        return {facts.target.key: facts for facts in all_facts}


UNSEEN = Stop(by="unexplained", detail="no events were seen")
Word = NeedsApproval | Refused | None
Rule = Callable[[Case, Standing], Word]


def judge(case: Case, standing: Standing) -> Allowed | NeedsApproval | Refused:
    """Policy's word on one remedy, from the case and the ledger's standing."""
    approved = standing.approved_digest == case.remedy.digest
    asks: NeedsApproval | None = None
    for rule in RULES:
        word = rule(case, standing)
        if isinstance(word, Refused) and not (approved and word.rule == "evidence"):
            return word
        if isinstance(word, NeedsApproval):
            asks = asks or word
    if asks and not approved:
        return asks
    return Allowed(reason="a person approved it" if approved else "every rule allows it")


def _refuse(rule: str, reason: str) -> Refused:
    return Refused(rule=rule, reason=reason)


def _paused(case: Case, standing: Standing) -> Word:
    return (
        _refuse("paused", f"Nightshift is paused: {standing.paused}") if standing.paused else None
    )


def _claim(case: Case, standing: Standing) -> Word:
    if standing.holds_claim:
        return None
    return _refuse(
        "claim", "this run does not hold the target's claim (replay, fork or stale worker)"
    )


def _cleared(case: Case, standing: Standing) -> Word:
    """`resolved` is not believed, but what was seen before it is no proof any more."""
    if standing.cleared_at is None or not case.remedy.effects:
        return None
    seen = [item for item in case.cited if item.kind in ("container", "guest")]
    if any(item.status == "ok" and item.at >= standing.cleared_at for item in seen):
        return None
    return _refuse("cleared", "Alertmanager says it is resolved, and nobody has looked since")


def _scope(case: Case, standing: Standing) -> Word:
    by_key = case.by_key
    for key in case.remedy.touches:
        facts = by_key.get(key)
        if facts is None:
            return _refuse("scope", f"{key} is not in the inventory")
        if not in_scope(facts, case.limits):
            return _refuse("scope", f"{key} is outside the configured scope")
    setting = "PROXMOX_SCOPE" if case.guest else "DOCKER_SCOPE"
    if case.remedy.effects and not (case.limits.guest_scope if case.guest else case.limits.scope):
        return NeedsApproval(rule="scope", reason=f"no {setting} is set, so a person decides")
    return None


def in_scope(facts: Facts, limits: Limits) -> bool:
    """Does it carry all labels (a guest: tags) of the scope and none of the opt-outs of ours?"""
    if isinstance(facts, GuestFacts):
        names = {facts.target.name, facts.target.path, *facts.tags}
        return not names & set(limits.excluded) and set(limits.guest_scope) <= {"*", *facts.tags}
    for opt_out in limits.excluded:
        label, given, value = opt_out.partition("=")
        if opt_out == facts.target.name or (given and facts.labels.get(label) == value):
            return False
    return all(
        label in facts.labels and value in ("", facts.labels[label])
        for label, value in limits.scope.items()
    )


def _protected(case: Case, standing: Standing) -> Word:
    by_key = case.by_key
    for effect in case.remedy.effects:
        down = effect.precondition.status_class == "down"
        reason = _needed(by_key.get(effect.target.key), case)
        if reason and not (effect.verb in ("start", "start_guest") and down):
            said = f"{effect.target.name} is protected ({reason}): only a start of a dead one"
            return _refuse("protected", said)
    return None


def _needed(facts: Facts | None, case: Case) -> str:
    if isinstance(facts, GuestFacts):
        return guest_needed_by_us(facts, case.everyone, case.cluster, case.limits)
    return needed_by_us(facts, case.limits)


def _human(case: Case, standing: Standing) -> Word:
    if not case.remedy.effects:
        return None
    if case.guest and (word := _guest_human(case)):
        return word
    wanted = [said for said in (_wanted(case, key) for key in _meant(case)) if said is not None]
    wanted += [case.silenced] if case.silenced else []
    if not wanted:
        return None
    return NeedsApproval(rule="human", reason=f"somebody may have wanted this: {'; '.join(wanted)}")


def _meant(case: Case) -> list[str]:
    """The patient, and every other target that the remedy would change."""
    return list(dict.fromkeys([case.remedy.target.key, *case.remedy.touches]))


def _wanted(case: Case, key: str) -> str | None:
    """Whose decision the state of this target may be; of one nobody looked at, it may be one."""
    patient = key == case.remedy.target.key
    stop = case.stop if patient else case.stops.get(key, UNSEEN)
    if stop.by not in ("person", "unexplained"):
        return None
    facts = case.by_key.get(key)
    return stop.detail if patient else f"{facts.target.name if facts else key}: {stop.detail}"


def _guest_human(case: Case) -> Word:
    """Hands off what is locked, busy or the HA manager's; ask before what people notice."""
    by_key = case.by_key
    for effect in case.remedy.effects:
        facts = by_key.get(effect.target.key)
        if isinstance(facts, GuestFacts) and (busy := hands_off(facts, effect.verb)):
            return _refuse("human", f"hands off {facts.target.name}: {busy}")
        if effect.verb == "start_guest" and isinstance(facts, GuestFacts) and not facts.onboot:
            reason = f"{facts.target.name} is not set to start on boot: it may be meant to be down"
            return NeedsApproval(rule="human", reason=reason)
        if effect.verb == "reboot_guest" and case.limits.modes.get("reboot_guest") != "auto":
            return NeedsApproval(
                rule="human", reason="a reboot takes down everything that runs in it"
            )
    return None


def _evidence(case: Case, standing: Standing) -> Word:
    """Fresh, and from two sources; what the ledger knows came from the target's own runtime."""
    if not case.remedy.effects:
        return None
    oldest = case.now - timedelta(seconds=case.limits.evidence_max_age_s)
    newest = case.now + AHEAD
    stale = [
        item.id for item in case.cited if not oldest <= item.at <= newest or item.status != "ok"
    ]
    if stale or not case.cited:
        return _refuse("evidence", f"stale or missing evidence: {', '.join(stale) or 'none cited'}")
    ledger = "proxmox" if case.guest else "docker"
    voices = {ledger if item.source == "ledger" else item.source for item in case.cited}
    if len(voices) < 2:
        return _refuse("evidence", f"only one source says so: {', '.join(voices)}")
    return None


def _attempts(case: Case, standing: Standing) -> Word:
    if case.attempts >= case.limits.max_attempts and case.remedy.effects:
        return _refuse("attempts", f"{case.attempts} attempts were made in this incident")
    return None


def _latched(case: Case, standing: Standing) -> Word:
    """Whatever the remedy: what came back that often needs a person, not another try."""
    if not case.remedy.effects:
        return None
    if standing.latched:
        return _refuse("latched", standing.latched)
    times = did_not_hold(standing.recent, case.remedy.touches)
    if times < case.limits.latch_after:
        return None
    return _refuse("latched", f"{times} actions on {case.remedy.target.name} did not hold")


def _cooldown(case: Case, standing: Standing) -> Word:
    since = case.now - timedelta(seconds=case.limits.cooldown_s)
    bad = [
        past
        for past in standing.recent
        if past.at >= since and past.remedy == case.remedy.name and _bad(past, case)
    ]
    if len(bad) < case.limits.cooldown_failures:
        return None
    return _refuse(
        "cooldown", f"{case.remedy.name} did not hold {len(bad)} times lately: {_list(bad)}"
    )


def _bad(past: PastAttempt, case: Case) -> bool:
    return past.target_key in case.remedy.touches and past.verdict not in ("healed", "pending")


def _list(attempts: list[PastAttempt]) -> str:
    return ", ".join(f"{past.verdict} at {past.at:%H:%M:%S}" for past in attempts)


def _caps(case: Case, standing: Standing) -> Word:
    if not case.remedy.effects:
        return None
    hour = case.now - timedelta(hours=1)
    here = {
        (past.incident, past.at)
        for past in standing.recent
        if past.at >= hour and past.target_key in case.remedy.touches
    }
    if len(here) >= case.limits.max_actions_per_target_hour:
        return _refuse("caps", f"{len(here)} actions on this target within the hour")
    if standing.actions_last_hour >= case.limits.max_actions_per_hour:
        return _refuse("caps", f"{standing.actions_last_hour} actions within the hour")
    if len(standing.acting) >= case.limits.max_actions_at_once:
        return _refuse("at_once", f"acting on {', '.join(standing.acting)} right now")
    return None


def _blast(case: Case, standing: Standing) -> Word:
    if case.guest:
        reason = guest_blast(case.remedy, case.everyone, case.cluster, case.limits)
        return _refuse("blast", reason) if reason else None
    reason = blast_radius(
        case.remedy,
        [facts for facts in case.everyone if in_scope(facts, case.limits)],
        count=case.limits.blast_count,
        share=case.limits.blast_share,
    )
    return _refuse("blast", reason) if reason else None


def _mode(case: Case, standing: Standing) -> Word:
    if not case.remedy.effects:
        return None
    mode = case.limits.mode_for(case.remedy.name, case.remedy.target.name)
    if mode == "observe":
        reason = f"mode observe; would have done {case.remedy.name}"
        return Refused(rule="mode", reason=reason, observed=True)
    return NeedsApproval(rule="mode", reason="mode approve") if mode == "approve" else None


RULES: tuple[Rule, ...] = (
    _paused,
    _claim,
    _cleared,
    _scope,
    _protected,
    _human,
    _evidence,
    _attempts,
    _latched,
    _cooldown,
    _caps,
    _blast,
    _mode,
)
