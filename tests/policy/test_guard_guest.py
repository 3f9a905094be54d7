from typing import Any

import pytest

from domain.decision import Allowed
from domain.guests import GuestFacts, GuestInventory
from domain.journal import Standing
from domain.limits import Limits
from domain.remedy import Effect, Precondition, Remedy, RemedyName, Verb
from nightshift.testing import LABELS, T0, TAG, container, evidence, guest, node
from policy.desired import Stop
from policy.guard import Case, in_scope, judge

DOWN = guest(status="stopped", uptime_s=0.0)
LIMITS = Limits(scope=dict(LABELS), guest_scope=[TAG], docker_guests={"local": "lxc/101"})
CITED = [evidence("alert", "alert"), evidence("guest", "proxmox")]
PERSON = Stop(by="person", detail="vzstop by root@pam")


def act(
    name: RemedyName = "start_guest", *, verb: Verb = "start_guest", on: GuestFacts = DOWN
) -> Remedy:
    """A remedy with one effect."""
    effect = Effect(verb=verb, target=on.target, precondition=Precondition.of(on))
    return Remedy(
        name=name,
        target=on.target,
        effects=[effect],
        risk="low",
        reversible=True,
        expect="running",
        undo="",
    )


def case(facts: GuestFacts = DOWN, **changes: Any) -> Case:
    """A crashed guest of which everything is known and allowed."""
    known = {
        "remedy": act(on=facts),
        "cited": CITED,
        "stop": Stop(by="crash", detail="it ended"),
        "everyone": [],
        "cluster": GuestInventory(nodes=[node()], guests=[facts]),
        "limits": LIMITS,
        "now": T0,
        "attempts": 0,
    }
    return Case.model_validate({**known, **changes})


def limits(**changes: Any) -> Limits:
    """The usual limits, changed."""
    return LIMITS.model_copy(update=changes)


def said(case: Case, standing: Standing | None = None) -> str:
    """The decision and its rule."""
    word = judge(case, standing or Standing())
    return word.kind if isinstance(word, Allowed) else f"{word.kind} {word.rule}"


def busy(**changes: Any) -> Case:
    """A guest that is stopped, and this."""
    return case(guest(status="stopped", **changes))


REBOOT = act("reboot_guest", verb="reboot_guest", on=guest())
OWN = container("nightshift", host="local")


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (case(), "allowed"),
        (busy(lock="backup"), "refused human"),
        (busy(task="vzdump"), "refused human"),
        (busy(ha_state="error"), "refused human"),
        (busy(template=True), "refused human"),
        (busy(onboot=False), "needs_approval human"),
        (case(stop=PERSON), "needs_approval human"),
        (case(stop=Stop(by="backup", detail="")), "allowed"),
        (case(guest(), remedy=REBOOT), "needs_approval human"),
        (case(guest(), remedy=REBOOT, limits=limits(modes={"reboot_guest": "auto"})), "allowed"),
        (busy(tags=[]), "refused scope"),
        (case(limits=limits(guest_scope=[])), "needs_approval scope"),
        (case(limits=limits(guest_scope=["*"])), "allowed"),
        (case(limits=limits(scope={})), "allowed"),
        (case(limits=limits(excluded=["lxc/101"])), "refused scope"),
        (case(cluster=GuestInventory()), "refused scope"),
        (case(cited=CITED[1:]), "refused evidence"),
        (case(cited=[CITED[1], evidence("alert", "ledger")]), "refused evidence"),
        (case(limits=limits(mode="observe")), "refused mode"),
        (case(limits=limits(modes={"start_guest": "approve"})), "needs_approval mode"),
        (case(limits=limits(protected=["nas"])), "allowed"),
        (case(guest(), remedy=REBOOT, limits=limits(protected=["lxc/101"])), "refused protected"),
    ],
)
def test_each_rule_for_guests(one: Case, word: str) -> None:
    """The same rules in the same order; what Proxmox knows takes the place of labels and events."""
    assert said(one) == word


@pytest.mark.parametrize("changes", [{"lock": "backup"}, {"task": "vzdump"}, {"ha_state": "x"}])
def test_no_approval_lifts_hands_off(changes: dict[str, str]) -> None:
    """Somebody is at work on it already, whatever a person far away says."""
    one = busy(**changes)

    assert said(one, Standing(approved_digest=one.remedy.digest)) == "refused human"


def test_a_yes_starts_what_was_stopped() -> None:
    """A person's yes answers the question about a person's stop."""
    one = case(stop=PERSON)

    assert said(one, Standing(approved_digest=one.remedy.digest)) == "allowed"


def test_the_guest_that_carries_us_is_protected() -> None:
    """Nightshift's own container runs in it: it may be started, and nothing else."""
    ours = limits(own_id=OWN.target.id[:12], modes={"reboot_guest": "auto"})
    reboot = case(guest(), remedy=REBOOT, limits=ours, everyone=[OWN])
    start = case(limits=ours, everyone=[OWN])

    assert (said(reboot), said(start)) == ("refused protected", "allowed")


def test_the_guest_that_serves_us_is_protected() -> None:
    """Prometheus lives in the guest of that name."""
    ours = limits(needs=["http://nas:9090"], modes={"reboot_guest": "auto"})

    assert said(case(guest(), remedy=REBOOT, limits=ours)) == "refused protected"


def test_cleared_upstream_and_still_seen_down_goes_on() -> None:
    """What Proxmox shows counts as observed, as a container's own state does."""
    assert said(case(), Standing(cleared_at=T0)) == "allowed"
    assert said(case(cited=[CITED[0]]), Standing(cleared_at=T0)) == "refused cleared"


@pytest.mark.parametrize(
    ("scope", "excluded", "inside"),
    [
        ([], [], True),
        ([TAG], [], True),
        ([TAG, "prod"], [], False),
        (["*"], [], True),
        ([TAG], ["nas"], False),
        ([TAG], ["lxc/101"], False),
        (["*"], [TAG], False),
        ([TAG], ["101"], True),
    ],
)
def test_scope_by_tags(scope: list[str], excluded: list[str], inside: bool) -> None:
    """All tags of the scope, and neither name, number nor tag among the opt-outs."""
    assert in_scope(DOWN, limits(guest_scope=scope, excluded=excluded)) is inside
