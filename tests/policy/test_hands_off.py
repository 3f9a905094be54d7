from typing import Any

import pytest

from domain.remedy import Verb
from nightshift.testing import guest
from policy.hands_off import hands_off


@pytest.mark.parametrize(
    ("changes", "verb", "word"),
    [
        ({}, "start_guest", ""),
        ({"lock": "backup"}, "raise_guest_memory", "locked (backup)"),
        ({"task": "vzdump"}, "start_guest", "vzdump"),
        ({"template": True}, "start_guest", "template"),
        ({"status": "unknown"}, "start_guest", "node"),
        ({"ha_state": "error"}, "start_guest", "HA manager"),
        ({"ha_state": "started"}, "reboot_guest", "HA manager"),
        ({"ha_state": "started"}, "raise_guest_memory", ""),
    ],
)
def test_what_is_not_touched(changes: dict[str, Any], verb: Verb, word: str) -> None:
    """A lock, a task, a template, the unseen; of HA guests only the memory is ours to change."""
    reason = hands_off(guest(**changes), verb)

    assert bool(reason) is bool(word)
    assert word in reason
