"""The cause, what proves it and what could be done. Not here: the rules that find it."""

from typing import Literal

from pydantic import Field

from domain.plain import Record
from domain.remedy import RemedyName


class Match(Record):
    """A runbook whose condition held.

    `needs` are the evidence kinds its condition read; they are cited as proof. `remedies` are
    the candidates it names, unordered: code holds the order.
    """

    runbook: str
    title: str
    cause: str
    summary: str
    needs: list[str]
    remedies: list[RemedyName]
    advice: str
    path: str


class Diagnosis(Record):
    """Why it is broken, by whose word, and which evidence proves it."""

    cause: str
    summary: str
    evidence: list[str]
    decided_by: Literal["runbook", "memory", "model", "none"]
    runbook: str = ""
    advice: str = ""
    ladder: list[RemedyName] = Field(default_factory=list)
    skipped: dict[str, str] = Field(default_factory=dict)
