"""Column types: moments, records and text that every database takes. Not here: tables."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

from domain.errors import Unreadable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GARBAGE = 200
"""Characters that are shown of what cannot be read."""
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970; a time without a zone is read as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND


def plain_text(text: str) -> str:
    """The text with `?` for what a database refuses: NUL, halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


class Instant(TypeDecorator[datetime]):
    """A moment, exact to the microsecond, stored as an integer so that SQL can count with it.

    What is none raises Unreadable: a file takes any word in any column.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds."""
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """To an aware UTC datetime."""
        try:
            return None if value is None else EPOCH + timedelta(microseconds=value)
        except (TypeError, OverflowError):
            raise Unreadable(f"a stored time cannot be read: {str(value)[:GARBAGE]}") from None


class Words(TypeDecorator[str]):
    """Text from outside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Without what a database refuses."""
        return None if value is None else plain_text(value)


class Shaped(TypeDecorator[Any]):
    """A record (or list, or mapping) as JSON text; it comes out parsed.

    What cannot be parsed raises Unreadable; a `lenient` mapping says so as its only content.
    """

    impl = Text
    cache_ok = True

    def __init__(self, shape: Any, *, lenient: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.lenient = lenient
        self._adapter: TypeAdapter[Any] = TypeAdapter(shape)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To JSON text."""
        return None if value is None else to_json(self._adapter, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Back to the shape."""
        if value is None:
            return None
        try:
            return self._adapter.validate_json(value)
        except ValidationError as error:
            if self.lenient:
                return {"unreadable": value[:GARBAGE]}
            name = getattr(self.shape, "__name__", "list")
            why = error.errors(include_url=False)[0]["msg"]
            raise Unreadable(f"a stored {name} cannot be read: {why}") from None


def to_json(adapter: TypeAdapter[Any], value: Any) -> str:
    """JSON text of any value; halves of surrogate pairs, which UTF-8 has no place for, become ?."""
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:
        text = json.dumps(adapter.dump_python(value), default=_other, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()


def _other(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else str(value)
