"""The stand-in for a model: forms, refusals and turns, over real HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from lab.standins import openai_turns as turns
from lab.standins.openai import OpenAI, Turn

SCHEMA = {
    "additionalProperties": False,
    "properties": {
        "cause": {"enum": ["crashed", "hung", "other"]},
        "summary": {"type": "string"},
        "evidence": {"items": {"enum": ["container@1", "logs@1"]}},
        "remedies": {"items": {"enum": ["start", "restart", "wait", "escalate"]}},
        "probes": {"items": {"enum": ["timeline"]}},
    },
}
OBSERVED = "container@1 (docker, 1s ago) status=exited\nlogs@1 log: health=unhealthy"
DATA = f"<data-aa>\n{OBSERVED}\n</data-aa>"


@pytest.fixture
async def model() -> AsyncIterator[OpenAI]:
    """A model that answers well."""
    async with OpenAI(turns.well) as standin:
        yield standin


def body(form: str = "json_schema") -> dict[str, Any]:
    """A request for an answer in this form."""
    asked: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "system", "content": f"Schema: {json.dumps(SCHEMA)}"},
            {"role": "user", "content": DATA},
        ],
    }
    if form == "json_schema":
        asked["response_format"] = {"type": form, "json_schema": {"name": "d", "schema": SCHEMA}}
    elif form == "json_object":
        asked["response_format"] = {"type": form}
    elif form == "tools":
        asked["tools"] = [{"type": "function", "function": {"name": "d", "parameters": SCHEMA}}]
    return asked


async def post(model: OpenAI, asked: dict[str, Any], key: str = "k") -> httpx.Response:
    """One completion."""
    async with httpx.AsyncClient(timeout=5) as http:
        headers = {"authorization": f"Bearer {key}"}
        return await http.post(f"{model.url}/chat/completions", json=asked, headers=headers)


async def answer(model: OpenAI, form: str = "json_schema") -> Any:
    """What it says."""
    message = (await post(model, body(form))).json()["choices"][0]["message"]
    if form == "tools":
        return json.loads(message["tool_calls"][0]["function"]["arguments"])
    return json.loads(message["content"])


@pytest.mark.parametrize("form", ["json_schema", "json_object", "tools"])
async def test_it_reads_the_state_and_not_the_log(model: OpenAI, form: str) -> None:
    """In every form the same sensible answer."""
    said = await answer(model, form)

    assert (said["cause"], said["remedies"]) == ("crashed", ["start", "escalate"])
    assert said["evidence"] == ["container@1"]


async def test_it_counts(model: OpenAI) -> None:
    """Prompt with schema, and what it wrote."""
    told = (await post(model, body())).json()["usage"]

    assert told["prompt_tokens"] == model.requests[0].tokens > 100
    assert told["total_tokens"] == told["prompt_tokens"] + told["completion_tokens"]


async def test_a_form_it_does_not_take(model: OpenAI) -> None:
    """400, as servers without structured output answer."""
    model.forms = frozenset({"tools"})
    refused = await post(model, body())

    assert refused.status_code == 400
    assert "response_format" in refused.json()["error"]["message"]


async def test_a_wrong_key(model: OpenAI) -> None:
    """401, with the key in the message as OpenAI does."""
    model.key = "right"
    refused = await post(model, body(), key="wrong")

    assert refused.status_code == 401
    assert "wrong" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("turn", "remedies", "evidence"),
    [
        (turns.wrong, ["restart"], ["container@1"]),
        (turns.off_offer, ["delete_volume", "run_shell"], ["container@1"]),
        (turns.ungrounded, ["start", "escalate"], ["container@99"]),
        (turns.injected, ["restart", "start"], ["logs@1"]),
    ],
)
async def test_it_can_be_wrong(
    model: OpenAI, turn: Turn, remedies: list[str], evidence: list[str]
) -> None:
    """In each of the ways that models are."""
    model.then(turn)
    said = await answer(model)

    assert (said["remedies"], said["evidence"]) == (remedies, evidence)


async def test_it_can_ask_to_look_first(model: OpenAI) -> None:
    """As long as there are probes."""
    model.then(turns.probing)

    assert (await answer(model))["probes"] == ["timeline"]
    assert (await answer(model))["probes"] == []


@pytest.mark.parametrize(
    ("turn", "status", "text"),
    [
        (turns.limited(9), 429, "rate_limit_exceeded"),
        (turns.broken, 500, "server_error"),
        (turns.noise, 200, "<html>"),
        (turns.hollow, 200, "null"),
        (turns.cut_off, 200, '"finish_reason":"length"'),
        (turns.prose, 200, "hope for the best"),
    ],
)
async def test_it_can_fail(model: OpenAI, turn: Turn, status: int, text: str) -> None:
    """Once, then it answers well again."""
    model.then(turn)
    failed = await post(model, body())

    assert failed.status_code == status
    assert text in failed.text
    assert (await post(model, body())).is_success


async def test_a_hostile_one_never_answers_well() -> None:
    """Each answer is a lie, an offer that nobody made, or no answer in form."""
    async with OpenAI(turns.hostile()) as model:
        replies = [await post(model, body()) for _ in range(10)]

        honest = json.dumps(turns.sensible(model.requests[0]))

    assert len({reply.text for reply in replies}) == 10
    assert not any(honest in json.dumps(reply.text) for reply in replies)


async def test_it_tells_what_it_was_told(model: OpenAI) -> None:
    """Which is how tests find secrets in prompts."""
    asked = body()
    asked["messages"][1]["content"] = "the password is hunter2"
    await post(model, asked)

    assert model.leaked("hunter2", "swordfish") == ["hunter2"]
