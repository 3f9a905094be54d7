"""memory/sorting.py: a delivery means what its alerts mean one by one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alert import Alert
from memory.sorting import Sorting, digest, episode_of, storable
from tests.stores import START, alert

POSTS = st.lists(
    st.builds(
        lambda name, status: alert(name, status=status),
        st.sampled_from("ab"),
        st.sampled_from(["firing", "resolved"]),
    ),
    max_size=8,
)


def fresh() -> Sorting:
    """Nothing is known yet."""
    return Sorting(tenant="t", now=START, newest={}, cleared_before=set())


@given(POSTS)
def test_every_firing_episode_opens_once(posts: list[Alert]) -> None:
    """In any order: an incident for each that fired, cleared where it was ever resolved."""
    sorting = fresh()
    found = sorting.sort([storable(post) for post in posts])
    fired = {episode_of(post) for post in posts if post.status == "firing"}
    resolved = {episode_of(post) for post in posts if post.status == "resolved"}

    assert len(found) == len(sorting.opened) == len(fired)
    assert len(sorting.arrivals) == len(posts)
    assert {key for key, known in sorting.newest.items() if known.cleared} == fired & resolved


def test_equal_alerts_have_equal_digests() -> None:
    """Repeats are counted; another incident, tenant or wording is another row."""
    one, two = fresh(), fresh()
    one.sort([storable(alert())])
    two.sort([storable(alert()), storable(alert(status="resolved"))])
    first, again, other = one.arrivals[0], *two.arrivals

    assert digest(first, tenant="t") == digest(again, tenant="t")
    assert (
        len({digest(other, tenant="t"), digest(first, tenant="t"), digest(first, tenant="u")}) == 3
    )


@pytest.mark.parametrize(
    "starts_at",
    [
        START.astimezone(timezone(timedelta(hours=-7))),
        START.replace(tzinfo=None),
        START.replace(tzinfo=UTC),
    ],
)
def test_an_episode_is_told_in_utc(starts_at: datetime) -> None:
    """The zone of the sender plays no part in the identity."""
    moved, _ = storable(alert(starts_at=starts_at))

    assert episode_of(moved) == "print-web@2026-03-01T03:00:00+00:00"


def test_the_beginning_of_time_has_no_zone() -> None:
    """An unset startsAt east of Greenwich is before year 1; it is taken as it stands."""
    zero = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    moved, _ = storable(alert(starts_at=zero))

    assert moved.starts_at == datetime(1, 1, 1, tzinfo=UTC)
