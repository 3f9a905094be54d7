"""lab/crash_plan.py."""

from collections import Counter

from lab.crash_plan import AT_LEAST, BOUNDARIES, EFFECT, SLOWEST_S, dealt, plan


def test_200_points_kill_five_times_at_every_boundary() -> None:
    """Every boundary has its share, and at least one kill in forty is at a random time."""
    places = Counter(point.where for point in plan(200, 1))

    assert {places[one] for one in BOUNDARIES} == {AT_LEAST}
    assert places["random"] + places["recovering"] >= 5
    assert places.total() == 200


def test_a_seed_is_a_plan() -> None:
    """The same seed kills at the same places, another one elsewhere."""
    assert plan(30, 1) == plan(30, 1) != plan(30, 2)


def test_few_points_lie_around_the_effect() -> None:
    """A short run has the effect's own boundaries, and some at random."""
    places = Counter(point.where for point in plan(10, 3))

    assert set(EFFECT) < set(places)
    assert places["random"] + places["recovering"] == 2


def test_docker_is_slow_at_times() -> None:
    """From nothing to ten seconds, beyond the settling time too."""
    patients = [patient for point in plan(200, 1) for patient in point.patients]

    assert all(0 <= patient.delay_s <= SLOWEST_S for patient in patients)
    assert 20 < sum(patient.late for patient in patients) < len(patients) / 4


def test_lanes_share_the_points() -> None:
    """Each point is played once."""
    points = plan(7, 1)

    assert sorted(
        (one for lane in dealt(points, 3) for one in lane), key=lambda point: point.number
    ) == sorted(points, key=lambda point: point.number)
