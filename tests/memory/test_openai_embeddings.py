import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.episodes import ListedEpisodes, made
from domain.errors import Permanent, Transient
from domain.recall import Embeddings
from lab.standins.serving import serving
from memory.exact import ExactIndex
from memory.learned import LearnedMemory
from memory.openai_embeddings import EmbeddingServer, OpenAIEmbeddings


class StandIn:
    """`/v1/embeddings` with vectors of two floats, until `answer` is another."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answer: Response | None = None
        self.hangs = False
        self.app = Starlette(routes=[Route("/v1/embeddings", self._embed, methods=["POST"])])

    async def _embed(self, request: Request) -> Response:
        self.asked.append(body := await request.json())
        self.keys.append(request.headers["authorization"])
        if self.hangs:
            await asyncio.Event().wait()
        data = [
            {"object": "embedding", "index": at, "embedding": [3.0, 4.0 + at]}
            for at in range(len(body["input"]))
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        said = {"object": "list", "data": data, "model": body["model"], "usage": usage}
        return self.answer or JSONResponse(said)


@pytest.fixture
def standin() -> StandIn:
    """A server of embeddings."""
    return StandIn()


@pytest.fixture
async def model(standin: StandIn) -> AsyncIterator[OpenAIEmbeddings]:
    """A model of two floats behind it."""
    async with serving(standin.app) as url:
        server = EmbeddingServer(
            model="tiny", dim=2, base_url=f"{url}/v1", api_key="sesame", timeout_s=5
        )
        opened = OpenAIEmbeddings(server)
        yield opened
        await opened.close()


async def test_texts_become_vectors_of_length_one(model: OpenAIEmbeddings) -> None:
    """In the order of the texts."""
    first, second = await model.embed(["down", "up"])

    assert first == pytest.approx([0.6, 0.8])
    assert second == pytest.approx([3 / 34**0.5, 5 / 34**0.5])
    assert isinstance(model, Embeddings)


async def test_texts_go_out_as_they_are_in_one_request(
    model: OpenAIEmbeddings, standin: StandIn
) -> None:
    """No numbers of a tokenizer, which would have to be downloaded; an empty text is no text."""
    await model.embed(["Container Down; redis", ""])

    assert [asked["input"] for asked in standin.asked] == [["Container Down; redis", "-"]]
    assert standin.asked[0]["model"] == "tiny"
    assert standin.keys == ["Bearer sesame"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Permanent), (400, Permanent), (404, Permanent), (429, Transient), (503, Transient)],
)
async def test_a_refusal_is_told(
    model: OpenAIEmbeddings, standin: StandIn, status: int, error: type[Exception]
) -> None:
    """By its status, asked once; neither key nor text are in what is said."""
    standin.answer = JSONResponse({"error": {"message": "sesame: secret text"}}, status)
    with pytest.raises(error, match=f"answers {status}$") as caught:
        await model.embed(["secret text"])

    assert "sesame" not in str(caught.value)
    assert len(standin.asked) == 1


async def test_a_busy_server_says_when_to_come_back(
    model: OpenAIEmbeddings, standin: StandIn
) -> None:
    """Its Retry-After is handed on."""
    standin.answer = JSONResponse({}, 429, {"retry-after": "7"})
    with pytest.raises(Transient) as caught:
        await model.embed(["down"])

    assert caught.value.retry_after == 7.0


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"{}",
        b"[]",
        b"null",
        b'{"data": []}',
        b'{"data": [{"embedding": null}]}',
        b'{"data": [{"embedding": ["a"]}]}',
        b'{"data": [{"embedding": "!"}]}',
    ],
)
async def test_garbage_is_an_error_of_ours(
    model: OpenAIEmbeddings, standin: StandIn, body: bytes
) -> None:
    """Whatever a server sends, the incident goes on without memory."""
    standin.answer = Response(body, media_type="application/json")
    memory = LearnedMemory(ExactIndex(), model, ListedEpisodes())

    with pytest.raises(Transient):
        await memory.similar("down", limit=1)
    await memory.close()


async def test_a_server_that_hangs_costs_the_time_limit(standin: StandIn) -> None:
    """And is Transient."""
    standin.hangs = True
    async with serving(standin.app) as url:
        model = OpenAIEmbeddings(EmbeddingServer(base_url=f"{url}/v1", timeout_s=0.3))
        with pytest.raises(Transient, match=r"did not answer within 0\.3 s"):
            await model.embed(["down"])
        await model.close()


async def test_a_server_that_is_away_is_told() -> None:
    """Nobody listens: Transient."""
    model = OpenAIEmbeddings(EmbeddingServer(base_url="http://127.0.0.1:9/v1"))

    with pytest.raises(Transient, match="cannot be reached"):
        await model.embed(["down"])
    await model.close()


async def test_a_model_of_another_size_is_told(standin: StandIn) -> None:
    """Vectors that do not fit the index never reach it."""
    async with serving(standin.app) as url:
        model = OpenAIEmbeddings(EmbeddingServer(model="tiny", base_url=f"{url}/v1"))
        memory = LearnedMemory(ExactIndex(), model, ListedEpisodes([made(1)]))
        with pytest.raises(Transient, match="one vector of 1536 floats"):
            await memory.refill()
        await memory.close()
        await model.close()


def test_the_library_is_imported_when_first_used() -> None:
    """A service that never embeds by a model does not carry it."""
    code = "import memory.openai_embeddings, sys; sys.exit('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "."}, check=False)

    assert done.returncode == 0
