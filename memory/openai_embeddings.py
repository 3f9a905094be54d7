"""Vectors of a model behind OpenAI's API, or one that speaks like it. Not here: who is asked when.

Text of incidents leaves the machine, for some 50 tokens at each of an incident's two calls: at
$0.02 per million, 100 incidents cost $0.0002. Errors are told in our own words: those of the
library can hold the key, or what was asked.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from domain.errors import Permanent, Transient

if TYPE_CHECKING:
    import langchain_openai
    from openai import APIStatusError

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, kw_only=True)
class EmbeddingServer:
    """Where a model is, and how many floats its vectors have."""

    model: str = "text-embedding-3-small"
    dim: int = 1536
    base_url: str = ""
    api_key: str = ""
    timeout_s: float = 8.0


class OpenAIEmbeddings:
    """The port `Embeddings`; opened at its first call, for the library costs 60 MB."""

    def __init__(self, server: EmbeddingServer) -> None:
        self.name = server.model
        self.dim = server.dim
        self._server = server
        self._http: httpx.AsyncClient | None = None
        self._model: langchain_openai.OpenAIEmbeddings | None = None
        self._opening = asyncio.Lock()

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of length 1 a text, in one request. Raises Transient, Permanent."""
        model = await self._opened()
        asked = [text.strip() or "-" for text in texts]  # an empty text is refused
        try:
            async with asyncio.timeout(self._server.timeout_s):
                vectors = await model.aembed_documents(asked)
            return [_of_length_one(vector) for vector in vectors]
        except TimeoutError:
            raise self._late() from None
        except _errors() as error:
            raise self._told(error) from None
        except (ValueError, TypeError, AttributeError, LookupError):
            # the library trips over a body that holds no vectors
            raise Permanent(f"{self.name}: the server sent no vectors") from None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            await self._http.aclose()
        self._http = self._model = None

    async def _opened(self) -> "langchain_openai.OpenAIEmbeddings":
        async with self._opening:
            if self._model is None:
                self._model = await asyncio.to_thread(self._open)
        return self._model

    def _open(self) -> "langchain_openai.OpenAIEmbeddings":
        import langchain_openai
        from pydantic import SecretStr

        self._http = httpx.AsyncClient(timeout=self._server.timeout_s)
        return langchain_openai.OpenAIEmbeddings(
            model=self._server.model,
            openai_api_base=self._server.base_url or OPENAI,
            openai_api_key=SecretStr(self._server.api_key or "none"),
            http_async_client=self._http,
            request_timeout=self._server.timeout_s,
            max_retries=0,
            check_embedding_ctx_length=False,  # it would download a tokenizer, and send its numbers
        )

    def _late(self) -> Transient:
        return Transient(f"{self.name} did not answer within {self._server.timeout_s:g} s")

    def _told(self, error: Exception) -> Transient | Permanent:
        import openai

        if isinstance(error, openai.APIStatusError):
            return self._answered(error)
        if isinstance(error, openai.APITimeoutError):
            return self._late()
        if isinstance(error, openai.APIConnectionError | httpx.HTTPError):
            return Transient(f"{self.name}: its server cannot be reached")
        return Permanent(f"{self.name} gave no vectors: {type(error).__name__}")

    def _answered(self, error: "APIStatusError") -> Transient | Permanent:
        status = error.status_code
        said = f"{self.name}: its server answers {status}"
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Transient(said, retry_after=_retry_after(error))
        return Permanent(said)


def _errors() -> tuple[type[Exception], ...]:
    import openai

    return openai.OpenAIError, httpx.HTTPError


def _of_length_one(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else list(vector)


def _retry_after(error: "APIStatusError") -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None
