from lab.runner import settings
from lab.scenario import Policy


def test_a_policy_becomes_settings() -> None:
    """Modes by remedy or target, and what the scenario sets itself."""
    policy = Policy(mode="approve", modes={"restart": "observe"}, env={"NIGHTSHIFT_WORKERS": "2"})

    assert settings(policy) == {
        "NIGHTSHIFT_MODE": "approve",
        "NIGHTSHIFT_MODES": "restart=observe",
        "NIGHTSHIFT_WORKERS": "2",
    }


def test_a_scenario_without_a_policy_runs_in_auto() -> None:
    """No empty setting is passed on."""
    assert settings(Policy()) == {"NIGHTSHIFT_MODE": "auto"}
