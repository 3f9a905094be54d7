from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decision import Allowed, NeedsApproval, Refused
from domain.evidence import Evidence
from domain.facts import ContainerFacts, Port
from domain.journal import PastAttempt, Standing
from domain.limits import Limits
from domain.remedy import Effect, Precondition, Remedy, RemedyName, Verb
from nightshift.testing import LABELS, T0, container, evidence
from policy.desired import Stop
from policy.guard import RULES, UNSEEN, Case, in_scope, judge

WEB = container("web", status="exited", exit_code=1)
OTHERS = [container(name) for name in ("db", "api", "cache")]
LIMITS = Limits(scope=dict(LABELS))
CITED = [evidence("alert", "alert"), evidence("container")]
CRASH = Stop(by="crash", detail="exited with code 1")


def act(name: RemedyName = "start", *, verb: Verb = "start", on: ContainerFacts = WEB) -> Remedy:
    """A remedy with one effect."""
    effect = Effect(verb=verb, target=on.target, precondition=Precondition.of(on))
    return Remedy(
        name=name,
        target=WEB.target,
        effects=[effect],
        risk="low",
        reversible=True,
        expect="running",
        undo="docker stop",
    )


def case(**changes: Any) -> Case:
    """A crashed container of which everything is known and allowed."""
    known = {
        "remedy": act(),
        "cited": CITED,
        "stop": CRASH,
        "everyone": [WEB, *OTHERS],
        "limits": LIMITS,
        "now": T0,
        "attempts": 0,
    }
    return Case.model_validate({**known, **changes})


def limits(**changes: Any) -> Limits:
    """The usual limits, changed."""
    return LIMITS.model_copy(update=changes)


def tried(
    verdict: str, *, ago_s: float = 60, on: str = WEB.target.key, remedy: str = "start", n: int = 1
) -> list[PastAttempt]:
    """That remedy on that target, n times, each in an incident of its own."""
    return [
        PastAttempt.model_validate(
            {
                "incident": f"{verdict}-{number}",
                "target_key": on,
                "remedy": remedy,
                "at": T0 - timedelta(seconds=ago_s + number),
                "verdict": verdict,
            }
        )
        for number in range(n)
    ]


def said(case: Case, standing: Standing | None = None) -> str:
    """The decision and its rule."""
    word = judge(case, standing or Standing())
    return word.kind if isinstance(word, Allowed) else f"{word.kind} {word.rule}"


def test_allows_what_nothing_speaks_against() -> None:
    """Two sources, a crash, nobody at work: start it."""
    assert said(case()) == "allowed"


STALE = CITED[1].model_copy(update={"at": T0 - timedelta(seconds=121)})
RESTART = act("restart", verb="restart")
DB = OTHERS[0]
OF_DB = act("start_dependency", on=DB)
STOPPED = Stop(by="person", detail="stop through the API")
BLIND = CITED[1].model_copy(update={"status": "error"})
ALONE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("refused paused", {}, {"paused": "holiday"}),
    ("refused claim", {}, {"holds_claim": False}),
    ("refused cleared", {"cited": [CITED[0], evidence("stop", "ledger")]}, {"cleared_at": T0}),
    ("refused cleared", {}, {"cleared_at": T0 + timedelta(seconds=1)}),
    ("refused scope", {"everyone": OTHERS}, {}),
    ("refused scope", {"limits": limits(scope={"team": "x"})}, {}),
    ("refused scope", {"limits": limits(excluded=["web"])}, {}),
    ("needs_approval scope", {"limits": limits(scope={})}, {}),
    ("refused protected", {"limits": limits(protected=["web"]), "remedy": RESTART}, {}),
    ("needs_approval human", {"stop": Stop(by="person", detail="stop through the API")}, {}),
    ("needs_approval human", {"stop": Stop(by="unexplained", detail="exit 0")}, {}),
    ("needs_approval human", {"remedy": OF_DB, "stops": {DB.target.key: STOPPED}}, {}),
    ("needs_approval human", {"remedy": OF_DB, "stops": {DB.target.key: UNSEEN}}, {}),
    ("needs_approval human", {"remedy": OF_DB}, {}),
    ("needs_approval human", {"silenced": "ann silenced it until noon"}, {}),
    ("refused evidence", {"cited": []}, {}),
    ("refused evidence", {"cited": [CITED[0], STALE]}, {}),
    ("refused evidence", {"cited": [CITED[0], BLIND]}, {}),
    ("refused evidence", {"cited": CITED[1:]}, {}),
    ("refused evidence", {"cited": [CITED[1], evidence("stop", "ledger")]}, {}),
    ("refused attempts", {"attempts": 3}, {}),
    ("refused cooldown", {}, {"recent": tried("not_healed", n=2)}),
    ("refused caps", {}, {"recent": tried("healed", n=3)}),
    ("refused caps", {}, {"actions_last_hour": 20}),
    ("refused at_once", {}, {"acting": ["container:local/a", "container:local/b"]}),
    ("refused blast", {"everyone": [WEB, *(container(n, status="dead") for n in "abc")]}, {}),
    ("refused mode", {"limits": limits(mode="observe")}, {}),
    ("needs_approval mode", {"limits": limits(mode="approve")}, {}),
    ("refused mode", {"limits": limits(modes={"start": "observe"})}, {}),
    ("needs_approval mode", {"limits": limits(modes={"web": "approve"})}, {}),
    ("refused mode", {"limits": limits(modes={"start@web": "observe"})}, {}),
]  # fmt: skip


def test_a_dependency_that_crashed_needs_no_word() -> None:
    """Somebody else's crash is nobody's wish."""
    crashed = {DB.target.key: CRASH}

    assert said(case(remedy=OF_DB, stops=crashed)) == "allowed"


def test_who_is_meant_is_named() -> None:
    """A person who is asked reads whose stop it was."""
    word = judge(case(remedy=OF_DB, stops={DB.target.key: STOPPED}), Standing())

    assert word.reason == "somebody may have wanted this: db: stop through the API"


@pytest.mark.parametrize(("word", "changes", "standing"), ALONE)
def test_each_rule_speaks_alone(
    word: str, changes: dict[str, Any], standing: dict[str, Any]
) -> None:
    """Every rule refuses or asks by itself, whatever the others say."""
    assert said(case(**changes), Standing(**standing)) == word


def test_rules_come_in_the_promised_order() -> None:
    """The first that refuses wins, so that the order is what people are told."""
    names = [rule.__name__.lstrip("_") for rule in RULES]

    assert names == [
        "paused", "claim", "cleared", "scope", "protected", "human",
        "evidence", "attempts", "latched", "cooldown", "caps", "blast", "mode",
    ]  # fmt: skip


ORDER = [
    "paused", "claim", "scope", "evidence", "attempts", "latched", "cooldown", "caps", "mode",
]  # fmt: skip
BREAKS_CASE: dict[str, dict[str, Any]] = {
    "scope": {"everyone": []},
    "evidence": {"cited": []},
    "attempts": {"attempts": 3},
    "mode": {"limits": limits(mode="observe")},
}
BREAKS_STANDING: dict[str, dict[str, Any]] = {
    "paused": {"paused": "holiday"},
    "claim": {"holds_claim": False},
    "latched": {"latched": "it comes and goes"},
    "cooldown": {"recent": tried("unknown", n=2)},
    "caps": {"actions_last_hour": 99},
}


@given(st.sets(st.sampled_from(ORDER), min_size=1))
def test_of_many_refusals_the_first_wins(broken: set[str]) -> None:
    """Whatever else is wrong, the earliest rule names the reason."""
    changes: dict[str, Any] = {}
    standing: dict[str, Any] = {}
    for name in broken:
        changes |= BREAKS_CASE.get(name, {})
        standing |= BREAKS_STANDING.get(name, {})

    assert said(case(**changes), Standing(**standing)) == f"refused {min(broken, key=ORDER.index)}"


@given(
    mode=st.sampled_from(["observe", "approve", "auto"]),
    approved=st.booleans(),
    by=st.sampled_from(["crash", "person", "unexplained", "oom"]),
    attempts=st.integers(0, 5),
)
def test_paused_never_acts(
    mode: Literal["observe", "approve", "auto"], approved: bool, by: str, attempts: int
) -> None:
    """With the kill switch on nothing passes, an approved remedy neither."""
    remedy = act()
    digest = remedy.digest if approved else ""
    stop = Stop.model_validate({"by": by, "detail": ""})
    one = case(remedy=remedy, limits=limits(mode=mode), stop=stop, attempts=attempts)

    word = judge(one, Standing(paused="stop", approved_digest=digest))

    assert isinstance(word, Refused)
    assert word.rule == "paused"


@pytest.mark.parametrize(
    ("changes", "standing", "word"),
    [
        ({"stop": Stop(by="person", detail="")}, {}, "allowed"),
        ({"limits": limits(mode="approve")}, {}, "allowed"),
        ({"limits": limits(scope={})}, {}, "allowed"),
        ({"cited": [STALE]}, {}, "allowed"),
        ({"attempts": 3}, {}, "refused attempts"),
        ({}, {"recent": tried("not_healed", n=2)}, "refused cooldown"),
        ({}, {"actions_last_hour": 20}, "refused caps"),
        ({"limits": limits(mode="observe")}, {}, "refused mode"),
        ({"everyone": OTHERS}, {}, "refused scope"),
        ({}, {"holds_claim": False}, "refused claim"),
    ],
)
def test_a_yes_answers_only_people_evidence_and_mode(
    changes: dict[str, Any], standing: dict[str, Any], word: str
) -> None:
    """A person's yes replaces people, evidence and mode; every other rule stands."""
    one = case(**changes)

    assert said(one, Standing(**standing, approved_digest=one.remedy.digest)) == word


def test_a_yes_to_another_remedy_is_no_yes() -> None:
    """The approval is bound to this remedy on these facts."""
    other = act(on=container("web", status="exited", image_id="sha256:other"))
    asks = case(stop=Stop(by="person", detail=""))

    assert said(asks, Standing(approved_digest=other.digest)) == "needs_approval human"


def test_asks_only_what_would_not_be_refused() -> None:
    """A later refusal wins over an earlier wish for a person's word."""
    one = case(stop=Stop(by="person", detail=""), attempts=3)

    assert said(one) == "refused attempts"


@pytest.mark.parametrize("verdict", ["not_healed", "unknown", "came_back"])
def test_cooldown_counts_every_bad_end(verdict: str) -> None:
    """Not healed, unknown and came back all count as having failed."""
    assert said(case(), Standing(recent=tried(verdict, n=2))) == "refused cooldown"


@pytest.mark.parametrize(
    "recent",
    [
        tried("not_healed", n=1),
        tried("healed", n=2),
        tried("pending", n=2),
        tried("not_healed", n=2, ago_s=601),
        tried("not_healed", n=2, remedy="restart"),
        tried("not_healed", n=2, on="container:local/db"),
    ],
    ids=["once", "healed", "pending", "long ago", "other remedy", "other target"],
)
def test_cooldown_counts_nothing_else(recent: list[PastAttempt]) -> None:
    """One failure, a success, an old one, another remedy or target: no cool-down."""
    assert said(case(), Standing(recent=recent)) == "allowed"


def test_one_attempt_with_two_effects_is_one_action() -> None:
    """The cap per target counts attempts, not the rows they left."""
    once = tried("healed", ago_s=700)

    assert said(case(), Standing(recent=once * 3)) == "allowed"


def test_a_dead_one_that_is_protected_may_be_started() -> None:
    """What Nightshift needs is not touched, except that a dead one is started."""
    assert said(case(limits=limits(protected=["web"]))) == "allowed"


def test_protects_everything_that_a_remedy_touches() -> None:
    """A dependency is protected as much as the target."""
    db = container("db", ports=[Port(container="9090/tcp", host_ip="", host_port=9090)])
    ours = limits(needs=["http://127.0.0.1:9090"], addresses={"local": ["127.0.0.1"]})
    remedy = act("restart_dependency", verb="restart", on=db)

    assert said(case(remedy=remedy, everyone=[WEB, db], limits=ours)) == "refused protected"


@pytest.mark.parametrize("name", ["wait", "escalate"])
def test_doing_nothing_needs_no_permission(name: RemedyName) -> None:
    """A rung without effects passes all rules about effects."""
    idle = act(name).model_copy(update={"effects": []})
    nobody = case(remedy=idle, cited=[], attempts=9, limits=limits(scope={}, mode="observe"))

    assert said(nobody, Standing(cleared_at=T0)) == "allowed"


def test_cleared_and_still_seen_broken_goes_on() -> None:
    """The word "resolved" from upstream is not healed: what was observed since then counts."""
    assert said(case(), Standing(cleared_at=T0)) == "allowed"


@pytest.mark.parametrize(
    ("scope", "excluded", "inside"),
    [
        ({}, [], True),
        ({"nightshift.managed": ""}, [], True),
        ({"nightshift.managed": "no"}, [], False),
        ({"nightshift.managed": "yes", "team": ""}, [], False),
        ({}, ["web"], False),
        ({}, ["nightshift.managed=yes"], False),
        ({}, ["nightshift.managed=no"], True),
        ({}, ["nightshift.managed"], True),
    ],
)
def test_scope_by_labels_and_names(
    scope: dict[str, str], excluded: list[str], inside: bool
) -> None:
    """All labels of the scope and none of the opt-outs."""
    assert in_scope(WEB, limits(scope=scope, excluded=excluded)) is inside


@pytest.mark.parametrize(("ahead_s", "word"), [(4, "allowed"), (6, "refused"), (3600, "refused")])
def test_evidence_of_the_future_is_stale(ahead_s: int, word: str) -> None:
    """What is dated later than now was seen before a clock was put back: nobody knows when."""
    later = evidence("container", at=T0 + timedelta(seconds=ahead_s))

    assert judge(case(cited=[CITED[0], later]), Standing()).kind == word


def test_evidence_of_one_voice_is_not_two() -> None:
    """The ledger's events came from Docker, so they do not second it."""
    seen: list[Evidence] = [evidence("container"), evidence("stop", "ledger")]
    word = judge(case(cited=seen), Standing())

    assert isinstance(word, Refused)
    assert "docker" in word.reason


def test_observing_says_what_it_would_have_done() -> None:
    """Mode observe is marked, so that the outcome is `observed` and not an escalation."""
    word = judge(case(limits=limits(mode="observe")), Standing())

    assert isinstance(word, Refused)
    assert word.observed
    assert "start" in word.reason


def test_asking_names_the_first_reason() -> None:
    """Several wishes for a person's word are one question."""
    word = judge(
        case(stop=Stop(by="person", detail="stop"), limits=limits(mode="approve")), Standing()
    )

    assert isinstance(word, NeedsApproval)
    assert word.rule == "human"
