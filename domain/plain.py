"""Frozen records that cross a checkpoint as plain values. Not here: what the records mean."""

from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue

Plain = dict[str, JsonValue]

__all__ = ["JsonValue", "Plain", "Record"]


class Record(BaseModel):
    """A frozen, complete fact; parse once with `parse`, hand on with `plain`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def plain(self) -> Plain:
        """This record as JSON values, ready for a graph channel or a database column."""
        return self.model_dump(mode="json")

    @classmethod
    def parse(cls, values: Plain) -> Self:
        """Rebuild a record from `plain()`. Raises pydantic.ValidationError."""
        return cls.model_validate(values)
