"""Where things are kept, and when a worker counts as dead."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.errors import BadConfiguration
from nightshift.bounds import bounded
from nightshift.settings import Settings
from nightshift.wiring_store import (
    database_needed,
    keeps_to_one_core,
    must_be_shared,
    place_of,
    shared,
    takeover_s,
)

URL = SecretStr("postgres://me:hunter2@db.lan/nights")


def given(**values: Any) -> Settings:
    """Settings with these values."""
    return Settings(_env_file=None, **values)


def test_the_address_alone_decides() -> None:
    """Without one it is the data directory, whatever else is set."""
    here = given(nightshift_data_dir=Path("/d"))
    there = given(nightshift_data_dir=Path("/d"), database_url=URL)

    assert (place_of(here), shared(here)) == (Path("/d"), False)
    assert (place_of(there), shared(there)) == ("postgresql://me:hunter2@db.lan/nights", True)


def test_what_needs_a_server_says_so() -> None:
    """The sentence names the variable and the alternative."""
    with pytest.raises(BadConfiguration, match=r"DATABASE_URL.*nightshift serve"):
        must_be_shared(given(), "--no-worker")
    must_be_shared(given(database_url=URL), "--no-worker")


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, 35.0),
        ({"docker_timeout_s": 60.0, "docker_stop_grace_s": 10}, 80.0),
        ({"nightshift_settle_s": 100.0}, 110.0),
        ({"proxmox_host": "pve1"}, 160.0),
        ({"docker_timeout_s": 1.0, "docker_stop_grace_s": 0, "nightshift_settle_s": 0.0}, 11.0),
    ],
)
def test_takeover_waits_for_lease_and_longest_call(values: dict[str, Any], seconds: float) -> None:
    """Ten seconds without a sign of life, then the longest that a call may be under way."""
    assert takeover_s(given(**values)) == seconds


def test_the_database_is_protected() -> None:
    """What we need ourselves is not to be touched; the password goes nowhere."""
    limits = bounded(given(database_url=URL), own_id="")

    assert limits.needs == ["postgresql://db.lan:5432"]
    assert database_needed(given()) == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, True),
        ({"database_url": SecretStr("postgresql://u:p@db:5432/n")}, False),
        (
            {"database_url": SecretStr("postgresql://u:p@db:5432/n"), "nightshift_one_core": True},
            True,
        ),
        ({"nightshift_one_core": False}, False),
    ],
)
def test_one_core_is_for_who_is_alone(given: dict[str, Any], kept: bool) -> None:
    """Two that share a store may share a host, and could not be parted again."""
    assert keeps_to_one_core(Settings(**given)) is kept
