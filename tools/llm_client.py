"""One structured call to an OpenAI-compatible server, by langchain-openai. Not here: budgets.

Errors are told in our own words: those of the library can hold the key, or what was asked.
"""

import asyncio
import json
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import httpx

from domain.errors import NightshiftError, NoAnswer, Permanent, Transient
from domain.plain import Plain

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_openai import ChatOpenAI
    from openai import APIStatusError
    from openai.types import CompletionUsage

Method = Literal["json_schema", "json_mode", "function_calling"]
METHODS: tuple[Method, ...] = ("json_schema", "json_mode", "function_calling")
"""Ways to get an answer in form, strictest first; a server that refuses one is asked the next."""
OPENAI = "https://api.openai.com/v1"
CUT_OFF = "its answer was cut off at the length allowed (LLM_MAX_TOKENS)"
_REFUSALS = frozenset({400, 422, 501})
_ABOUT_FORM = re.compile(r"response_format|json_schema|json_object|grammar|guided|tool", re.I)
_WORD = re.compile(r"[a-z][a-z_]{2,40}")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back; token counts are None where the server does not tell them credibly."""

    words: str
    prompt_tokens: int | None
    completion_tokens: int | None
    complaint: str = ""


class Failed(Exception):
    """A call without a reply. `billed` is false where the server certainly generated nothing."""

    def __init__(self, error: NightshiftError, *, billed: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.billed = billed


class AskAgain(Exception):
    """The server refused this form of a question, for free; the next call takes another."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a model is and what it is called; `max_tokens` bounds what it may write."""

    model: str
    base_url: str = ""
    api_key: str = ""
    timeout_s: float = 15.0
    max_tokens: int = 400


class Client:
    """A chat model; opened at its first call, for the library costs 60 MB and some seconds."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.method: Method = METHODS[0]
        self._quirks: set[str] = set()
        self._http: httpx.AsyncClient | None = None
        self._chat: ChatOpenAI | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            await self._http.aclose()
        self._http = self._chat = None

    def distrust_form(self) -> None:
        """An answer did not fit the schema sent: from now on the prompt holds it, in words.

        Some servers take a schema and pass it over; then the model has never seen the choices.
        """
        if self.method == "json_schema":
            self.method = "json_mode"

    async def ask(self, system: str, user: str, schema: Plain) -> Reply:
        """One call, in the form that the server took last. Raises Failed, AskAgain."""
        chat = await self._opened()
        form = chat.with_structured_output(
            {"title": "diagnosis", **schema},
            method=self.method,
            include_raw=True,
            strict=True if self.method == "json_schema" else None,
        )
        try:
            async with asyncio.timeout(self.server.timeout_s):
                said: Any = await form.ainvoke([("system", system), ("user", user)])
        except TimeoutError:
            raise self._late() from None
        except _errors() as error:
            return self._told(error)
        except (ValueError, TypeError, AttributeError, LookupError):
            # the library trips over a body that is no completion
            raise Failed(NoAnswer("the server sent no completion"), billed=True) from None
        return _reply(said["raw"])

    async def _opened(self) -> "ChatOpenAI":
        async with self._opening:
            if self._chat is None:
                self._chat = await asyncio.to_thread(self._open)
        return self._chat

    def _open(self) -> "ChatOpenAI":
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        # A refused form and odd values are expected here; the libraries warn of them.
        for told in ("structured output", "Pydantic serializer"):
            warnings.filterwarnings("ignore", f"(?s).*{told}.*", UserWarning)
        self._http = self._http or httpx.AsyncClient(timeout=self.server.timeout_s)
        bound = {"max_tokens": self.server.max_tokens}
        legacy = "max_completion_tokens" in self._quirks
        return ChatOpenAI(
            model=self.server.model,
            base_url=self.server.base_url or OPENAI,
            api_key=SecretStr(self.server.api_key or "none"),
            http_async_client=self._http,
            timeout=self.server.timeout_s,
            max_retries=0,
            temperature=None if "temperature" in self._quirks else 0.0,
            use_responses_api=False,
            extra_body=bound if legacy else None,
            **({} if legacy else bound),
        )

    def _late(self) -> Failed:
        said = f"the model did not answer within {self.server.timeout_s:g} s"
        return Failed(Transient(said), billed=True)

    def _told(self, error: Exception) -> Reply:
        """What an error of the library means: a reply of no use, or Failed, or AskAgain."""
        import openai

        if isinstance(error, openai.LengthFinishReasonError):
            return _cut_off(error.completion.usage)
        if isinstance(error, openai.APIStatusError):
            raise self._answered(error) from None
        if isinstance(error, openai.APITimeoutError):
            raise self._late() from None
        if _never_connected(error):
            raise Failed(Transient("the model's server cannot be reached"), billed=False) from None
        if isinstance(error, openai.APIConnectionError):
            said = "the connection to the model broke off"
            raise Failed(Transient(said), billed=True) from None
        said = f"the model gave no answer: {type(error).__name__}"
        raise Failed(NoAnswer(said), billed=True) from None

    def _answered(self, error: "APIStatusError") -> "Failed | AskAgain":
        """A status of 400 or more: adapt, wait or give up. Nothing was generated."""
        status, word = error.status_code, _word(error)
        if self._adapts(status, error.message):
            return AskAgain(f"HTTP {status}")
        said = f"the model's server answers {status}{f' ({word})' if word else ''}"
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Failed(Transient(said, retry_after=_retry_after(error)), billed=False)
        return Failed(Permanent(said), billed=False)

    def _adapts(self, status: int, message: str) -> bool:
        """Is there another form to try? Some models fix the temperature, some servers are old."""
        if status not in _REFUSALS and not (status >= 500 and _ABOUT_FORM.search(message)):
            return False
        for quirk in ("temperature", "max_completion_tokens"):
            if quirk in message and quirk not in self._quirks:
                self._quirks.add(quirk)
                self._chat = None
                return True
        if "context" in message:
            return False
        at = METHODS.index(self.method) + 1
        self.method = METHODS[at % len(METHODS)]
        return at < len(METHODS)


def _errors() -> tuple[type[Exception], ...]:
    import openai

    return openai.OpenAIError, httpx.HTTPError


def _reply(raw: "AIMessage") -> Reply:
    usage = raw.usage_metadata
    return Reply(
        words=_words(raw),
        prompt_tokens=_count(usage["input_tokens"]) if usage else None,
        completion_tokens=_count(usage["output_tokens"]) if usage else None,
        complaint=_complaint(raw),
    )


def _count(told: object) -> int | None:
    """Tokens as the server counts them; 0, less, null or a word is no count, and no free call."""
    return told if isinstance(told, int) and told > 0 else None


def _words(raw: "AIMessage") -> str:
    """What it wrote, as content or as the arguments of the tool it was given."""
    if raw.tool_calls:
        return json.dumps(raw.tool_calls[0]["args"])
    if isinstance(raw.content, str):
        return raw.content
    parts = (part if isinstance(part, str) else part.get("text") for part in raw.content)
    return "".join(part for part in parts if isinstance(part, str))


def _cut_off(usage: "CompletionUsage | None") -> Reply:
    return Reply(
        words="",
        prompt_tokens=_count(usage.prompt_tokens) if usage else None,
        completion_tokens=_count(usage.completion_tokens) if usage else None,
        complaint=CUT_OFF,
    )


def _never_connected(error: BaseException | None) -> bool:
    """Does a failed connect stand at the root of it? Then nothing was sent."""
    while error is not None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return True
        error = error.__cause__
    return False


def _complaint(raw: "AIMessage") -> str:
    if raw.response_metadata.get("finish_reason") == "length":
        return CUT_OFF
    return "it refused to answer" if raw.additional_kwargs.get("refusal") else ""


def _word(error: "APIStatusError") -> str:
    """The server's own code for it, if it is a plain word."""
    code = str(error.code or error.type or "")
    return code if _WORD.fullmatch(code) else ""


def _retry_after(error: "APIStatusError") -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None
