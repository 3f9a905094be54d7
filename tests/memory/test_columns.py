"""memory/columns.py."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from domain.alert import Alert
from domain.errors import Unreadable
from memory.columns import Instant, Shaped, micros, plain_text
from tests.stores import alert

SQLITE = dialect()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives(moment: datetime) -> None:
    """Exact to the microsecond, from year 1 to 9999."""
    stored = Instant().process_bind_param(moment, SQLITE)

    assert Instant().process_result_value(stored, SQLITE) == moment


def test_moments_sort_whatever_their_zone() -> None:
    """Stored numbers compare as moments do; without a zone it is UTC."""
    here = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert micros(here) == micros(datetime(2026, 1, 1, tzinfo=UTC))
    assert micros(here.replace(tzinfo=None)) == micros(here) + 7_200_000_000


@pytest.mark.parametrize("stored", ["soon", 10**20])
def test_what_is_no_moment_cannot_be_read(stored: Any) -> None:
    """It is told as damage, which a worker outlives."""
    with pytest.raises(Unreadable, match="a stored time cannot be read"):
        Instant().process_result_value(stored, SQLITE)


def test_a_record_survives() -> None:
    """What was stored is what comes out."""
    column = Shaped(Alert)

    assert column.process_result_value(column.process_bind_param(alert(), SQLITE), SQLITE) == (
        alert()
    )


def test_text_that_is_no_text() -> None:
    """Halves of surrogate pairs and NUL become question marks; other text stays."""
    column = Shaped(dict[str, str])

    assert plain_text("a\0\ud800ü") == "a??ü"
    assert column.process_bind_param({"a": "\ud800"}, SQLITE) == '{"a": "?"}'
