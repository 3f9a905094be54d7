"""Folders of runbooks, and which one matches: the adapter of `domain.ports.Rulebook`.

A runbook is Markdown with front matter; it is read, checked and compiled once, at start. Not
here: what a single file may hold (tools/frontmatter.py), or whether a remedy is allowed.
"""

from collections.abc import Collection, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from domain.diagnosis import Match
from domain.errors import BadConfiguration
from domain.plain import Plain
from tools.conditions import Observed
from tools.frontmatter import Problem, Reader, Runbook, Unusable

__all__ = ["MarkdownRulebook", "Problem", "load", "validate"]


class MarkdownRulebook:
    """Runbooks, asked by priority; of two with the same, the one given first."""

    def __init__(self, runbooks: list[Runbook]) -> None:
        self.runbooks = sorted(runbooks, key=lambda book: -book.front.priority)
        self._kinds = frozenset[str]().union(*(book.condition.kinds for book in runbooks))

    def match(self, situation: Mapping[str, Plain]) -> Match | None:
        """The first runbook whose needs were all observed and whose condition holds."""
        observed = Observed(situation, self._kinds)
        for book in self.runbooks:
            if observed.values.keys() >= set(book.front.needs) and book.condition.holds(observed):
                return _matched(book, situation)
        return None


def _matched(book: Runbook, situation: Mapping[str, Plain]) -> Match:
    return Match(
        runbook=book.front.id,
        title=book.front.title,
        cause=book.front.cause,
        summary=book.summary.say(situation),
        needs=book.front.needs,
        remedies=book.front.remedies,
        advice=book.advice.say(situation),
        path=book.path,
    )


def load(folder: Path | None = None, own: Collection[str] = ()) -> MarkdownRulebook:
    """The shipped runbooks, with those of `folder` in place of the ones with the same id.

    `own` are the evidence kinds of the operator's tools, which conditions may read too.
    Raises BadConfiguration naming file and line of every problem.
    """
    shelf = _Shelf(own)
    theirs = shelf.read(folder) if folder else {}
    shipped = shelf.read(files("runbooks"))
    if shelf.problems:
        lines = "\n".join(f"  {problem}" for problem in shelf.problems)
        raise BadConfiguration(f"these runbooks cannot be used:\n{lines}")
    others = [book for name, book in shipped.items() if name not in theirs]
    return MarkdownRulebook([*theirs.values(), *others])


def validate(folder: Path | None = None, own: Collection[str] = ()) -> list[Problem]:
    """Everything that is wrong in a folder of runbooks; None means the shipped ones."""
    shelf = _Shelf(own)
    shelf.read(folder or files("runbooks"))
    return shelf.problems


class _Shelf:
    """Reads folders and collects what is wrong in them."""

    def __init__(self, own: Collection[str] = ()) -> None:
        self.problems: list[Problem] = []
        self._reader = Reader(own)

    def read(self, folder: Traversable) -> dict[str, Runbook]:
        """The readable runbooks by id."""
        books: dict[str, Runbook] = {}
        for file in self._files(folder):
            book = self._book(file, shown=_shown(folder, file))
            if book is not None:
                self._add(book, books)
        return books

    def _files(self, folder: Traversable) -> list[Traversable]:
        """The Markdown files by name, but for a README."""
        try:
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError as error:
            self._complain(str(folder), 1, f"cannot be listed: {error.strerror}")
            return []
        pages = [entry for entry in entries if entry.name.endswith(".md") and entry.is_file()]
        return [page for page in pages if page.name.lower() != "readme.md"]

    def _book(self, file: Traversable, *, shown: str) -> Runbook | None:
        try:
            return self._reader.read(file.read_text(encoding="utf-8-sig"), path=shown)
        except Unusable as error:
            for line, message in error.complaints:
                self._complain(shown, line, message)
        except OSError as error:
            self._complain(shown, 1, f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self._complain(shown, 1, "cannot be read: it is not UTF-8")
        return None

    def _add(self, book: Runbook, books: dict[str, Runbook]) -> None:
        name = book.front.id
        if name in books:
            self._complain(
                book.path, book.line_of_id, f"id {name!r} is taken by {books[name].path}"
            )
        else:
            books[name] = book

    def _complain(self, file: str, line: int, message: str) -> None:
        self.problems.append(Problem(file=file, line=line, message=message))


def _shown(folder: Traversable, file: Traversable) -> str:
    """A user's file by its whole path, a shipped one as `runbooks/crashed.md`."""
    return f"runbooks/{file.name}" if folder == files("runbooks") else str(file)
