import json

from lab.storm import BROKEN, storm


def test_the_same_seed_is_the_same_storm() -> None:
    """But for its time, which is now."""
    one, two = (
        [alert["fingerprint"] for body in made.deliveries for alert in json.loads(body)["alerts"]]
        for made in (storm(500, seed=7), storm(500, seed=7))
    )

    assert one == two


def test_groups_are_alertmanagers() -> None:
    """At most a hundred a delivery; what is left out of a truncated one can be asked for."""
    made = storm(1000, seed=1)
    bodies = [json.loads(body) for body in made.deliveries]
    cut = [body for body in bodies if body["truncatedAlerts"]]

    assert len(bodies) == 10
    assert sum(len(body["alerts"]) + body["truncatedAlerts"] for body in bodies) == 1000
    assert len(cut) == 1
    assert len(made.whole[cut[0]["groupLabels"]["group"]]) == 100


def test_it_has_few_roots() -> None:
    """What is broken, a silent host, and what nobody knows."""
    made = storm(1000, seed=1)

    assert made.roots == len(BROKEN) + 1 + made.unknown
    assert made.unknown == 27
