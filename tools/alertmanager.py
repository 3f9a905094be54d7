"""Our own Alertmanager's silences, by its API v2. Not here: its webhook (nightshift/web)."""

from datetime import UTC
from types import TracebackType
from typing import Self

import httpx
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from domain.errors import Permanent, Transient
from domain.silence import Matcher, Silence


class _Matcher(BaseModel):
    name: str
    value: str
    is_regex: bool = Field(default=False, alias="isRegex")
    is_equal: bool = Field(default=True, alias="isEqual")


class _Status(BaseModel):
    state: str


class _Silence(BaseModel):
    """As `/api/v2/silences` lists it; fields that we do not need are left out."""

    matchers: list[_Matcher]
    ends_at: AwareDatetime = Field(alias="endsAt")
    created_by: str = Field(default="", alias="createdBy")
    comment: str = ""
    status: _Status


_LIST = TypeAdapter(list[_Silence])


class AlertmanagerSilences:
    """The port `Silences` over HTTP; `timeout_s` bounds every call."""

    def __init__(self, url: str, *, timeout_s: float = 3.0) -> None:
        self._url = f"{url.rstrip('/')}/api/v2/silences"
        self._client = httpx.AsyncClient(timeout=timeout_s)

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def active(self) -> list[Silence]:
        """Those in force now. Raises Transient (out of reach), Permanent (not Alertmanager)."""
        try:
            answer = await self._client.get(self._url)
        except httpx.HTTPError as error:
            raise Transient(f"Alertmanager cannot be reached: {type(error).__name__}") from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Transient(f"Alertmanager answered with status {answer.status_code}")
        try:
            listed = _LIST.validate_json(answer.content) if answer.is_success else None
        except ValidationError:
            listed = None
        if listed is None:
            raise Permanent("what answers at ALERTMANAGER_URL does not tell its silences")
        return [_read(one) for one in listed if one.status.state == "active"]


def _read(silence: _Silence) -> Silence:
    matchers = [
        Matcher(name=one.name, value=one.value, pattern=one.is_regex, equal=one.is_equal)
        for one in silence.matchers
    ]
    return Silence(
        matchers=matchers,
        by=silence.created_by,
        comment=silence.comment,
        until=silence.ends_at.astimezone(UTC),
    )
