"""A stand-in for an OpenAI-compatible model server over real HTTP: `POST /v1/chat/completions`.

It takes answers in form as `json_schema`, `json_object` or a tool, unless told to refuse some.
What it answers is in openai_turns.py. Not here: a model.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.standins.faults import FaultInjector, Faults
from lab.standins.serving import serving
from policy.money import tokens_in

Form = Literal["json_schema", "json_object", "tools", "none"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "tools", "none")
PATH = "/v1/chat/completions"
COUNTED = object()
"""Stands for a usage that is counted truly."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: its body, and the key it came with."""

    body: Any
    key: str

    @property
    def text(self) -> str:
        """All that the model is told."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])

    @property
    def form(self) -> Form:
        """How the answer shall be held in form."""
        kind = self.body.get("response_format", {}).get("type")
        if kind in ("json_schema", "json_object"):
            return "json_schema" if kind == "json_schema" else "json_object"
        return "tools" if self.body.get("tools") else "none"

    @property
    def schema(self) -> Any:
        """The JSON Schema of the answer, wherever it stands; `{}` without one."""
        if self.form == "json_schema":
            return self.body["response_format"]["json_schema"]["schema"]
        if self.form == "tools":
            return self.body["tools"][0]["function"]["parameters"]
        at = self.text.find('{"additionalProperties"')
        return json.JSONDecoder().raw_decode(self.text[at:])[0] if at >= 0 else {}

    def offered(self, field: str) -> list[str]:
        """The closed choices of one field of the answer."""
        found = self.schema.get("properties", {}).get(field, {})
        return list(found.get("items", found).get("enum", []))

    @property
    def tokens(self) -> int:
        """About how many tokens of prompt a real server would count, the schema included."""
        extra = self.schema if self.form in ("json_schema", "tools") else None
        sent = [str(message["content"]) for message in self.body["messages"]]
        sent.append(json.dumps(extra, separators=(",", ":")) if extra else "")
        return sum(tokens_in(one) for one in sent) + 4 * len(sent)


Turn = Callable[[Asked], Awaitable[Response]]


class OpenAI:
    """A model that answers as it is told. `async with OpenAI(turn) as model:` then `model.url`.

    `then` lines up what it does next; when that is used up it does `always`. `requests` are all
    that it was asked, refused ones included. `forms` are those it takes; `faults` breaks routes.
    """

    def __init__(
        self, always: Turn, *, forms: Iterable[Form] = FORMS, key: str = "", refuses: str = ""
    ) -> None:
        self.always = always
        self.forms = frozenset(forms)
        self.key = key
        self.refuses = refuses
        self.faults = Faults()
        self.requests: list[Asked] = []
        self.url = ""
        self._next: list[Turn] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Serve."""
        app = Starlette(routes=[Route(PATH, self._complete, methods=["POST"])])
        url = await self._stack.enter_async_context(serving(FaultInjector(app, self.faults)))
        self.url = f"{url}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving."""
        await self._stack.aclose()

    def then(self, *turns: Turn) -> None:
        """Do these next, one a request."""
        self._next.extend(turns)

    def leaked(self, *secrets: str) -> list[str]:
        """Which of these were told to the model, in any request."""
        told = "\n".join(json.dumps(asked.body, ensure_ascii=False) for asked in self.requests)
        return [secret for secret in secrets if secret in told]

    async def _complete(self, request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        asked = Asked(body=await request.json(), key=bearer)
        self.requests.append(asked)
        if self.key and bearer != self.key:
            return refusal(401, f"Incorrect API key provided: {bearer}.", "invalid_api_key")
        if self.refuses and self.refuses in asked.body:
            said = f"Unsupported parameter: '{self.refuses}' is not supported with this model."
            return refusal(400, said, "unsupported_parameter")
        if asked.form not in self.forms:
            return refusal(400, f"'response_format' of type '{asked.form}' is not supported")
        turn = self._next.pop(0) if self._next else self.always
        return await turn(asked)


def refusal(status: int, message: str, code: str = "", **headers: str) -> Response:
    """An error as OpenAI tells it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers)


def completion(
    asked: Asked,
    words: str | list[dict[str, str]],
    *,
    finish: str = "stop",
    usage: object = COUNTED,
) -> Response:
    """A completion with these words, as content or as the arguments of the tool.

    `usage` is what it says that this took: by default the truth.
    """
    message: dict[str, Any] = {"role": "assistant", "content": words, "refusal": None}
    if asked.form == "tools":
        name = asked.body["tools"][0]["function"]["name"]
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": name, "arguments": words},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": asked.body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
    }
    body["usage"] = _counted(asked, words) if usage is COUNTED else usage
    return JSONResponse(body)


def _counted(asked: Asked, words: str | list[dict[str, str]]) -> dict[str, int]:
    written = tokens_in(words if isinstance(words, str) else json.dumps(words))
    return {
        "prompt_tokens": asked.tokens,
        "completion_tokens": written,
        "total_tokens": asked.tokens + written,
    }
