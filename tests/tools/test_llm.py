"""The model over real HTTP: answers, failures, budgets, and what it is never told."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from domain.errors import NightshiftError, NoAnswer, OverBudget, Permanent, Transient
from domain.incident import Usage
from domain.reasoning import Answer, Item, Option, Question
from lab.standins import openai_turns as turns
from lab.standins.openai import OpenAI, Turn
from memory.store import Store, open_store
from policy.money import Ceilings, Prices, tokens_in
from tests.stores import HandClock, opened
from tools.llm import PAUSE_S, ModelReasoner
from tools.llm_client import Server
from tools.llm_prompt import load

KEY = "sk-test-0123456789abcdef"
Make = Callable[..., ModelReasoner]


@pytest.fixture
def clock() -> HandClock:
    """The test's time."""
    return HandClock()


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    """Where the money is counted."""
    async with open_store(tmp_path, clock=clock) as store:
        yield store


@pytest.fixture
async def model() -> AsyncIterator[OpenAI]:
    """A model that answers well until told otherwise."""
    async with OpenAI(turns.well, key=KEY) as standin:
        yield standin


@pytest.fixture
async def make(model: OpenAI, store: Store, clock: HandClock) -> AsyncIterator[Make]:
    """The adapter, with some of its settings changed."""
    made: list[ModelReasoner] = []

    def reasoner(**changes: Any) -> ModelReasoner:
        server = {"model": "test-model", "base_url": model.url, "api_key": KEY, "timeout_s": 1.0}
        one = ModelReasoner(
            Server(**{**server, **changes.pop("server", {})}),
            prompts=load(files("nodes") / "prompts"),
            purse=store,
            clock=clock,
            prices=Prices(),
            ceilings=Ceilings(**changes),
        )
        made.append(one)
        return one

    yield reasoner
    for one in made:
        await one.close()


@pytest.fixture
async def question(store: Store) -> Question:
    """A crashed container; a start and a restart are on offer."""
    return Question(
        incident=await opened(store),
        evidence=[
            Item(id="container@1", kind="container", source="docker", age_s=1,
                 text="name=web; status=exited; exit_code=1"),
            Item(id="stop@1", kind="stop", source="ledger", age_s=1, text="by=crash; exit_code=1"),
            Item(id="alert@1", kind="alert", source="alert", age_s=60, text="name=ContainerDown"),
        ],
        remedies=[
            Option(name="start", line="on web; low risk; expect: running"),
            Option(name="restart", line="on web; medium risk; expect: running"),
        ],
        probes=[Option(name="timeline", line="its latest starts and stops")],
    )  # fmt: skip


async def failure(asked: Awaitable[Answer]) -> NightshiftError:
    """What the call raises."""
    with pytest.raises(NightshiftError) as caught:
        await asked
    return caught.value


async def used(store: Store, question: Question) -> Usage:
    """What the incident has cost."""
    return (await store.incident(question.incident)).usage


async def test_a_good_answer(make: Make, question: Question) -> None:
    """Closed choices come back as they were made."""
    answer = await make().diagnose(question)

    assert (answer.cause, answer.remedies) == ("crashed", ["start", "escalate"])
    assert answer.evidence == ["container@1", "stop@1"]
    assert answer.model == "test-model"


async def test_what_is_sent(make: Make, model: OpenAI, question: Question) -> None:
    """One request: the model's name, no creativity, a bound, a strict schema of the offer."""
    await make().diagnose(question)
    (asked,) = model.requests

    assert asked.body["model"] == "test-model"
    assert asked.body["temperature"] == 0.0
    assert asked.body["max_completion_tokens"] == 400
    assert asked.body["response_format"]["json_schema"]["strict"] is True
    assert asked.offered("remedies") == ["start", "restart", "wait", "escalate"]
    assert asked.offered("evidence") == ["container@1", "stop@1", "alert@1"]


@pytest.mark.parametrize(
    ("forms", "taken"),
    [
        (["json_object", "tools"], "json_object"),
        (["tools"], "tools"),
        (["json_schema"], "json_schema"),
    ],
)
async def test_a_server_that_refuses_a_form_is_asked_in_another(
    make: Make, model: OpenAI, question: Question, forms: list[Any], taken: str
) -> None:
    """And the next question begins with the form that worked."""
    model.forms = frozenset(forms)
    reasoner = make(calls=9, prompt_tokens=9000)
    first = await reasoner.diagnose(question)
    before = len(model.requests)
    await reasoner.diagnose(question)

    assert first.cause == "crashed"
    assert model.requests[-1].form == taken
    assert len(model.requests) == before + 1


@pytest.mark.parametrize("refuses", ["temperature", "max_completion_tokens"])
async def test_a_parameter_that_is_refused_is_left_out(
    make: Make, model: OpenAI, question: Question, refuses: str
) -> None:
    """Some models fix the temperature, some servers know only the older `max_tokens`."""
    model.refuses = refuses
    answer = await make().diagnose(question)

    assert answer.cause == "crashed"
    assert refuses not in model.requests[-1].body
    assert model.requests[-1].form == "json_schema"


async def test_a_server_that_takes_no_form_at_all(
    make: Make, model: OpenAI, store: Store, question: Question
) -> None:
    """It counts as a call, and costs nothing."""
    model.forms = frozenset()
    error = await failure(make().diagnose(question))

    assert isinstance(error, Permanent)
    assert (await used(store, question)) == Usage(model_calls=1)


FAILURES: list[tuple[Turn, type[NightshiftError], str, bool]] = [
    (turns.late(5.0), Transient, "did not answer within 1 s", True),
    (turns.prose, NoAnswer, "does not fit: JSON", True),
    (turns.noise, NoAnswer, "no completion", True),
    (turns.hollow, NoAnswer, "no completion", True),
    (turns.cut_off, NoAnswer, "cut off", True),
    (turns.off_offer, NoAnswer, "does not fit: remedies", True),
    (turns.ungrounded, NoAnswer, "does not fit: evidence", True),
    (turns.limited(7), Transient, "429 (rate_limit_exceeded)", False),
    (turns.broken, Transient, "500 (server_error)", False),
]


@pytest.mark.parametrize(("turn", "kind", "words", "billed"), FAILURES)
async def test_failures(
    make: Make,
    model: OpenAI,
    store: Store,
    question: Question,
    turn: Turn,
    kind: type[NightshiftError],
    words: str,
    billed: bool,
) -> None:
    """Each is told as what it is, and costs what it may have cost."""
    model.then(turn)
    error = await failure(make().diagnose(question))
    spent = await used(store, question)

    assert isinstance(error, kind)
    assert words in str(error)
    assert spent.model_calls == 1
    assert (spent.prompt_tokens > 0) is billed


async def test_a_connection_that_breaks_off(
    make: Make, model: OpenAI, store: Store, question: Question
) -> None:
    """It may have been billed: the reservation stays."""
    model.faults.add("/v1", disconnect="after", times=1)
    error = await failure(make().diagnose(question))
    spent = await used(store, question)

    assert isinstance(error, Transient)
    assert spent.completion_tokens == 400
    assert spent.prompt_tokens > 300


async def test_nobody_there(make: Make, store: Store, question: Question) -> None:
    """A server that cannot be reached costs nothing."""
    reasoner = make(server={"base_url": "http://127.0.0.1:9/v1"})
    error = await failure(reasoner.diagnose(question))

    assert "cannot be reached" in str(error)
    assert (await used(store, question)).dollars == 0


async def test_a_wrong_key_is_not_told(make: Make, question: Question) -> None:
    """The server repeats the key in its error; we do not."""
    error = await failure(make(server={"api_key": "sk-wrong-9999"}).diagnose(question))

    assert str(error) == "the model's server answers 401 (invalid_api_key)"
    assert error.__cause__ is None


async def test_an_answer_in_a_fence(make: Make, model: OpenAI, question: Question) -> None:
    """Local models like to wrap their JSON; it is read all the same."""
    model.forms = frozenset({"json_object"})

    async def fenced(asked: Any) -> Any:
        from lab.standins.openai import completion

        return completion(asked, f"```json\n{json.dumps(turns.sensible(asked))}\n```")

    model.always = fenced

    assert (await make().diagnose(question)).cause == "crashed"


async def test_an_answer_in_parts(make: Make, model: OpenAI, question: Question) -> None:
    """Some servers send content as a list; its texts are one answer."""
    model.forms = frozenset({"json_object"})
    said = json.dumps({"cause": "crashed", "evidence": ["stop@1"], "remedies": ["start"]})
    model.then(turns.parts(said[:20], said[20:]))
    answer = await make().diagnose(question)

    assert (answer.cause, answer.remedies) == ("crashed", ["start"])


async def test_a_server_that_passes_the_schema_over_gets_it_in_words(
    make: Make, model: OpenAI, question: Question
) -> None:
    """One answer that does not fit is enough; the next question holds the choices itself."""
    model.always = turns.unheeding
    reasoner = make(calls=9, prompt_tokens=9000)
    error = await failure(reasoner.diagnose(question))
    answer = await reasoner.diagnose(question)

    assert isinstance(error, NoAnswer)
    assert [asked.form for asked in model.requests] == ["json_schema", "json_object"]
    assert answer.cause == "crashed"
    assert "container@1" in model.requests[1].offered("evidence")


async def test_a_pause_that_it_asks_for_is_heeded(
    make: Make, model: OpenAI, clock: HandClock, question: Question
) -> None:
    """After 429 nobody waits for it until its own time has passed."""
    model.then(turns.limited(30))
    reasoner = make()
    await failure(reasoner.diagnose(question))
    error = await failure(reasoner.diagnose(question))
    clock.tick(31)
    answer = await reasoner.diagnose(question)

    assert "left alone until" in str(error)
    assert answer.cause == "crashed"
    assert len(model.requests) == 2
    assert not reasoner.trouble


async def test_a_model_that_keeps_failing_is_left_alone(
    make: Make, model: OpenAI, clock: HandClock, question: Question
) -> None:
    """Three failures in a row are enough for a minute."""
    model.always = turns.broken
    reasoner = make(calls=9, prompt_tokens=9000)
    for _ in range(5):
        await failure(reasoner.diagnose(question))
    asked = len(model.requests)
    clock.tick(PAUSE_S + 1)
    await failure(reasoner.diagnose(question))

    assert asked == 3
    assert len(model.requests) == 4


async def test_the_third_call_of_an_incident_is_not_made(
    make: Make, model: OpenAI, question: Question
) -> None:
    """Two calls, whatever came of them."""
    reasoner = make()
    model.then(turns.prose)
    await failure(reasoner.diagnose(question))
    await reasoner.diagnose(question)
    error = await failure(reasoner.diagnose(question))

    assert isinstance(error, OverBudget)
    assert "2 calls" in str(error)
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("ceilings", "words"),
    [
        ({"day": 0.0001}, "the day's budget"),
        ({"month": 0.0001}, "the month's budget"),
        ({"prompt_tokens": 800}, "shorten the prompt"),
        ({"calls": 0}, "0 calls"),
    ],
)
async def test_at_a_ceiling_nothing_is_asked(
    make: Make, model: OpenAI, question: Question, ceilings: dict[str, Any], words: str
) -> None:
    """The call is refused for what it might cost at most."""
    error = await failure(make(**ceilings).diagnose(question))

    assert isinstance(error, OverBudget)
    assert words in str(error)
    assert model.requests == []


async def test_what_is_booked_is_what_the_server_counted(
    make: Make, model: OpenAI, store: Store, question: Question
) -> None:
    """Tokens to the one, dollars at the prices set."""
    await make().diagnose(question)
    spent, asked = await used(store, question), model.requests[0]

    assert spent.prompt_tokens == asked.tokens
    assert spent.dollars == pytest.approx(
        (asked.tokens * 0.15 + spent.completion_tokens * 0.60) / 1e6
    )


INCREDIBLE: list[Any] = [
    None,
    {},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    {"prompt_tokens": -5000, "completion_tokens": -5000, "total_tokens": -10000},
    {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
    {"prompt_tokens": "many", "completion_tokens": "few", "total_tokens": 1},
]


@pytest.mark.parametrize("usage", INCREDIBLE)
async def test_a_server_that_does_not_count(
    make: Make, model: OpenAI, store: Store, question: Question, usage: Any
) -> None:
    """Our own estimate is booked: no server can make its calls free, or earn by them."""
    model.then(turns.counting(usage))
    await make().diagnose(question)
    spent = await used(store, question)
    written = tokens_in(json.dumps(turns.sensible(model.requests[0])))

    assert spent.prompt_tokens == pytest.approx(model.requests[0].tokens, rel=0.05)
    assert spent.completion_tokens == written
    assert spent.dollars > 0


async def test_a_server_that_counts_the_prompt_only(
    make: Make, model: OpenAI, store: Store, question: Question
) -> None:
    """Its count is taken where there is one, ours where there is none."""
    model.then(turns.counting({"prompt_tokens": 777}))
    await make().diagnose(question)
    spent = await used(store, question)

    assert spent.prompt_tokens == 777
    assert spent.completion_tokens > 20


@pytest.mark.parametrize("forms", [["json_schema"], ["json_object"]])
async def test_an_answer_cut_off_without_a_count(
    make: Make, model: OpenAI, store: Store, question: Question, forms: list[Any]
) -> None:
    """It has cost all that it may have written."""
    model.forms = frozenset(forms)
    model.then(turns.cut_off_uncounted)
    await failure(make().diagnose(question))

    assert (await used(store, question)).completion_tokens == 400


async def test_two_calls_stay_within_the_incidents_tokens(
    make: Make, model: OpenAI, question: Question
) -> None:
    """Even with evidence without end, both calls together stay below 2,500."""
    flood = [
        Item(id=f"k{n}@1", kind=f"k{n}", source="custom", age_s=1, text="x=1234567; " * 80)
        for n in range(40)
    ]
    many = question.model_copy(update={"evidence": [*question.evidence, *flood]})
    reasoner = make()
    await reasoner.diagnose(many)
    await reasoner.diagnose(many.model_copy(update={"probes": [], "final": True}))

    assert len(model.requests) == 2
    assert 1500 < sum(asked.tokens for asked in model.requests) <= 2500
    assert "container@1" in model.requests[1].text


async def test_data_stands_between_marks_that_nobody_can_guess(
    make: Make, model: OpenAI, question: Question
) -> None:
    """Another mark for every call, and what is said about it comes from code."""
    reasoner = make()
    for _ in range(2):
        await reasoner.diagnose(question)
    marks = [
        asked.body["messages"][1]["content"].split("<data-")[1][:12] for asked in model.requests
    ]

    assert marks[0] != marks[1]
    assert f"<data-{marks[0]}>" in model.requests[0].body["messages"][0]["content"]
