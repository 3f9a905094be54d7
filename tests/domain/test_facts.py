import pytest

from nightshift.testing import container


@pytest.mark.parametrize(
    ("status", "health", "well"),
    [
        ("running", "none", True),
        ("running", "healthy", True),
        ("running", "unhealthy", False),
        ("running", "starting", False),
        ("paused", "none", False),
        ("exited", "healthy", False),
        ("restarting", "none", False),
    ],
)
def test_well_is_running_and_not_sick(status: str, health: str, well: bool) -> None:
    """An exited container with a stale green check is not well."""
    assert container(status=status, health=health).well is well
